"""Data sets by name: every module of this folder that defines `load` is one, and is called so."""

from __future__ import annotations

import importlib
import inspect
import sys
from typing import Any

from coulomb_jax import naming
from coulomb_jax.data.source import DataError, Source, fingerprint

__all__ = ["DataError", "Source", "fingerprint", "load", "names", "options"]

_PACKAGE = sys.modules[__name__]


def names() -> list[str]:
    """The data sets there are, in alphabetical order."""
    return [name for name in naming.modules(_PACKAGE) if hasattr(_module(name), "load")]


def options(name: str) -> dict[str, Any]:
    """The options of a data set beside the seed, each with its default.

    Raises:
      ValueError: there is no such data set; the message gives the nearest names.
    """
    if name not in names():
        raise ValueError(naming.nearest("data set", name, names()))
    parameters = inspect.signature(_module(name).load).parameters
    return {key: value.default for key, value in parameters.items() if key != "seed"}


def load(name: str, *, seed: int = 0, **chosen: Any) -> Source:
    """Load a data set.

    Args:
      name: one of `names()`.
      seed: draws a synthetic set; sets read from files are the same for every seed.
      **chosen: the set's own options, those of `options(name)`.

    Raises:
      ValueError: no such set, or no such option; the message gives the nearest names.
      DataError: the set's files are missing or damaged; a ValueError too.
    """
    valid = options(name)
    for option in chosen:
        if option not in valid:
            raise ValueError(naming.nearest(f"option of the data set {name}", option, valid))
    read = _module(name).load
    if "seed" in inspect.signature(read).parameters:
        return read(seed=seed, **chosen)
    return read(**chosen)


def _module(name: str) -> Any:
    return importlib.import_module(f"{__name__}.{name}")
