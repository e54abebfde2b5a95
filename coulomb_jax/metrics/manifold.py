"""Improved precision and recall, density and coverage: sets compared by balls around their points."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Num

from coulomb_jax.metrics import tiles
from coulomb_jax.metrics.neighbours import nearest_neighbours
from coulomb_jax.metrics.tiles import SPREAD, WHOLE

# Balls of a real point, for precision and for density; then those of a generated one, for recall.
PRECISION, DENSITY, RECALL = range(3)


class ManifoldScores(NamedTuple):
    """How two sets of points overlap, each set known by balls that reach to a k-th neighbour.

    Attributes:
      precision: share of generated points inside the ball of some real point, in [0, 1].
      recall: share of real points inside the ball of some generated point, in [0, 1].
      density: real balls that a generated point lies in, over k_density, on average; 1 is
        expected for equal laws, and it may be larger.
      coverage: share of real points with some generated point in their ball, in [0, 1].
    """

    precision: float
    recall: float
    density: float
    coverage: float


def manifold_scores(
    real: Num[Array, "n d"], generated: Num[Array, "m d"], *, k: int = 3, k_density: int = 5
) -> ManifoldScores:
    """Improved precision and recall, density and coverage of a generated set.

    The ball of a point reaches to its k-th nearest neighbour in its own set and has its surface:
    a point exactly at that distance is inside, as in [kynkaanniemi2019] (the code of [naeem2020]
    leaves it out). Pairs that float32 cannot put on one side are decided in float64, so no point
    is on the wrong side. Memory beside the sets does not grow with n·m. For equal laws and n = m,
    coverage is expected to be 1 − (n−1)…(n−k)/((2n−1)…(2n−k)) with k = k_density, about 1 − 2^−k.

    Args:
      real: n > k features, of the true distribution; 10,000 is usual, and values depend on n and m.
      generated: m > k features in the same space.
      k: neighbour that sets the radius for precision and recall; 3 in [kynkaanniemi2019].
      k_density: the same for density and coverage; 5 in [naeem2020].

    Raises:
      ValueError: shapes that do not fit together, values that are not finite, or too few points.
    """
    real, generated = tiles.rows_of(real=real, generated=generated)
    most = max(k, k_density)
    if min(k, k_density) < 1 or len(real) <= most or len(generated) <= k:
        raise ValueError(
            f"radii to neighbours {k} and {k_density} need k >= 1 and more points than that, but there are "
            f"{len(real)} real and {len(generated)} generated; pass more points or a smaller k"
        )
    of_real = nearest_neighbours(real, real, most, same=True).distances
    of_generated = nearest_neighbours(generated, generated, k, same=True).distances
    by_generated, by_real = _inside(
        generated, real, of_generated[:, [k - 1]], of_real[:, [k - 1, k_density - 1]]
    )
    return ManifoldScores(
        precision=float(np.mean(by_generated[:, PRECISION] > 0)),
        recall=float(np.mean(by_real[:, RECALL] > 0)),
        density=float(np.mean(by_generated[:, DENSITY]) / k_density),
        coverage=float(np.mean(by_real[:, DENSITY] > 0)),
    )


def _inside(rows, columns, row_radii, column_radii):
    """Count, for each row and for each column, the pairs inside the balls of one kind.

    Args:
      rows: n points.
      columns: m points.
      row_radii: of a kinds of ball around each row, float64, [n a].
      column_radii: of b kinds around each column, [m b].

    Returns:
      Counts [n b+a] and [m b+a], the balls of columns first.
    """
    kinds = row_radii.shape[1] + column_radii.shape[1]
    by_row, by_column = (np.zeros((len(points), kinds), np.int64) for points in (rows, columns))
    centre = tiles.centre_of(columns)
    points, others = (side.astype(np.float32, copy=False) for side in (rows, columns))
    # What fills a block up is NaN, at no distance from anything.
    for start, block in tiles.row_blocks(points, np.nan):
        radii = row_radii[start : start + len(block)].astype(np.float32)
        block, radii = tiles.spread(block), tiles.spread(tiles.filled(radii, len(block), np.nan))
        for first, other in tiles.column_blocks(others, np.nan):
            other_radii = column_radii[first : first + len(other)].astype(np.float32)
            other_radii = tiles.filled(other_radii, len(other), np.nan)
            along, down, doubtful, doubts = _counts(block, other, centre, radii, other_radii)
            by_row[start : start + len(block)] += np.asarray(along)[: len(rows) - start]
            by_column[first : first + len(other)] += np.sum(down, 0)[: len(columns) - first]
            if np.sum(doubts):
                i, j = np.nonzero(np.asarray(doubtful))
                i, j = i + start, j + first
                # The root as of the radii: a copy of the point on the surface is on the surface.
                r = np.sqrt(tiles.exact_squares(rows, columns, (i, j)))[:, None]
                in_ball = np.concatenate([r <= column_radii[j], r <= row_radii[i]], 1)
                np.add.at(by_row, i, in_ball)
                np.add.at(by_column, j, in_ball)
    return by_row, by_column


@tiles.over_rows((SPREAD, WHOLE, WHOLE, SPREAD, WHOLE))
def _counts(rows, columns, centre, row_radii, column_radii):
    """Counts by row and by column of the pairs that are clear, and the pairs that are not."""
    r2, error = tiles.tile(rows, columns, centre)
    balls = [radii[None, :] ** 2 for radii in column_radii.T] + [radii[:, None] ** 2 for radii in row_radii.T]
    doubtful = jnp.zeros(r2.shape, bool)
    for ball in balls:
        doubtful |= jnp.abs(r2 - ball) <= error
    counted = [(r2 < ball) & ~doubtful for ball in balls]
    along = jnp.stack([jnp.sum(inside, 1) for inside in counted], 1)
    down = jnp.stack([jnp.sum(inside, 0) for inside in counted], 1)
    return along, down[None], doubtful, jnp.sum(doubtful)[None]
