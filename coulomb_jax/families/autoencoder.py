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

    def objective(nets, x, key):
        recon = terms.squared_error(x, nets.decoder(nets.encoder(x)), reduction)
        return recon, {"reconstruction": recon}

    return terms.deterministic(arch.encoder(), arch.decoder(), objective, terms.normal_prior(arch.z_dim))
