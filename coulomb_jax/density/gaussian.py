"""Multivariate normal laws: fitting, sampling, divergence."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def fit(z: Float[Array, "n d"]) -> dict[str, Array]:
    """The maximum-likelihood normal law of a sample.

    Returns:
      `mean` `[d]` and `factor` `[d d]`, a square root of the covariance (divided by n): factor @ factor.T
      is the covariance. It is taken from the eigenvectors, so that a covariance of less than full
      rank (an unused latent dimension) is no error.
    """
    mean = jnp.mean(z, axis=0)
    centred = z - mean[None]
    covariance = jnp.matmul(centred.T, centred, precision="highest") / z.shape[0]
    values, vectors = jnp.linalg.eigh(covariance)
    return {"mean": mean, "factor": vectors * jnp.sqrt(jnp.maximum(values, 0.0))[None]}


def sample(
    key: jax.Array, n: int, mean: Float[Array, " d"], factor: Float[Array, "d k"]
) -> Float[Array, "n d"]:
    """Draws `n` points of N(mean, factor @ factor.T)."""
    noise = jax.random.normal(key, (n, factor.shape[1]))
    return mean[None] + jnp.matmul(noise, factor.T, precision="highest")


def kl_to_standard(mean: Float[Array, "b d"], log_var: Float[Array, "b d"]) -> Float[Array, " b"]:
    """KL(N(mean, diag exp(log_var)) || N(0, I)) in nats, summed over dimensions, unreduced over b.

    [kingma2014] appendix B.
    """
    return 0.5 * jnp.sum(mean**2 + jnp.exp(log_var) - 1.0 - log_var, axis=1)


def log_density(
    z: Float[Array, "b d"], mean: Float[Array, "#b d"], log_var: Float[Array, "#b d"]
) -> Float[Array, " b"]:
    """ln N(z; mean, diag exp(log_var)) in nats, a row at a time."""
    scaled = (z - mean) ** 2 * jnp.exp(-log_var)
    return -0.5 * jnp.sum(scaled + log_var + math.log(2.0 * math.pi), axis=1)


def log_mixture(
    z: Float[Array, "b d"], mean: Float[Array, "k d"], log_var: Float[Array, "k d"]
) -> Float[Array, " b"]:
    """ln of the mean of the k densities N(mean_k, diag exp(log_var_k)) at each row of z, in nats."""
    each = jax.vmap(lambda m, v: log_density(z, m[None], v[None]))(mean, log_var)
    return jax.nn.logsumexp(each, axis=0) - math.log(mean.shape[0])


def entropy(log_var: Float[Array, "b d"]) -> Float[Array, " b"]:
    """Entropy of N(., diag exp(log_var)) in nats, summed over dimensions, unreduced over b."""
    return 0.5 * jnp.sum(log_var + math.log(2.0 * math.pi * math.e), axis=1)
