"""Distances of a batch of codes from a law by its marginal distribution functions and its covariance."""

from __future__ import annotations

from collections.abc import Callable

import jax.numpy as jnp
from jaxtyping import Array, Float


def ks(z: Float[Array, "n d"], cdf: Callable) -> Float[Array, ""]:
    """Mean squared Kolmogorov-Smirnov distance of the marginals: (F(z_(i)) - i / n)^2 over i and coordinates.

    z_(i) is the i-th smallest of a coordinate, counted from 1 as the code of [saseendran2021] does.

    Args:
      z: codes of the whole batch.
      cdf: marginal distribution functions, `[n d]` to `[n d]` in [0, 1].
    """
    n = z.shape[0]
    steps = jnp.arange(1, n + 1) / n
    return jnp.mean((cdf(jnp.sort(z, axis=0)) - steps[:, None]) ** 2)


def ks_at_prior(n: int) -> float:
    """The mean of `ks` over batches of `n` draws of the law itself, whatever the law, if it is continuous.

    F(z_(i)) is a Beta(i, n + 1 - i) variable: its variance and squared bias to i / n add up to
    (n + 1) / (6 n^2).
    """
    return (n + 1) / (6.0 * n**2)


def covariance_gap(z: Float[Array, "n d"], covariance: Float[Array, "d d"]) -> Float[Array, ""]:
    """Mean over all d^2 entries of the squared difference of the codes' covariance, divided by n."""
    centred = z - jnp.mean(z, axis=0)[None]
    found = jnp.matmul(centred.T, centred, precision="highest") / z.shape[0]
    return jnp.mean((found - covariance) ** 2)


def covariance_gap_at_prior(
    n: int, covariance: Float[Array, "d d"], fourth: Float[Array, "d d"]
) -> Float[Array, ""]:
    """The mean of `covariance_gap` over batches of `n` >= 2 draws of the law itself.

    Args:
      n: draws in a batch.
      covariance: of the law.
      fourth: its central moments E (z_i - m_i)^2 (z_j - m_j)^2.
    """
    variances = jnp.diagonal(covariance)
    # The variance of the unbiased estimate of a covariance, entry by entry.
    unbiased = (fourth - covariance**2) / n
    unbiased += (variances[:, None] * variances[None] + covariance**2) / (n * (n - 1))
    return jnp.mean(((n - 1) / n) ** 2 * unbiased + (covariance / n) ** 2)
