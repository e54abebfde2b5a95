"""Estimates of the squared maximum mean discrepancy between two sets of points."""

import numbers

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from coulomb_jax.mmd.eager import compiled
from coulomb_jax.mmd.points import check_kernel, check_same_space, checked_points
from coulomb_jax.mmd.radial import Kernel
from coulomb_jax.mmd.rows import mean_over_columns
from coulomb_jax.mmd.sums import sum_between, sum_distinct

ESTIMATORS = ("unbiased", "biased", "linear", "block")
# Pairs of the block estimator that are evaluated at once.
PAIRS_AT_ONCE = 2**20


def mmd2(
    x: Float[Array, "n d"],
    y: Float[Array, "m d"],
    kernel: Kernel,
    *,
    estimator: str = "unbiased",
    block_size: int | None = None,
) -> Float[Array, ""]:
    """Squared maximum mean discrepancy MMD²(P, Q) = E k(X,X') + E k(Y,Y') − 2 E k(X,Y).

    ============  ==========  ==================================================================
    estimator     cost        means over
    ============  ==========  ==================================================================
    "unbiased"    (n + m)²    all pairs i ≠ j of x, those of y, all pairs of one point each
    "biased"      (n + m)²    the same and the pairs i = j, at k(0)
    "block"       m²·B/n      the unbiased estimates of blocks: B points of n, B·m/n of m >= n
    "linear"      n + m       the pairs (0, 1), (2, 3), ... of x, those of y, (i, i + 1) across
    ============  ==========  ==================================================================

    All but the biased one have MMD² as their mean at every n and m, so near equality they are
    negative half of the time; they are never clipped at 0. The biased one, the V-statistic, is
    not negative for a positive definite kernel, but its mean at equal laws is
    (1/n + 1/m)·(k(0) − E k(X,X')), and k(0) of a Coulomb kernel is nothing but its clamp.

    Memory does not grow with n·m: large sets are summed tile by tile, value and gradient, each
    distinct pair once. Second derivatives in reverse mode do keep all tiles; take the forward
    derivative of the gradient instead.

    Args:
        x: n >= 2 points of d coordinates, drawn independently from P.
        y: m >= 2 points of d coordinates, drawn independently from Q.
        kernel: for points of d coordinates.
        estimator: one of the four above.
        block_size: for "unbiased" and "biased", most rows and columns of a tile (default: 2048
            on a CPU, 4096 elsewhere, small sets at once); it changes the value by rounding only.
            For "block" it is B >= 2, by default the root of the smaller set's size n. There are
            n // B blocks, among which both sets are divided; the points left over are left out.

    Returns:
        A scalar in float32 (float64 for float64 points), differentiable in x, y and the
        kernel's parameters, twice at coincident points too.

    Raises:
        TypeError: the points are not floating, kernel is no kernel, or block_size no integer.
        ValueError: wrong rank, dimension, number or value of points, an unknown estimator, or a
            block_size out of range or where it has no meaning.

    Source: [gretton2012] eq. 3 (unbiased, here for n ≠ m), eq. 5 (biased), section 6 (linear);
    [zaremba2013] (block).

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
    if block_size is not None:
        _check_block_size(block_size, estimator, min(x.shape[0], y.shape[0]))
        block_size = int(block_size)
    if estimator == "linear":
        return _linear(x, y, kernel)
    if estimator == "block":
        return _block(x, y, kernel, size=block_size or max(2, round(min(x.shape[0], y.shape[0]) ** 0.5)))
    core = _biased if estimator == "biased" else _unbiased
    return core(x, y, kernel, block_size=block_size)


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


def mean_distinct(x: Float[Array, "n d"], kernel: Kernel, block_size: int | None = None) -> Float[Array, ""]:
    """Mean of the kernel over the pairs i ≠ j of one set, its diagonal never evaluated."""
    n = x.shape[0]
    return sum_distinct(x, kernel, block_size) * (2.0 / (n * (n - 1)))


def _check_block_size(block_size, estimator, fewest):
    if estimator == "linear":
        raise ValueError(
            'block_size has no meaning for estimator="linear", which takes each point once; leave it out'
        )
    if not isinstance(block_size, numbers.Integral) or isinstance(block_size, bool):
        raise TypeError(f"block_size must be a whole number, got {block_size!r}; pass a Python int")
    least, most = (2, fewest) if estimator == "block" else (1, np.inf)
    if not least <= block_size <= most:
        between = f"between {least} and {most}, the smaller set" if estimator == "block" else "at least 1"
        raise ValueError(f"block_size must be {between}, got {block_size}; choose another")


def _across(x, y, kernel, block_size):
    return sum_between(x, y, kernel, block_size) * (1.0 / (x.shape[0] * y.shape[0]))


@compiled
def _unbiased(x, y, kernel, *, block_size):
    within = mean_distinct(x, kernel, block_size) + mean_distinct(y, kernel, block_size)
    return within - 2.0 * _across(x, y, kernel, block_size)


@compiled
def _biased(x, y, kernel, *, block_size):
    n, m = x.shape[0], y.shape[0]
    within_x = mean_distinct(x, kernel, block_size) * (1 - 1 / n)
    within_y = mean_distinct(y, kernel, block_size) * (1 - 1 / m)
    at_zero = kernel(jnp.zeros((), x.dtype)) * (1 / n + 1 / m)
    return within_x + within_y + at_zero - 2.0 * _across(x, y, kernel, block_size)


@compiled
def _block(x, y, kernel, *, size):
    count = min(x.shape[0], y.shape[0]) // size
    x, y = (points[: len(points) // count * count].reshape(count, -1, points.shape[1]) for points in (x, y))
    at_once = max(1, PAIRS_AT_ONCE // (x.shape[1] * y.shape[1]))

    def one(blocks):
        return _unbiased(*blocks, kernel, block_size=None)

    return jnp.mean(jax.lax.map(one, (x, y), batch_size=min(at_once, count)))


@compiled
def _linear(x, y, kernel):
    n, m = x.shape[0], y.shape[0]
    # Neighbours across, not equals: y_i may have been made from x_i.
    i = np.arange(max(n, m))
    across = _mean_of_pairs(x[i % n], y[(i + 1) % m], kernel)
    within_x = _mean_of_pairs(x[: n // 2 * 2 : 2], x[1::2], kernel)
    within_y = _mean_of_pairs(y[: m // 2 * 2 : 2], y[1::2], kernel)
    return within_x + within_y - 2.0 * across


def _mean_of_pairs(x, y, kernel):
    return jnp.mean(kernel(jnp.sum((x - y) ** 2, -1)))


@compiled
def _witness(points, x, y, kernel):
    return mean_over_columns(points, x, kernel) - mean_over_columns(points, y, kernel)
