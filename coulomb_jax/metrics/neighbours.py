"""Nearest neighbours in a large set, and whether a model repeats what it was trained on."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, Num

from coulomb_jax.metrics import tiles
from coulomb_jax.metrics.tiles import SPREAD, WHOLE

# Candidates beyond the k nearest: float32 may swap some that are almost equally far.
SPARE = 5
# A generated example nearer to the training set than this share of the test examples is suspect.
SUSPECT = 0.05


class Neighbours(NamedTuple):
    """The k nearest points of every query, the nearest first.

    Attributes:
      distances: Euclidean, in the points' unit.
      indices: of the points.
    """

    distances: Float[np.ndarray, "n k"]
    indices: Int[np.ndarray, "n k"]


class Memorisation(NamedTuple):
    """How near generated examples lie to the training set, by the measure of the test examples.

    Attributes:
      median_ratio: median distance of a generated example to its nearest training example over
        that of a test example; 1 for a model that generalises, less for one that copies.
      share_suspect: share of generated examples nearer to the training set than all but 5 % of
        the test examples; 0.05 for the true law, 1 for a copy of the training set.
      share_copied: share of generated examples that equal a training example exactly.
      share_nearer: chance that a generated example lies nearer than a test example, ties
        half; 1/2 for the true law.
      z: the same as a standard normal deviate, the global form of C_T of [meehan2020]: far below
        0 for a model that copies, far above for one that strays or underfits.
    """

    median_ratio: float
    share_suspect: float
    share_copied: float
    share_nearer: float
    z: float


def nearest_neighbours(
    queries: Num[Array, "n ..."], points: Num[Array, "m ..."], k: int = 1, *, same: bool = False
) -> Neighbours:
    """The k nearest of the points to each query, in Euclidean distance over all numbers of a row.

    Pixels or features: bytes stay bytes, and a block at a time becomes float32 on the local
    devices. Memory beside the arrays does not grow with n·m. The distances are exact, in
    float64, for the points given; which points are given may differ from the true ones where more
    than k + 5 are equally far within float32 rounding, a few 1e-7 of (|x − c| + |y − c|)² in the
    squared distance, c the centre of the points.

    Args:
      queries: n rows of any shape; uint8, or numbers that float32 holds.
      points: m rows of that shape, for example the training images as uint8. Scale both alike:
        distances are in the unit of the numbers as they are.
      k: neighbours of each, 1 to m; to m − 1 if `same`.
      same: the queries are the points themselves, and none is its own neighbour.

    Raises:
      ValueError: shapes that do not fit together, values that are not finite, or k out of range.
    """
    queries, points = tiles.rows_of(queries=queries, points=points)
    others = len(points) - same
    if not 1 <= k <= others:
        raise ValueError(f"k must be from 1 to {others}, the number of other points, but is {k}; change it")
    kept, centre = min(others, k + SPARE), tiles.centre_of(points)
    parts = []
    for start, rows in tiles.row_blocks(queries):
        numbers = start + np.arange(len(rows), dtype=np.int32) if same else np.full(len(rows), -1, np.int32)
        rows, numbers = tiles.spread(rows), tiles.spread(numbers)
        best = (
            tiles.spread(np.full((len(numbers), kept), np.inf, np.float32)),
            tiles.spread(np.zeros((len(numbers), kept), np.int32)),
        )
        for first, columns in tiles.column_blocks(points):
            places = np.arange(first, first + len(columns), dtype=np.int32)
            places[len(points) - first :] = -2  # what fills the last block up is no point
            # Waiting keeps one block in flight: a queue of them would hold all of the points.
            best = jax.block_until_ready(_nearer(rows, numbers, columns, places, centre, *best))
        parts.append(_exactly(queries, points, start, np.asarray(best[1])[: len(queries) - start], k))
    return Neighbours(*(np.concatenate(part) for part in zip(*parts)))


@tiles.over_rows((SPREAD, SPREAD, WHOLE, WHOLE, WHOLE, SPREAD, SPREAD))
def _nearer(rows, numbers, columns, places, centre, best_r2, best):
    """The nearest of the best so far and of one more block of columns."""
    r2, _ = tiles.tile(rows, columns, centre)
    left_out = (places[None, :] == numbers[:, None]) | (places[None, :] < 0)
    r2 = jnp.where(left_out, jnp.inf, r2)
    r2, chosen = jax.lax.top_k(-r2, min(best.shape[1], r2.shape[1]))
    r2 = jnp.concatenate([best_r2, -r2], 1)
    indices = jnp.concatenate([best, places[chosen]], 1)
    r2, chosen = jax.lax.top_k(-r2, best.shape[1])
    return -r2, jnp.take_along_axis(indices, chosen, 1)


def _exactly(queries, points, start, candidates, k):
    """The k nearest among the candidates of each row, the lower index first among equals."""
    candidates = np.sort(candidates, 1)
    rows = np.repeat(np.arange(start, start + len(candidates)), candidates.shape[1])
    r2 = tiles.exact_squares(queries, points, (rows, candidates.ravel())).reshape(candidates.shape)
    order = np.argsort(r2, 1, kind="stable")[:, :k]
    return np.sqrt(np.take_along_axis(r2, order, 1)), np.take_along_axis(candidates, order, 1)


def memorisation(
    generated: Num[Array, "n ..."], test: Num[Array, "m ..."], train: Num[Array, "t ..."]
) -> Memorisation:
    """Compare the distances to the training set of generated examples and of test examples.

    A model that has learned the law is as far from its training examples as fresh examples are; one that
    repeats them is nearer. In pixels a blurred image is near to many: read the figure beside
    its value in feature space, and beside the reconstruction error.

    Args:
      generated: n examples, pixels or features.
      test: m examples that the model was not trained on, in the same unit, as few as 2.
      train: t examples that it was trained on.

    Raises:
      ValueError: as `nearest_neighbours`.

    Source: [meehan2020], over the whole space instead of cells.
    """
    ours, fresh = (nearest_neighbours(rows, train).distances[:, 0] for rows in (generated, test))
    n, m = len(ours), len(fresh)
    ordered = np.sort(fresh)
    below, not_above = (np.searchsorted(ordered, ours, side) for side in ("left", "right"))
    nearer = float(np.mean((m - not_above) + (not_above - below) / 2) / m)
    # The variance of a Mann-Whitney U without ties, in units of n·m.
    spread = np.sqrt((n + m + 1) / (12 * n * m))
    middle = float(np.median(fresh))
    return Memorisation(
        median_ratio=float(np.median(ours)) / middle if middle else float("nan"),
        share_suspect=float(np.mean(ours < np.quantile(fresh, SUSPECT))),
        share_copied=float(np.mean(ours == 0)),
        share_nearer=nearer,
        z=float((0.5 - nearer) / spread),
    )
