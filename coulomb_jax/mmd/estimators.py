"""Estimates of the squared maximum mean discrepancy between two sets of points."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from coulomb_jax.mmd.eager import compiled
from coulomb_jax.mmd.pairwise import distinct_pairs, off_diagonal, squared_distances
from coulomb_jax.mmd.points import check_kernel, check_same_space, checked_points
from coulomb_jax.mmd.radial import Kernel

ESTIMATORS = ("unbiased", "biased")
# Null standard errors above 0 from which on mmd2 counts as that of two different laws.
NOTABLE_ERRORS = 2.0
# The median of more pooled points than this moves by less than one percent.
MEDIAN_POINTS = 1000


def mmd2(
    x: Float[Array, "n d"],
    y: Float[Array, "m d"],
    kernel: Kernel,
    *,
    estimator: str = "unbiased",
) -> Float[Array, ""]:
    """Squared maximum mean discrepancy MMD²(P, Q) = E k(X,X') + E k(Y,Y') − 2 E k(X,Y).

    The unbiased estimate is the U-statistic: means of k over the pairs i ≠ j of x, over those of
    y, and over all pairs (i, j) of one point each. Its mean is MMD² at every n and m, so near
    equality it is negative half of the time; it is never clipped at 0. The biased one, the
    V-statistic, adds the pairs i = j at k(0): it is not negative for a positive definite kernel,
    but its mean at equal laws is (1/n + 1/m)·(k(0) − E k(X,X')), and k(0) of a Coulomb kernel is
    nothing but its clamp.

    Args:
        x: n >= 2 points of d coordinates, drawn independently from P.
        y: m >= 2 points of d coordinates, drawn independently from Q.
        kernel: for points of d coordinates.
        estimator: "unbiased" or "biased".

    Returns:
        A scalar in float32 (float64 for float64 points), differentiable in x, y and the
        kernel's parameters, twice at coincident points too.

    Raises:
        TypeError: the points are not floating, or kernel is no kernel.
        ValueError: wrong rank, dimension, number or value of points, or an unknown estimator.

    Source: [gretton2012] eq. 3 (unbiased, here for n ≠ m), eq. 5 (biased).

    >>> import jax
    >>> from coulomb_jax.mmd import gaussian, mmd2
    >>> x = jax.numpy.array([[0.0], [2.0]])
    >>> y = jax.numpy.array([[1.0], [1.0]])
    >>> round(mmd2(x, y, gaussian(1.0)).item(), 6)
    -0.077726
    """
    x, y = checked_points("x", x), checked_points("y", y)
    check_kernel(kernel, check_same_space(x=x, y=y))
    if estimator not in ESTIMATORS:
        raise ValueError(f"estimator must be one of {', '.join(ESTIMATORS)}, got {estimator!r}; choose one")
    return _biased(x, y, kernel) if estimator == "biased" else _unbiased(x, y, kernel)


def mmd2_with_error(
    x: Float[Array, "n d"], y: Float[Array, "m d"], kernel: Kernel
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Unbiased MMD² and its standard error, also where the two laws are equal.

    The Hoeffding decomposition splits the variance of the U-statistic without remainder:

        Var = 4·Var f(X)/n + 4·Var f(Y)/m + 2·ζ_xx/(n(n−1)) + 2·ζ_yy/(m(m−1)) + 4·ζ_xy/(nm),

    f(·) = E k(·,X) − E k(·,Y) the witness function and ζ the mean squares of the doubly centred
    kernels. Each term has an unbiased estimate in sums over the kernel matrices. At equal laws
    f = 0 and only the terms in ζ are left, which are estimated closely, while the estimate of
    those in f is as large as they are and as often negative as positive. So the terms in f are
    counted from the point on where mmd2 exceeds 2 of the errors that hold at equal laws. In
    simulations (n = 40 to 60, five kernels) the mean error is right to about 10 % at equal laws and
    where mmd2 is above 2 errors, and up to 25 % low between.

    A kernel whose square has no mean (Coulomb above three dimensions, but for its clamp) has no
    standard error: the number returned is then that of the sample and grows with n.

    Args:
        x: n >= 4 points of d coordinates.
        y: m >= 4 points of d coordinates.
        kernel: for points of d coordinates.

    Returns:
        ``(mmd2, standard_error)``, the error >= 0; memory is that of the n x n, m x m and n x m
        kernel matrices.

    Raises:
        TypeError, ValueError: as `mmd2`.

    Source: [sutherland2019], for n = m; the decomposition extends it to n ≠ m.

    >>> import jax
    >>> from coulomb_jax.mmd import gaussian, mmd2_with_error
    >>> x, y = jax.random.normal(jax.random.key(0), (2, 100, 3))
    >>> value, error = mmd2_with_error(x, y, gaussian(1.0))
    >>> bool(abs(value) < 4 * error)
    True
    """
    x, y = checked_points("x", x, least=4), checked_points("y", y, least=4)
    check_kernel(kernel, check_same_space(x=x, y=y))
    return _with_error(x, y, kernel)


def witness(
    points: Float[Array, "p d"],
    x: Float[Array, "n d"],
    y: Float[Array, "m d"],
    kernel: Kernel,
) -> Float[Array, "p"]:
    """Witness function mean_i k(·, x_i) − mean_j k(·, y_j): positive where x has more mass than y.

    Args:
        points: p >= 1 places to evaluate it at, of d coordinates.
        x: n >= 1 points of d coordinates.
        y: m >= 1 points of d coordinates.
        kernel: for points of d coordinates.

    Raises:
        TypeError, ValueError: as `mmd2`.

    Source: [gretton2012] section 2.

    >>> import jax.numpy as jnp
    >>> from coulomb_jax.mmd import energy, witness
    >>> witness(jnp.array([[0.0]]), jnp.array([[1.0]]), jnp.array([[3.0]]), energy()).tolist()
    [2.0]
    """
    points = checked_points("points", points, least=1)
    x, y = checked_points("x", x, least=1), checked_points("y", y, least=1)
    check_kernel(kernel, check_same_space(points=points, x=x, y=y))
    return _witness(points, x, y, kernel)


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


def mean_distinct(x: Float[Array, "n d"], kernel: Kernel) -> Float[Array, ""]:
    """Mean of the kernel over the pairs i ≠ j of one set, its diagonal never evaluated."""
    n = x.shape[0]
    total = sum(jnp.sum(jnp.sum(kernel(part), -1)) for part in distinct_pairs(x))
    return total * (2.0 / (n * (n - 1)))


@compiled
def _unbiased(x, y, kernel):
    across = jnp.mean(kernel(squared_distances(x, y)))
    return mean_distinct(x, kernel) + mean_distinct(y, kernel) - 2.0 * across


@compiled
def _biased(x, y, kernel):
    n, m = x.shape[0], y.shape[0]
    at_zero = kernel(jnp.zeros((), x.dtype)) * (1 / n + 1 / m)
    within = mean_distinct(x, kernel) * (1 - 1 / n) + mean_distinct(y, kernel) * (1 - 1 / m)
    return within + at_zero - 2.0 * jnp.mean(kernel(squared_distances(x, y)))


@compiled
def _with_error(x, y, kernel):
    n, m = x.shape[0], y.shape[0]
    xx = kernel(off_diagonal(squared_distances(x, x)))
    yy = kernel(off_diagonal(squared_distances(y, y)))
    xy = kernel(squared_distances(x, y))
    mean_xx, mean_yy, mean_xy = jnp.mean(xx), jnp.mean(yy), jnp.mean(xy)
    # The variance ignores constants; without them, sums of squares keep their digits.
    xx, yy, xy = xx - mean_xx, yy - mean_yy, xy - mean_xy
    sums_x, sums_y = jnp.sum(xx, 1) / (n - 2), jnp.sum(yy, 1) / (m - 2)
    rows, columns = jnp.mean(xy, 1), jnp.mean(xy, 0)

    second_x = _second_order(xx, sums_x)
    second_y = _second_order(yy, sums_y)
    residual = xy - rows[:, None] - columns[None, :]
    second_xy = jnp.sum(residual**2) / ((n - 1) * (m - 1))
    second = 2 * second_x / (n * (n - 1)) + 2 * second_y / (m * (m - 1))
    second = second + 4 * second_xy / (n * m)

    # A row mean is the witness at its point and the mean of that row's residuals: their variance
    # is known, and is subtracted.
    first_x = jnp.var(sums_x - rows, ddof=1) - second_x / (n - 2) - second_xy / m
    first_y = jnp.var(sums_y - columns, ddof=1) - second_y / (m - 2) - second_xy / n
    first = 4 * first_x / n + 4 * first_y / m

    value = mean_xx + mean_yy - 2.0 * mean_xy
    differs = (value > 0.0) & (value**2 > NOTABLE_ERRORS**2 * second)
    variance = second + jnp.where(differs, jnp.maximum(first, 0.0), 0.0)
    positive = variance > 0.0  # not so where all points coincide, and sqrt has no slope at 0
    return value, jnp.where(positive, jnp.sqrt(jnp.where(positive, variance, 1.0)), 0.0)


@compiled
def _witness(points, x, y, kernel):
    near_x = jnp.mean(kernel(squared_distances(points, x)), 1)
    return near_x - jnp.mean(kernel(squared_distances(points, y)), 1)


@compiled
def _median_distance(pooled):
    r2 = jnp.concatenate([part.ravel() for part in distinct_pairs(pooled)])
    return jnp.median(jnp.sqrt(r2))


def _second_order(centred, sums):
    """Unbiased mean square of a doubly centred kernel from its off-diagonal, mean 0, n x (n−1).

    The sample is centred so that each row's sum over the others vanishes: this, not the usual
    centring of a full matrix, leaves no bias, and no estimate below 0.
    """
    n = sums.shape[0]
    partners = off_diagonal(jnp.broadcast_to(sums[None, :], (n, n)))
    return jnp.sum((centred - sums[:, None] - partners) ** 2) / (n * (n - 3))


def _evenly(points, share):
    count = max(2, round(share * points.shape[0]))
    return points[np.linspace(0, points.shape[0] - 1, count).round().astype(int)]
