"""Injective probability flow [kumar2020]: a deterministic autoencoder by change of variables."""

from __future__ import annotations

import jax.numpy as jnp

from coulomb_jax.density import jacobian
from coulomb_jax.families import terms
from coulomb_jax.family import Family


def inj_flow(
    arch, *, variance: float = 0.5, sigma: float = 1.0, weight: float = 1.0, reduction: str = "sum"
) -> Family:
    """Squared error / (2 variance) + |z|^2 / (2 sigma^2) + weight * log-volume of the decoder at z.

    The log-volume ln det(J^T J) / 2 of the decoder's Jacobian is the form "ln" of [kumar2020], estimated
    along one random direction for each code. J is that of the decoder on stored batch statistics: in
    training mode an example would depend on the codes of all others.

    Args:
      arch: the nets, an `Architecture`.
      variance: of the data about the decoder's image, in squared units of the data.
      sigma: standard deviation of the prior N(0, sigma^2 I).
      weight: of the log-volume, >= 0; 1 makes the loss a negative log-likelihood up to constants.
      reduction: of the squared error over coordinates, "sum" (the likelihood's) or "mean".
    """
    if not (variance > 0 and sigma > 0):
        raise ValueError(f"variance and sigma must be positive, not {variance} and {sigma}; choose others")
    if weight < 0:
        raise ValueError(f"the weight of the log-volume is at least 0, not {weight}; choose another")

    def objective(nets, x, key):
        z = nets.encoder(x)
        recon = terms.squared_error(x, nets.decoder(z), reduction)
        norm = jnp.mean(jnp.sum(z**2, axis=1))
        direction = terms.noise(nets, key, z.shape)
        volume = jnp.mean(jacobian.log_volume(nets.frozen.decoder, z, direction))
        loss = recon / (2.0 * variance) + norm / (2.0 * sigma**2) + weight * volume
        return loss, {"reconstruction": recon, "norm": norm, "log_volume": volume}

    prior = terms.normal_prior(arch.z_dim, sigma)
    return terms.deterministic(arch.encoder(), arch.decoder(), objective, prior)
