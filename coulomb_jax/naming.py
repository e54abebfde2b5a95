"""Finding things by name: a module's name is its registry, and a wrong name gets a useful sentence."""

from __future__ import annotations

import difflib
import importlib
import inspect
import pkgutil
from collections.abc import Callable, Iterable
from types import ModuleType


def nearest(kind: str, name: str, valid: Iterable[str]) -> str:
    """The sentence to raise with: what was asked for, the closest valid names, and all of them."""
    valid = sorted(valid)
    close = difflib.get_close_matches(str(name), valid, n=3, cutoff=0.5)
    guess = f"did you mean {' or '.join(close)}? " if close else ""
    return f"there is no {kind} {name!r}; {guess}valid names: {', '.join(valid) or 'none'}"


def modules(package: ModuleType, *, but: Iterable[str] = ()) -> list[str]:
    """The names of a package's modules, sorted, those of `but` left out."""
    return sorted({m.name for m in pkgutil.iter_modules(package.__path__)} - set(but))


def function(kind: str, package: ModuleType, name: str, valid: Iterable[str]) -> Callable:
    """The function of its own name that the module `name` of a package exports.

    Raises:
      ValueError: `name` is not in `valid`.
    """
    if name not in valid:
        raise ValueError(nearest(kind, name, valid))
    return getattr(importlib.import_module(f"{package.__name__}.{name}"), name)


def check_options(kind: str, build: Callable, options: Iterable[str], *, given: int = 0) -> None:
    """Refuses an option that `build` has no argument for, its first `given` arguments aside.

    Raises:
      ValueError: with the nearest valid names.
    """
    valid = list(inspect.signature(build).parameters)[given:]
    for option in options:
        if option not in valid:
            raise ValueError(nearest(f"option of the {kind}", option, valid))
