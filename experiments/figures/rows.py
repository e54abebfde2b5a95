"""Rows of pictures that belong together: ways between two, ways along an attribute, neighbours."""

from __future__ import annotations

import math
from collections.abc import Sequence
from os import PathLike

import numpy as np
from jaxtyping import Float, Real

from experiments.figures.pictures import GUTTER
from experiments.figures.sheet import GAP, LINE, Sheet, extent, folded, tiles
from experiments.figures.style import number

TALLEST = 10  # rows of neighbours; more of them continue at the right


def interpolation_grid(
    path: str | PathLike,
    rows: Real[np.ndarray, "k n h w c"],
    *,
    value_range: tuple[float, float],
    title: str = "",
) -> None:
    """Write a row for each way from one picture to another; the ends are framed and set apart.

    Args:
      path: of the PNG file.
      rows: n >= 2, the ends first and last; c = 1 is grey, 3 is red, green and blue.
      value_range: the numbers that are black and white; what lies beyond is clipped.
      title: a line above them; none where empty.

    Raises:
      ValueError: another shape, a pixel that is not finite, or fewer than two pictures in a row.
    """
    pictures = tiles(rows, value_range, "rows")
    k, n, height, width = pictures.shape[:4]
    if n < 2:
        raise ValueError(f"rows must hold both ends of each way, but they hold {n} picture; decode both ends")
    apart = GAP - GUTTER
    lefts = [GUTTER + j * (width + GUTTER) + apart * ((j > 0) + (j == n - 1)) for j in range(n)]
    tops = [LINE + 2 * GUTTER + i * (height + 2 * GUTTER) for i in range(k)]
    sheet = Sheet(lefts[-1] + max(width, extent(["to"])) + GUTTER, tops[-1] + height + GUTTER, title)
    sheet.words(lefts[0], LINE / 2 + GUTTER / 2, "from", "lm")
    sheet.words(lefts[-1], LINE / 2 + GUTTER / 2, "to", "lm")
    for row, top in zip(pictures, tops):
        for j, left in enumerate(lefts):
            sheet.picture(row[j], left, top, marked=j in (0, n - 1))
    sheet.save(path)


def attribute_grid(
    path: str | PathLike,
    rows: Real[np.ndarray, "k n h w c"],
    names: Sequence[str],
    steps: Sequence[float],
    *,
    value_range: tuple[float, float],
    title: str = "",
) -> None:
    """Write a row for each attribute along whose direction pictures are moved, the steps below.

    Pictures that have not been moved, at step 0, are framed.

    Args:
      path: of the PNG file.
      rows: by attribute and step; c = 1 is grey, 3 is red, green and blue.
      names: of the k attributes; underscores are written as blanks.
      steps: n multiples of the direction.
      value_range: the numbers that are black and white; what lies beyond is clipped.
      title: a line above them; none where empty.

    Raises:
      ValueError: another shape, a pixel that is not finite, or other numbers of names and steps.
    """
    pictures = tiles(rows, value_range, "rows")
    k, n, height, width = pictures.shape[:4]
    if (len(names), len(steps)) != (k, n):
        raise ValueError(
            f"rows are {k} by {n} pictures, but there are {len(names)} names and {len(steps)} steps; "
            "give a name for each row and a step for each column"
        )
    names, below = [folded(name) for name in names], [_signed(step) for step in steps]
    margin = extent([*names, "step"]) + 3 * GUTTER
    across = max(width + GUTTER, extent(below) + 2 * GUTTER)
    down = max(height + GUTTER, *(LINE * (1 + name.count("\n")) + GUTTER for name in names))
    sheet = Sheet(margin + n * across, GUTTER + k * down + LINE + GUTTER, title)
    for i in range(k):
        top = GUTTER + i * down + (down - GUTTER - height) // 2
        sheet.words(margin - 2 * GUTTER, top + height / 2, names[i], "rm", strong=True)
        for j in range(n):
            sheet.picture(pictures[i, j], margin + j * across, top, marked=steps[j] == 0)
    middle = GUTTER + k * down + LINE / 2
    sheet.words(margin - 2 * GUTTER, middle, "step", "rm")
    for j in range(n):
        sheet.words(margin + j * across + width / 2, middle, below[j], "mm")
    sheet.save(path)


