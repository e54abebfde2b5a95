"""True and generated points in the plane, side by side."""

from __future__ import annotations

from os import PathLike

import numpy as np
from jaxtyping import Float, Int, Real
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from scipy.spatial import cKDTree

from experiments.figures.style import MARGIN, MUTED, Page, finite_rows, headroom, label

# From a point alone to the heart of a mode: the lone ones stand out, lightness falls steadily.
CROWDING = LinearSegmentedColormap.from_list(
    "crowding", ["#f2a03d", "#dd6a4a", "#b0446f", "#6b3a86", "#2c2f70", "#141a46"]
)


def samples_in_plane(
    path: str | PathLike,
    true: Real[np.ndarray, "n 2"],
    generated: Real[np.ndarray, "m 2"],
    *,
    title: str | None = None,
    caption: str | None = None,
) -> None:
    """Draw true and generated points in two panels with the same limits and colours.

    A point's colour is the share of its panel's points that lie near it, on a logarithmic scale,
    so that one figure shows both the shape of sharp modes and the single points between them. The limits
    hold all true points and all but the most distant generated ones, whose number is told.

    Args:
      path: of the PNG file.
      true: held-out points of the data.
      generated: samples of the model; those not finite are counted, not drawn.
      title: above the panels.
      caption: below them, such as the score.

    Raises:
      ValueError: points that are not in the plane, or none that is finite.
    """
    true, _ = finite_rows(true, "true")
    generated, lost = finite_rows(generated, "generated")
    for name, points in (("true", true), ("generated", generated)):
        if points.shape[1] != 2:
            raise ValueError(
                f"{name} must be points in the plane, but they have {points.shape[1]} "
                "coordinates; choose two of them"
            )
    centre, half = view(true, generated)
    radius = 0.013 * half
    shares = [neighbours(points, radius) / len(points) for points in (true, generated)]
    least = 1 / max(len(true), len(generated))
    colours = LogNorm(least, max(2 * least, np.quantile(shares[0], 0.99)), clip=True)

    page = Page(10.0, 5.52 + headroom(title))
    page.heading(title)
    for column, (name, points) in enumerate((("true", true), ("generated", generated))):
        axes = page.panel(MARGIN + 4.78 * column, 0.82, 4.4, 4.4)
        beyond = int(np.sum(np.any(np.abs(points - centre) > half, axis=1)))
        _scatter(axes, points, shares[column], colours)
        axes.set(xlim=centre[0] + half * np.array([-1, 1]))
        axes.set(ylim=centre[1] + half * np.array([-1, 1]), aspect="equal")
        told = f"{name} · {len(points):,} points"
        told += f" · {beyond:,} beyond the frame" if beyond else ""
        told += f" · {lost:,} not finite" if lost and name == "generated" else ""
        label(axes, "x₁", None if column else "x₂", told)
        axes.tick_params(labelleft=not column)
    if caption:
        page.text(MARGIN, 0.14, caption)
    _key(page, colours, radius)
    page.save(path)


def view(
    true: Float[np.ndarray, "n 2"], generated: Float[np.ndarray, "m 2"]
) -> tuple[Float[np.ndarray, "2"], float]:
    """Centre and half side of the square that holds what should be seen.

    It holds every true point, and the middle 99.8 % of the generated coordinates as far as that
    costs at most half as much again: one wild sample must not shrink the picture to a dot.
    """
    low, high = true.min(axis=0), true.max(axis=0)
    centre = (low + high) / 2
    half = float(np.max(high - low)) / 2 or 1.0
    reach = np.quantile(np.abs(generated - centre), 0.998)
    return centre, 1.06 * float(np.clip(reach, half, 1.5 * half))


def neighbours(points: Float[np.ndarray, "n 2"], radius: float) -> Int[np.ndarray, "n"]:
    """The number of points within the radius of each, itself included."""
    return cKDTree(points).query_ball_point(points, radius, return_length=True)


def _scatter(axes: Axes, points: np.ndarray, shares: np.ndarray, colours: LogNorm) -> None:
    # The crowded ones last: otherwise the fringe of a mode hides its heart.
    order = np.argsort(shares, kind="stable")
    size = np.clip(3e4 / len(points), 3.0, 9.0)
    axes.scatter(*points[order].T, c=shares[order], s=size, cmap=CROWDING, norm=colours, linewidths=0)


def _key(page: Page, colours: LogNorm, radius: float) -> None:
    axes = page.panel(6.5, 0.15, 1.2, 0.09)
    axes.imshow(np.linspace(0, 1, 256)[None, :], aspect="auto", cmap=CROWDING)
    axes.set_axis_off()
    page.text(6.42, 0.14, "alone", ha="right", color=MUTED, fontsize=9)
    words = f"{100 * colours.vmax:.3g} % of points within {radius:.2g}"
    page.text(7.78, 0.14, words, color=MUTED, fontsize=9)
