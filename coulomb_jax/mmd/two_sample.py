"""Two-sample tests: are two sets of points draws of the same law?"""

import numbers
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from coulomb_jax.mmd.eager import compiled
from coulomb_jax.mmd.pairwise import squared_distances
from coulomb_jax.mmd.points import check_kernel, check_same_space, checked_key, checked_points
from coulomb_jax.mmd.radial import Kernel
from coulomb_jax.mmd.rows import by_blocks

METHODS = ("permutation", "wild_bootstrap")
# Points of each set from which a typical kernel value is taken.
SAMPLE = 256
# Statistics closer than this, in units of the largest, are ties: float32 sums differ by as much.
TIE = 1e-5


class TestResult(NamedTuple):
    """The outcome of `two_sample_test`; with several kernels, arrays have one row for each."""

    statistic: Float[Array, "*kernels"]  # unbiased MMD²
    p_value: Float[Array, ""]  # of the whole test
    null: Float[Array, "*kernels b"]  # the statistic under b random relabellings
    p_values: Float[Array, "*kernels"]  # of each kernel by itself


def two_sample_test(
    key: jax.Array,
    x: Float[Array, "n d"],
    y: Float[Array, "m d"],
    kernel: Kernel | Sequence[Kernel],
    *,
    permutations: int = 999,
    method: str = "permutation",
) -> TestResult:
    """Test whether x and y are draws of the same law; a small p-value says that they are not.

    "permutation" pools the points and deals them out again; it holds its level exactly at every
    n and m: at equal laws P(p_value <= a) <= a. "wild_bootstrap" multiplies
    h_ij = k(x_i, x_j) + k(y_i, y_j) − k(x_i, y_j) − k(y_i, x_j) by random signs s_i·s_j; it needs
    n = m, leaves the pairs (x_i, y_i) out of the statistic, and holds its level exactly too
    where x_i and y_i may be swapped, paired data included. Both count the observed statistic
    among the others: p = (1 + #{null >= observed})/(1 + permutations), never 0.

    Several kernels make one aggregated test, sensitive at each of their bandwidths: the smallest
    of their p-values is compared with that of the same relabellings, so the level is held exactly
    with no correction for the number of kernels:

        two_sample_test(key, x, y, [gaussian(s) for s in bandwidths(x, y)])

    Every kernel value is evaluated once and multiplied by all relabellings at once; memory is that
    of (n + m) x permutations numbers and some rows of the kernel matrix.

    Args:
        key: one random key; the same key gives the same result.
        x: n >= 2 points of d coordinates, drawn independently.
        y: m >= 2 points of d coordinates.
        kernel: for points of d coordinates, or several of them.
        permutations: random relabellings, at least 1; no p-value is below 1/(1 + permutations).
        method: "permutation" or "wild_bootstrap".

    Raises:
        TypeError: as `mmd2`, key is no key, or permutations is no whole number.
        ValueError: as `mmd2`, an unknown method, n ≠ m for the wild bootstrap, no kernels, or
            permutations < 1.

    Source: [gretton2012] section 5 and [phipson2010] (permutations), [chwialkowski2014] (signs),
    [schrab2023] for the aggregation, here by the least p-value over one set of relabellings.

    >>> import jax
    >>> from coulomb_jax.mmd import bandwidths, gaussian, two_sample_test
    >>> x, y = jax.random.normal(jax.random.key(0), (2, 100, 3))
    >>> kernels = [gaussian(sigma) for sigma in bandwidths(x, y)]
    >>> bool(two_sample_test(jax.random.key(1), x, y, kernels).p_value > 0.05)
    True
    >>> bool(two_sample_test(jax.random.key(1), x, y + 1.0, kernels).p_value < 0.01)
    True
    """
    x, y = checked_points("x", x), checked_points("y", y)
    dim = check_same_space(x=x, y=y)
    kernels = tuple(kernel) if isinstance(kernel, Sequence) else (kernel,)
    if not kernels:
        raise ValueError("kernel must be a kernel or several, got an empty list; add one")
    for one in kernels:
        check_kernel(one, dim)
    _check_options(permutations, method, x.shape[0], y.shape[0])
    run = _by_permutations if method == "permutation" else _by_signs
    statistics = run(checked_key(key), x, y, kernels, count=int(permutations))
    p_values, p_value = _p_values(statistics)
    if not isinstance(kernel, Sequence):
        statistics, p_values = statistics[0], p_values[0]
    return TestResult(statistics[..., 0], p_value, statistics[..., 1:], p_values)


