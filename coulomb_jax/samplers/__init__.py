"""Ways of drawing codes from a trained family, one file each: a sampler is Family -> Family."""

from __future__ import annotations

import sys
from collections.abc import Callable

from coulomb_jax import naming
from coulomb_jax.family import Family

_PACKAGE = sys.modules[__name__]


def names() -> list[str]:
    """The samplers there are."""
    return naming.modules(_PACKAGE)


def function(name: str) -> Callable[..., Family]:
    """The sampler of a name, a function of a family and options.

    Raises:
      ValueError: no such sampler, with the nearest valid names.
    """
    return naming.function("sampler", _PACKAGE, name, names())


def apply(name: str, family: Family, **options) -> Family:
    """The family with the sampler `name` in place of its own `draw`.

    Raises:
      ValueError: no such sampler or option, with the nearest valid names.
    """
    build = function(name)
    naming.check_options(f"sampler {name}", build, options, given=1)
    return build(family, **options)