def neighbour_grid(
    path: str | PathLike,
    queries: Real[np.ndarray, "k h w c"],
    neighbours: Real[np.ndarray, "k n h w c"],
    distances: Float[np.ndarray, "k n"],
    *,
    value_range: tuple[float, float],
    unit: str = "",
    title: str = "",
) -> None:
    """Write each generated picture, framed, with its nearest training pictures and their distances.

    Args:
      path: of the PNG file.
      queries: generated; c = 1 is grey, 3 is red, green and blue.
      neighbours: of each query, the nearest first.
      distances: from each query, finite, written below each neighbour.
      value_range: the numbers that are black and white; what lies beyond is clipped.
      unit: of the distances, told once; nothing where empty.
      title: a line above them; none where empty.

    Raises:
      ValueError: shapes that do not match, or a pixel or distance that is not finite.
    """
    distances = np.asarray(distances, np.float64)
    shape, wanted = np.shape(neighbours), (len(queries), *distances.shape[1:], *np.shape(queries)[1:])
    if shape != wanted or distances.shape != shape[:2]:
        raise ValueError(
            f"neighbours and distances must be of shape [k, n, h, w, c] and [k, n] for queries of shape "
            f"{np.shape(queries)}, but theirs are {shape} and {distances.shape}; find n for each query"
        )
    if lost := np.sum(~np.isfinite(distances)):
        raise ValueError(
            f"distances must be finite, but {lost} of {distances.size} are not; the features or "
            "pictures have overflowed: look at them first"
        )
    together = np.concatenate([np.asarray(queries)[:, None], neighbours], axis=1)
    pictures = tiles(together, value_range, "queries and neighbours")
    k, n, height, width = pictures.shape[:4]
    below = _aligned(distances)
    across = max(width + GUTTER, extent([words for row in below for words in row]) + 2 * GUTTER)
    first = max(width + GAP, extent(["generated"]) + GAP)
    down = height + LINE + 2 * GUTTER
    blocks = math.ceil(k / TALLEST)
    per = math.ceil(k / blocks)
    heading = "nearest in training, distance below" + (f", in {unit}" if unit else "")
    block = max(first + (n - 1) * across, first + extent([heading])) + 2 * GAP
    sheet = Sheet(GUTTER + blocks * block - 2 * GAP, LINE + 2 * GUTTER + per * down, title)
    for i in range(k):
        start, top = GUTTER + i // per * block, LINE + 2 * GUTTER + i % per * down
        if i % per == 0:
            sheet.words(start, (LINE + GUTTER) / 2, "generated", "lm")
            sheet.words(start + first, (LINE + GUTTER) / 2, heading, "lm")
        sheet.picture(pictures[i, 0], start, top, marked=True)
        for j in range(1, n):
            left = start + first + (j - 1) * across
            sheet.picture(pictures[i, j], left, top)
            sheet.words(left + width / 2, top + height + LINE / 2 + 1, below[i][j - 1], "mm")
    sheet.save(path)


def _signed(step: float) -> str:
    return "+" + number(step) if step > 0 else number(step)


def _aligned(distances: np.ndarray) -> list[list[str]]:
    """Three digits of the greatest, and as many decimals for all, so that they can be compared."""
    most = distances.max()
    if not 1e-2 <= most < 1e4:
        return [[number(value) for value in row] for row in distances]
    decimals = max(0, 2 - math.floor(math.log10(most)))
    return [[f"{value:.{decimals}f}" for value in row] for row in distances]
