"""Bandwidths from the distances of the points."""

import numbers

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from coulomb_jax.mmd.eager import compiled
from coulomb_jax.mmd.pairwise import distinct_pairs
from coulomb_jax.mmd.points import check_same_space, checked_points

# The median of more pooled points than this moves by less than one percent.
POINTS = 1000


def median_heuristic(x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, ""]:
    """Median of the distances between the distinct pairs of both sets pooled, as a bandwidth.

    It is exact up to 1,000 pooled points. Of more, evenly spaced ones of each set are taken, in
    proportion to the sets: shuffle points whose order has a period. It is 0 where more than half
    of the pairs coincide, and then no bandwidth. It is a constant to ``jax.grad``.

    Args:
        x: n >= 2 points of d coordinates.
        y: m >= 2 points of d coordinates.

    Returns:
        A distance, as `gaussian` takes it (some authors use it divided by sqrt(2)).

    Raises:
        TypeError, ValueError: as `mmd2`.

    Source: [gretton2012] section 8.

    >>> import jax.numpy as jnp
    >>> from coulomb_jax.mmd import median_heuristic
    >>> median_heuristic(jnp.array([[0.0], [1.0]]), jnp.array([[3.0], [7.0]])).item()
    3.5
    """
    return _quantiles(_pooled(x, y), jnp.asarray([0.5]))[0]


def bandwidths(x: Float[Array, "n d"], y: Float[Array, "m d"], count: int = 10) -> Float[Array, "count"]:
    """Bandwidths from half the 5 % to twice the 95 % quantile of the distances, in equal ratios.

    The distances are those of `median_heuristic`. A kernel for each makes an aggregated test: see
    `two_sample_test`. They do not depend on which of the pooled points are x, up to the choice of
    1,000 of more, so a permutation test keeps its level.

    Args:
        x: n >= 2 points of d coordinates.
        y: m >= 2 points of d coordinates.
        count: how many, at least 1; a single one is the geometric mean of the ends.

    Returns:
        Distances, from small to large; the least is at least a thousandth of the largest.

    Raises:
        TypeError: as `mmd2`, or count is no whole number.
        ValueError: as `mmd2`, or count is less than 1.

    Source: [schrab2023] section 5.2.

    >>> import jax
    >>> from coulomb_jax.mmd import bandwidths
    >>> x, y = jax.random.normal(jax.random.key(0), (2, 200, 3))
    >>> [round(width, 1) for width in bandwidths(x, y, 4).tolist()]
    [0.4, 1.1, 2.9, 7.8]
    """
    if not isinstance(count, numbers.Integral) or isinstance(count, bool):
        raise TypeError(f"bandwidths: count must be a whole number, got {count!r}; pass a Python int")
    if count < 1:
        raise ValueError(f"bandwidths: count must be at least 1, got {count}; ask for more")
    low, high = _quantiles(_pooled(x, y), jnp.asarray([0.05, 0.95]), positive=True)
    low, high = jnp.log(jnp.maximum(low / 2, 2e-3 * high)), jnp.log(2 * high)
    steps = np.linspace(0.0, 1.0, count) if count > 1 else np.array([0.5])
    return jnp.exp(low + (high - low) * jnp.asarray(steps, high.dtype))


def _pooled(x, y):
    """Return the points of both sets, or evenly spaced ones of each."""
    x, y = checked_points("x", x), checked_points("y", y)
    check_same_space(x=x, y=y)
    share = min(1.0, POINTS / (x.shape[0] + y.shape[0]))
    return jax.lax.stop_gradient(jnp.concatenate([_evenly(x, share), _evenly(y, share)]))


@compiled
def _quantiles(pooled, shares, *, positive=False):
    r2 = jnp.concatenate([part.ravel() for part in distinct_pairs(pooled)])
    if positive:
        return jnp.nanquantile(jnp.where(r2 == 0.0, jnp.nan, jnp.sqrt(r2)), shares)
    return jnp.quantile(jnp.sqrt(r2), shares)


def _evenly(points, share):
    count = max(2, round(share * points.shape[0]))
    return points[np.linspace(0, points.shape[0] - 1, count).round().astype(int)]
