"""Variational autoencoder [kingma2014] with a normal decoder of fixed variance; beta-VAE [higgins2017]."""

from __future__ import annotations

import jax.numpy as jnp

from coulomb_jax.density import gaussian
from coulomb_jax.families import terms
from coulomb_jax.family import Family, Stage, Update


def vae(arch, *, beta: float = 1.0, variance: float = 0.5, reduction: str = "sum") -> Family:
    """Squared error / (2 variance) + beta * KL(q(z|x) || N(0, I)), summed over coordinates, batch mean.

    Args:
      arch: the nets, an `Architecture`; the encoder gives mean and log-variance.
      beta: weight of the divergence; 1 is the VAE, any other the beta-VAE.
      variance: of the decoder, in squared units of the data. 0.5 makes the first term the plain
        squared error, 1 the usual unit variance; the constant ln(2 pi variance) / 2 is left out.
      reduction: of the squared error over coordinates, "sum" (the likelihood's) or "mean".
    """
    if not variance > 0:
        raise ValueError(f"the decoder's variance must be positive, not {variance}")

    def posterior(nets, x):
        return jnp.split(nets.encoder(x), 2, axis=1)

    def objective(nets, x, key):
        mean, log_var = posterior(nets, x)
        z = mean + jnp.exp(0.5 * log_var) * terms.noise(nets, key, mean.shape)
        recon = terms.squared_error(x, nets.decoder(z), reduction)
        kl = jnp.mean(gaussian.kl_to_standard(mean, log_var))
        return recon / (2.0 * variance) + beta * kl, {"reconstruction": recon, "kl": kl}

    def encode(nets, x, key):
        mean, log_var = posterior(nets, x)
        if key is None:
            return mean
        return mean + jnp.exp(0.5 * log_var) * terms.noise(nets, key, mean.shape)

    return Family(
        nets={"encoder": arch.encoder(2 * arch.z_dim), "decoder": arch.decoder()},
        stages=(Stage("train", (Update("elbo", objective, ("encoder", "decoder")),)),),
        encode=encode,
        decode=lambda nets, z: nets.decoder(z),
        draw=terms.normal_prior(arch.z_dim),
    )
