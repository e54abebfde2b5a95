"""Generative autoencoders in JAX, and the MMD library beneath them.

`coulomb_jax.mmd` needs jax alone; everything else of the package is imported only when it is asked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from coulomb_jax.version import __version__

if TYPE_CHECKING:
    from coulomb_jax.model import Model
    from coulomb_jax.saved import load

__all__ = ["Model", "__version__", "load"]


def __getattr__(name: str):
    if name == "load":
        from coulomb_jax.saved import load

        return load
    if name == "Model":
        from coulomb_jax.model import Model

        return Model
    raise AttributeError(f"module 'coulomb_jax' has no attribute {name!r}")
