"""The systems, one file each; a file exports the function of its own name."""

from __future__ import annotations

import sys
from collections.abc import Callable

from coulomb_jax import naming
from coulomb_jax.family import Family
from coulomb_jax.nets.architecture import Architecture

_PACKAGE = sys.modules[__name__]


def names() -> list[str]:
    """The families there are."""
    return naming.modules(_PACKAGE, but=["likelihoods", "terms"])


def function(name: str) -> Callable[..., Family]:
    """The function that makes the family `name` of an architecture and its options.

    Raises:
      ValueError: no such family, with the nearest valid names.
    """
    return naming.function("family", _PACKAGE, name, names())


def make(name: str, arch: Architecture, **options) -> Family:
    """The family `name` for an architecture, with the keyword arguments of its function.

    Raises:
      ValueError: no such family or option, with the nearest valid names.
    """
    build = function(name)
    naming.check_options(f"family {name}", build, options, given=1)
    return build(arch, **options)
