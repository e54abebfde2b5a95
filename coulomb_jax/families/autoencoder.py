"""The plain autoencoder: the reconstruction that every other system gives something up of."""

from __future__ import annotations

from coulomb_jax.families import terms
from coulomb_jax.family import Family


def autoencoder(arch, *, reduction: str = "sum") -> Family:
    """Reconstruction alone. It has no prior: `draw` is N(0, I) until a sampler is fitted to its codes.

    Args:
      arch: the nets, an `Architecture`.
      reduction: of the squared error over coordinates, "sum" or "mean".
    """
    return terms.penalized(arch, {}, terms.normal_prior(arch.z_dim), reduction=reduction)