def _check_options(permutations, method, n, m):
    if not isinstance(permutations, numbers.Integral) or isinstance(permutations, bool):
        raise TypeError(f"permutations must be a whole number, got {permutations!r}; pass a Python int")
    if permutations < 1:
        raise ValueError(f"permutations must be at least 1, got {permutations}; 999 is usual")
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, got {method!r}; choose one")
    if method == "wild_bootstrap" and n != m:
        raise ValueError(
            f'the wild bootstrap needs as many points in x as in y, got {n} and {m}; use method="permutation"'
        )


@compiled
def _by_permutations(key, x, y, kernels, *, count):
    """Return the statistics of every kernel: the observed one, then those of the permutations."""
    n, m = x.shape[0], y.shape[0]
    share = n / (n + m)
    # Centred: what the memberships have in common would otherwise drown their differences.
    observed = jnp.asarray(np.repeat([1.0 - share, -share], [n, m])[:, None], x.dtype)
    shuffled = jax.random.permutation(key, jnp.tile(observed, (1, count)), axis=0, independent=True)
    labels = jnp.concatenate([observed, shuffled], 1)
    forms, linear, total = _forms(jnp.concatenate([x, y]), np.arange(n + m), labels, kernels, x, y)
    # With a = labels + share the membership in x and K without its diagonal, MMD² is
    # a'Ka/(n(n-1)) + (1-a)'K(1-a)/(m(m-1)) - 2·a'K(1-a)/(nm).
    within = forms + 2 * share * linear + share**2 * total[:, None]
    rows = linear + share * total[:, None]
    of_x, of_y, across = 1 / (n * (n - 1)), 1 / (m * (m - 1)), 1 / (n * m)
    return within * (of_x + of_y + 2 * across) - rows * 2 * (of_y + across) + of_y * total[:, None]


@compiled
def _by_signs(key, x, y, kernels, *, count):
    n = x.shape[0]
    signs = jax.random.rademacher(key, (n, count), x.dtype)
    signs = jnp.concatenate([jnp.ones((n, 1), x.dtype), signs], 1)
    labels = jnp.concatenate([signs, -signs])
    forms, _, _ = _forms(jnp.concatenate([x, y]), np.tile(np.arange(n), 2), labels, kernels, x, y)
    return forms * (1.0 / (n * (n - 1)))


def _forms(points, numbers, labels, kernels, x, y):
    """Sums over the pairs of points with different numbers, for every kernel k.

    Returns:
        Σ k_ij·l_i·l_j and Σ k_ij·l_i for each column l of the labels, [kernels columns], and
        Σ k_ij, [kernels]; k less a constant, of which no statistic depends.
    """
    typical = [jnp.mean(kernel(squared_distances(x[:SAMPLE], y[:SAMPLE]))) for kernel in kernels]
    numbers = jnp.asarray(numbers)

    def of_block(block):
        rows, row_numbers, row_labels = block
        apart = row_numbers[:, None] != numbers[None, :]
        # The kernel never sees a distance that does not count: it may have no value at 0.
        r2 = jnp.where(apart, squared_distances(rows, points), 1.0)
        results = []
        for kernel, constant in zip(kernels, typical):
            values = jnp.where(apart, kernel(r2) - constant, 0.0)
            # The rows that fill the last block have labels 0; the sum over rows needs their own.
            sums = jnp.sum(values, -1) * inside(row_labels)
            product = jnp.matmul(values, labels, precision=jax.lax.Precision.HIGHEST)
            linear = jnp.matmul(sums, row_labels, precision=jax.lax.Precision.HIGHEST)
            results.append((jnp.sum(row_labels * product, 0), linear, jnp.sum(sums)))
        return jax.tree.map(lambda *parts: jnp.stack(parts), *results)

    def inside(row_labels):
        return (row_labels[:, 0] != 0).astype(points.dtype)

    results = by_blocks(of_block, (points, numbers, labels), points.shape[0])
    return jax.tree.map(lambda parts: jnp.sum(parts, 0), results)


@compiled
def _p_values(statistics):
    """Return the p-value of each row by itself, and that of their least, the first column observed."""
    count = statistics.shape[1]
    tie = TIE * jnp.max(jnp.abs(statistics), 1, keepdims=True)

    def ranks(row, lowered):
        return count - jnp.searchsorted(jnp.sort(row), lowered)

    ranks = jax.vmap(ranks)(statistics, statistics - tie)
    least = jnp.min(ranks, 0)
    # NaN compares with nothing, and would pass for the least extreme statistic of all.
    known = jnp.all(jnp.isfinite(statistics), 1)
    alone = jnp.where(known, ranks[:, 0] / count, jnp.nan)
    return alone, jnp.where(jnp.all(known), jnp.sum(least <= least[0]) / count, jnp.nan)
