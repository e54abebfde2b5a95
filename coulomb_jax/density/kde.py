"""Gaussian kernel density estimates."""

from __future__ import annotations

import functools
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

from coulomb_jax.density import gaussian

BLOCK_PAIRS = 2**20

RULES = {
    "scott": lambda n, d: n ** (-1 / (d + 4)),
    "silverman": lambda n, d: (n * (d + 2) / 4) ** (-1 / (d + 4)),
}
"""The kernel's standard deviation in units of the sample's own, for n points of d coordinates
[scott1992], [silverman1986]."""


def log_density(
    points: Float[Array, "m d"],
    sample: Float[Array, "n d"],
    bandwidths: Float[ArrayLike, "*b"],
) -> Float[Array, "*b m"]:
    """Log density, in nats, of a Gaussian kernel density estimate.

    ln p(x) = ln sum_i exp(-|x - s_i|^2 / (2 h^2)) - ln n - d ln h - (d/2) ln(2 pi).

    Distances are formed once for all bandwidths, as differences, about a million pairs at a time:
    memory does not grow with m. Everything is float32 (float64 where the arrays are), and the
    nearest point is factored out of the sum, so that points thousands of bandwidths away get a
    large negative number and not -inf.

    Args:
      points: where the density is wanted.
      sample: the points it is estimated from.
      bandwidths: standard deviations h > 0 of the kernel, in the units of the points; a number
        or an array.

    Returns:
      One value a bandwidth and point; for a single number as bandwidth, one a point.

    Raises:
      TypeError: points or sample are not floating.
      ValueError: shapes that do not fit together, an empty array, a bandwidth that is not positive.
    """
    points, sample = _floating("points", points), _floating("sample", sample)
    if points.ndim != 2 or sample.ndim != 2 or points.shape[1] != sample.shape[1]:
        raise ValueError(
            "points [m, d] and sample [n, d] must be matrices of one width, but their shapes are "
            f"{points.shape} and {sample.shape}; reshape images to rows first"
        )
    if 0 in points.shape or 0 in sample.shape:
        raise ValueError(
            f"a density needs points and a sample, but their shapes are {points.shape} and "
            f"{sample.shape}; pass at least one row of at least one coordinate in each"
        )
    widths = jnp.asarray(bandwidths, jnp.promote_types(points.dtype, sample.dtype))
    if not isinstance(widths, jax.core.Tracer) and not bool(jnp.all(widths > 0)):
        raise ValueError(f"bandwidths must be positive, but they are {bandwidths}; drop the others")
    block = max(1, min(len(points), BLOCK_PAIRS // len(sample)))
    table = _log_density(points, sample, widths.reshape(-1), block)
    return table.reshape(*widths.shape, len(points))


def check_bandwidth(bandwidth: str | float) -> None:
    """Refuses what is neither a rule's name nor a positive number.

    Raises:
      ValueError: with the names of the rules.
    """
    if bandwidth not in RULES and (isinstance(bandwidth, str) or not bandwidth > 0):
        raise ValueError(
            f"a bandwidth is a positive number or one of {', '.join(RULES)}, not {bandwidth!r}; "
            "choose another"
        )


def noise_factor(sample: Float[Array, "n d"], bandwidth: str | float) -> Float[Array, "d d"]:
    """A square root of the kernel's covariance: a share of the sample's by a rule, or round."""
    n, d = sample.shape
    if bandwidth in RULES:
        return RULES[bandwidth](n, d) * math.sqrt(n / max(n - 1, 1)) * gaussian.fit(sample)["factor"]
    return bandwidth * jnp.eye(d, dtype=sample.dtype)


def sample(
    key: jax.Array, n: int, codes: Float[Array, "m d"], factor: Float[Array, "d d"]
) -> Float[Array, "n d"]:
    """Draws `n` points of the estimate whose kernel has the covariance factor @ factor.T."""
    which, how = jax.random.split(key)
    centres = jax.random.choice(which, codes, (n,))
    return centres + gaussian.sample(how, n, jnp.zeros(codes.shape[1], codes.dtype), factor)


def _floating(name: str, values: ArrayLike) -> Array:
    values = jnp.asarray(values)
    if not jnp.issubdtype(values.dtype, jnp.floating):
        raise TypeError(f"{name} must be floating, but its dtype is {values.dtype}; cast it first")
    return values.astype(jnp.promote_types(values.dtype, jnp.float32))


@functools.partial(jax.jit, static_argnames="block")
def _log_density(points, sample, widths, block):
    n, d = sample.shape
    log_normaliser = math.log(n) + d * jnp.log(widths) + d / 2 * math.log(2 * math.pi)

    def at(point):
        difference = point[None, :] - sample
        r2 = jnp.sum(difference**2, axis=1)
        nearest = jax.lax.stop_gradient(jnp.min(r2))
        inverse = 0.5 / widths**2
        above = jnp.sum(jnp.exp(-inverse[:, None] * (r2 - nearest)[None, :]), axis=1)
        return jnp.log(above) - inverse * nearest - log_normaliser

    return jax.lax.map(at, points, batch_size=block).T
