"""The median heuristic for a bandwidth."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from coulomb_jax.mmd.eager import compiled
from coulomb_jax.mmd.pairwise import distinct_pairs
from coulomb_jax.mmd.points import check_same_space, checked_points

# The median of more pooled points than this moves by less than one percent.
MEDIAN_POINTS = 1000


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
    x, y = checked_points("x", x), checked_points("y", y)
    check_same_space(x=x, y=y)
    n, m = x.shape[0], y.shape[0]
    share = min(1.0, MEDIAN_POINTS / (n + m))
    pooled = jnp.concatenate([_evenly(x, share), _evenly(y, share)])
    return _median_distance(jax.lax.stop_gradient(pooled))


@compiled
def _median_distance(pooled):
    r2 = jnp.concatenate([part.ravel() for part in distinct_pairs(pooled)])
    return jnp.median(jnp.sqrt(r2))


def _evenly(points, share):
    count = max(2, round(share * points.shape[0]))
    return points[np.linspace(0, points.shape[0] - 1, count).round().astype(int)]
