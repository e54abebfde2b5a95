"""Kernel distances between two sets of features: KID, and the MMD of any kernel with a test."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from coulomb_jax import mmd
from coulomb_jax.metrics import tiles
from coulomb_jax.metrics.tiles import SPREAD, WHOLE

TILE = 2048
"""Rows and columns of the kernel matrix that are held at once, the rows shared among the local devices."""
# Rows of each set that a typical value of the kernel is taken from.
SAMPLE = 256


class Kid(NamedTuple):
    """The kernel distance of two sets of features: unbiased, so negative half of the time at equal laws.

    Attributes:
      value: the U-statistic.
      standard_error: of it, over draws of both sets.
    """

    value: float
    standard_error: float


class SubsetKid(NamedTuple):
    """The kernel distance as usually reported.

    Attributes:
      value: the mean over subsets.
      deviation: standard deviation (n - 1) of one subset's estimate. It is printed behind "±", and is no
        error of the value: the subsets overlap, and their size is chosen. `kid` has that error.
    """

    value: float
    deviation: float


class FeatureMmd(NamedTuple):
    """MMD² of features with a test that both sets are of one law.

    Attributes:
      mmd2: the unbiased estimate.
      standard_error: of it.
      p_value: of the permutation test.
      bandwidth: of the Gaussian kernel, where none was given; else None.
    """

    mmd2: float
    standard_error: float
    p_value: float
    bandwidth: float | None


def kid(x: Float[np.ndarray, "n d"], y: Float[np.ndarray, "m d"]) -> Kid:
    """MMD² with the kernel (x·y/d + 1)³ over all pairs [binkowski2018], and its standard error.

    The variance is estimated term by term as `coulomb_jax.mmd.mmd2_with_error` does. The kernel matrix is
    worked through in tiles on all local devices, each pair of tiles within a set once.

    Args:
      x: at least four rows, finite.
      y: at least four rows of as many features.

    Raises:
      ValueError: too few rows, other shapes, or values that are not finite.
    """
    x, y = _checked(x, y, least=4)
    typical = _typical(x, y)
    n, m = len(x), len(y)
    mean_x, rows_x, second_x = _first_and_second(*_within(x, typical), n)
    mean_y, rows_y, second_y = _first_and_second(*_within(y, typical), m)
    rows, columns, squares = _across(x, y, typical)
    mean = rows.sum() / (n * m)
    rows, columns = rows / m - mean, columns / n - mean
    left = squares - n * m * mean**2 - m * np.sum(rows**2) - n * np.sum(columns**2)
    across = left / ((n - 1) * (m - 1))
    second = 2 * second_x / (n * (n - 1)) + 2 * second_y / (m * (m - 1)) + 4 * across / (n * m)
    first = 4 * (np.var(rows_x - rows, ddof=1) - second_x / (n - 2) - across / m) / n
    first += 4 * (np.var(rows_y - columns, ddof=1) - second_y / (m - 2) - across / n) / m
    # The first-order terms vanish at equal laws, and their estimates are then as often negative.
    variance = max(second + first, second / 2, 0.0)
    return Kid(float(mean_x + mean_y - 2 * mean), float(np.sqrt(variance)))


def kid_subsets(
    seed: int,
    x: Float[np.ndarray, "n d"],
    y: Float[np.ndarray, "m d"],
    *,
    subsets: int = 100,
    size: int = 1000,
) -> SubsetKid:
    """KID as published [binkowski2018]: the mean over random subsets of both sets.

    Args:
      seed: of the subsets, each drawn without replacement.
      x: at least `size` rows, finite.
      y: at least `size` rows of as many features.
      subsets: at least 2.
      size: rows of a subset of each, at least 2.

    Raises:
      ValueError: too few rows, other shapes, or values that are not finite.
    """
    if subsets < 2 or size < 2:
        raise ValueError(
            f"KID takes at least 2 subsets of 2 rows, not {subsets} of {size}; 100 of 1,000 are usual"
        )
    x, y = _checked(x, y, least=size)
    random, typical = np.random.default_rng(seed), _typical(x, y)
    values = []
    for _ in range(subsets):
        a, b = (rows[random.choice(len(rows), size, replace=False)] for rows in (x, y))
        within = (_within(a, typical)[0].sum() + _within(b, typical)[0].sum()) / (size * (size - 1))
        values.append(within - 2 * _across(a, b, typical)[0].sum() / size**2)
    return SubsetKid(float(np.mean(values)), float(np.std(values, ddof=1)))


def features_mmd(
    key: jax.Array,
    x: Float[Array, "n d"],
    y: Float[Array, "m d"],
    *,
    kernel: mmd.Kernel | None = None,
    permutations: int = 999,
) -> FeatureMmd:
    """MMD² of two sets of features, its error, and the p-value of their being of one law.

    It assumes no Gaussian, and has no bias that depends on the count. CMMD [jayasumana2024] is 1,000 times
    the biased estimate with gaussian(10.0) on CLIP's features; such values are not to be set beside these.

    Args:
      key: of the permutations.
      x: at least four rows, finite.
      y: at least four rows of as many features.
      kernel: of `coulomb_jax.mmd`; a Gaussian whose bandwidth is the median distance where None.
      permutations: no p-value is below 1/(1 + permutations).

    Raises:
      TypeError, ValueError: as `coulomb_jax.mmd.two_sample_test`, or half of the features are equal and no
        kernel is given.
    """
    bandwidth = None
    if kernel is None:
        bandwidth = float(mmd.median_heuristic(x, y))
        if bandwidth == 0:
            raise ValueError("the median distance of the features is 0, which is no bandwidth; give a kernel")
        kernel = mmd.gaussian(bandwidth)
    value, error = mmd.mmd2_with_error(x, y, kernel)
    test = mmd.two_sample_test(key, x, y, kernel, permutations=permutations)
    return FeatureMmd(float(value), float(error), float(test.p_value), bandwidth)


def _checked(x: np.ndarray, y: np.ndarray, least: int) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(x, np.float32), np.asarray(y, np.float32)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise ValueError(f"features are rows [n d] of one width, but these have {x.shape} and {y.shape}")
    if min(len(x), len(y)) < least:
        raise ValueError(
            f"both sets must have at least {least} rows, but they have {len(x)} and {len(y)}; make more"
        )
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("features must be finite, but some are not; a model that diverged has no distance")
    return x, y


def _kernel(a: jax.Array, b: jax.Array) -> jax.Array:
    return (jnp.matmul(a, b.T, precision="highest") / a.shape[1] + 1) ** 3


@tiles.over_rows((SPREAD, WHOLE, WHOLE, WHOLE, SPREAD, WHOLE))
def _tile(a, b, first, typical, numbers_a, numbers_b):
    """Sums over rows, columns and squares of a tile, less a constant; numbers below 0 are of filled rows.

    The sums over columns are a row for each device.
    """
    counts = (numbers_a[:, None] >= 0) & (numbers_b[None, :] >= 0)
    counts &= first | (numbers_a[:, None] != numbers_b[None, :])
    values = jnp.where(counts, _kernel(a, b) - typical, 0.0)
    return values.sum(1), values.sum(0)[None], (values**2).sum(1)


def _typical(x: np.ndarray, y: np.ndarray) -> np.float32:
    """A constant near all values of the kernel: no statistic depends on it, and float32 sums lose by it."""
    return np.float32(jnp.mean(_kernel(jnp.asarray(x[:SAMPLE]), jnp.asarray(y[:SAMPLE]))))


def _tiles(x: np.ndarray) -> list[tuple[slice, jax.Array, jax.Array]]:
    """Places, rows and numbers of each tile, all of one size."""
    size = tiles.evenly(min(TILE, len(x)))
    found = []
    for begin in range(0, len(x), size):
        rows = x[begin : begin + size]
        numbers = tiles.filled(np.arange(begin, begin + len(rows), dtype=np.int32), size, -1)
        filled = tiles.filled(rows, size, 0.0)
        found.append((slice(begin, begin + len(rows)), jnp.asarray(filled), jnp.asarray(numbers)))
    return found


def _sums_of(a, b, typical, *, apart):
    """What `_tile` gives for two tiles, in float64: each sum is of a few thousand float32, rounded once."""
    rows, columns, squares = _tile(a[1], b[1], apart, typical, a[2], b[2])
    cut = slice(a[0].stop - a[0].start), slice(b[0].stop - b[0].start)
    sums = np.asarray(rows, np.float64)[cut[0]], np.asarray(columns, np.float64).sum(0)[cut[1]]
    return *sums, np.asarray(squares, np.float64).sum()


def _within(x: np.ndarray, typical: np.float32) -> tuple[np.ndarray, float]:
    """Sums of the kernel over the others of each row, and of its squares over all pairs i ≠ j."""
    total, squares, parts = np.zeros(len(x)), 0.0, _tiles(x)
    for i, a in enumerate(parts):
        for j, b in enumerate(parts[i:], i):
            rows, columns, of_squares = _sums_of(a, b, typical, apart=False)
            total[a[0]] += rows
            if j > i:
                total[b[0]] += columns
            squares += of_squares * (2 if j > i else 1)
    return total, squares


def _across(x: np.ndarray, y: np.ndarray, typical: np.float32) -> tuple[np.ndarray, np.ndarray, float]:
    """Sums of the kernel over the rows of y for each of x, the reverse, and of its squares."""
    of_x, of_y, squares, parts = np.zeros(len(x)), np.zeros(len(y)), 0.0, _tiles(y)
    for a in _tiles(x):
        for b in parts:
            rows, columns, of_squares = _sums_of(a, b, typical, apart=True)
            of_x[a[0]] += rows
            of_y[b[0]] += columns
            squares += of_squares
    return of_x, of_y, squares


def _first_and_second(sums: np.ndarray, squares: float, n: int) -> tuple[float, np.ndarray, float]:
    """The mean over pairs i ≠ j, what each row adds to it, and the mean square of what is left of a pair."""
    mean = sums.sum() / (n * (n - 1))
    rows = (sums - (n - 1) * mean) / (n - 2)
    left = squares - n * (n - 1) * mean**2 - 2 * (n - 2) * np.sum(rows**2)
    return mean, rows, left / (n * (n - 3))
