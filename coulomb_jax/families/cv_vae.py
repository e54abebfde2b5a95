"""Constant-variance variational autoencoder [ghosh2020]: the VAE with a posterior of one fixed width."""

from __future__ import annotations

import math

import jax.numpy as jnp

from coulomb_jax.density import gaussian
from coulomb_jax.families import terms
from coulomb_jax.family import Family


def cv_vae(arch, *, sigma: float = 0.7, beta: float = 0.039, reduction: str = "sum") -> Family:
    """Squared error + beta * KL(N(mean(x), sigma^2 I) || N(0, I)), of which only |mean|^2 / 2 can be learned.

    Args:
      arch: the nets, an `Architecture`; the encoder gives the mean.
      sigma: deviation of the posterior in every dimension, > 0.
      beta: weight of the divergence, >= 0; 0.039 on MNIST.
      reduction: of the squared error over coordinates, "sum" or "mean".

    Raises:
      ValueError: a deviation or a weight out of its range.
    """
    if not sigma > 0 or beta < 0:
        raise ValueError(f"sigma must be positive and beta at least 0, not {sigma} and {beta}; choose others")

    def objective(nets, x, key):
        mean = nets.encoder(x)
        z = mean + sigma * terms.noise(nets, key, mean.shape)
        recon = terms.squared_error(x, nets.decoder(z), reduction)
        kl = jnp.mean(gaussian.kl_to_standard(mean, jnp.full_like(mean, 2.0 * math.log(sigma))))
        return recon + beta * kl, {"reconstruction": recon, "kl": kl}

    def encode(nets, x, key):
        mean = nets.encoder(x)
        return mean if key is None else mean + sigma * terms.noise(nets, key, mean.shape)

    family = terms.deterministic(arch.encoder(), arch.decoder(), objective, terms.normal_prior(arch.z_dim))
    return family._replace(encode=encode)
