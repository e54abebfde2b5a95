"""Charges: the landscape they move in, the ways they take, and how often they arrive."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from scipy.spatial import cKDTree

from experiments.figures.laws import principal_plane
from experiments.figures.style import (
    BLUE,
    INK,
    LEGEND,
    MARGIN,
    MUTED,
    PAPER,
    RULE,
    VERMILION,
    Page,
    headroom,
    label,
)

# Low ground is dark: its lightness falls steadily towards the minima.
GROUND = LinearSegmentedColormap.from_list(
    "ground", ["#12264f", "#1f5488", "#4d8db0", "#9cc3cf", "#dbe7e4", "#f7f6f0"]
)
LOWEST = {"color": VERMILION, "markersize": 6, "markeredgecolor": PAPER, "markeredgewidth": 0.9}
RING = {"color": "none", "markersize": 11}
COLUMN, SIDE = 3.25, 2.75  # inches from panel to panel, and of a square one


def landscapes(
    path: str | PathLike,
    places: Float[np.ndarray, "p"],
    fixed: Float[np.ndarray, "t"],
    values: Mapping[str, Sequence[np.ndarray]],
    minima: Mapping[str, Sequence[np.ndarray]],
    *,
    title: str | None = None,
) -> None:
    """Draw what one free charge and two free charges see on a line, a column for every kernel.

    Args:
      path: of the PNG file.
      places: of a free charge.
      fixed: places of the charges of the other sign.
      values: by kernel, the landscapes of one charge [p] and of two [p, p].
      minima: by kernel, their local minima [k, 1] and [k, 2].
      title: above the panels.
    """
    page = Page(MARGIN + COLUMN * len(values) - 0.3, 6.05 + headroom(title))
    page.heading(title)
    for column, name in enumerate(values):
        (line, plane), (lows, pairs) = values[name], minima[name]
        axes = page.panel(MARGIN + COLUMN * column, 4.37, SIDE, 1.35)
        axes.plot(places, line, color=BLUE, linewidth=1.7)
        axes.plot(lows[:, 0], np.interp(lows[:, 0], places, line), "o", **LOWEST)
        _charges(axes, fixed)
        axes.set(xlim=places[[0, -1]])
        axes.margins(y=0.12)
        axes.yaxis.set_major_locator(MaxNLocator(3))
        label(axes, None, None if column else "MMD²", f"{name}: {_count(lows)}")

        axes = page.panel(MARGIN + COLUMN * column, 0.85, SIDE, SIDE)
        axes.contourf(places, places, plane.T, 24, cmap=GROUND)
        axes.plot(*pairs.T, "o", **LOWEST)
        for ticks in (axes.xaxis, axes.yaxis):
            ticks.set_major_locator(FixedLocator(fixed))
        axes.grid(color=PAPER, linewidth=0.6, alpha=0.55)
        axes.set(aspect="equal")
        label(axes, "z₁", None if column else "z₂", f"two charges: {_count(pairs)}")
    page.text(
        MARGIN,
        0.14,
        "dots: local minima · ticks and grid lines: the fixed charges · dark: low",
        color=MUTED,
        fontsize=9,
    )
    page.save(path)


def flows_in_plane(
    path: str | PathLike,
    targets: Float[np.ndarray, "n d"],
    ways: Mapping[str, Float[np.ndarray, "f n d"]],
    *,
    title: str | None = None,
) -> None:
    """Draw the ways of the particles of one start, a panel for every kernel.

    Seen along the direction in which the targets vary least. A target that has no particle within
    half the least spacing of the targets is marked.

    Args:
      path: of the PNG file.
      targets: fixed.
      ways: by panel title, the particles frame by frame.
      title: above the panels.
    """
    page = Page(MARGIN + COLUMN * len(ways) - 0.3, 4.05 + headroom(title))
    page.heading(title)
    plane = principal_plane(targets)
    flat = targets @ plane
    shown = np.concatenate([flat, *[way[[0, -1]].reshape(-1, way.shape[2]) @ plane for way in ways.values()]])
    centre = (shown.min(0) + shown.max(0)) / 2
    half = 1.08 * np.max(np.abs(shown - centre))
    radius = cKDTree(targets).query(targets, 2)[0][:, 1].min() / 2
    for column, (name, way) in enumerate(ways.items()):
        axes = page.panel(MARGIN + COLUMN * column, 0.85, SIDE, SIDE)
        drawn = way @ plane
        axes.plot(drawn[..., 0], drawn[..., 1], color=BLUE, alpha=0.45, linewidth=1.0)
        axes.plot(*drawn[0].T, "o", color=PAPER, markeredgecolor=MUTED, markersize=3.5)
        empty = cKDTree(way[-1]).query(targets)[0] >= radius
        axes.plot(*flat[~empty].T, "o", **RING, markeredgecolor=INK)
        axes.plot(*flat[empty].T, "o", **RING, markeredgecolor=VERMILION, markeredgewidth=2)
        axes.plot(*drawn[-1].T, "o", color=BLUE, markersize=5)
        axes.set(xlim=centre[0] + half * np.array([-1, 1]), ylim=centre[1] + half * np.array([-1, 1]))
        axes.tick_params(labelleft=not column)
        for ticks in (axes.xaxis, axes.yaxis):
            ticks.set_major_locator(MaxNLocator(5, integer=True))
        label(axes, None, None, name)
    words = (
        "white: starts · blue: ends and the ways there · rings: targets, in vermilion where no particle is"
    )
    page.text(MARGIN, 0.14, words, color=MUTED, fontsize=9)
    page.save(path)


def landings(path: str | PathLike, rows: Sequence[Mapping], starts: int, *, title: str | None = None) -> None:
    """Draw the share of starts that end on a permutation of the targets, against the bandwidth.

    Args:
      path: of the PNG file.
      rows: of each kernel and width (None: it has none) the numbers of starts that `landed` near the
        targets, and of those that are `exact` on them.
      starts: of each.
      title: above the panel.
    """
    page = Page(7.4, 3.9 + headroom(title))
    page.heading(title)
    axes = page.panel(MARGIN, 0.95, 4.4, 2.8)
    widths = sorted({row["width"] for row in rows} - {None})
    names = list(dict.fromkeys(row["kernel"] for row in rows))
    # Kernels without a bandwidth may all end at 100 %: the first is drawn broad, under the others.
    for name, colour, broad in zip(names, (INK, "#9aa3b0", BLUE, VERMILION), (4.0, 1.5, 1.7, 1.7)):
        mine = [row for row in rows if row["kernel"] == name]
        alone = mine[0]["width"] is None
        for key, line in (("landed", "-"), ("exact", ":")):
            share = [100 * row[key] / starts for row in mine]
            x, y = (widths, share * len(widths)) if alone else ([row["width"] for row in mine], share)
            marker = "" if alone else "o"
            axes.plot(x, y, line, color=colour, linewidth=broad, marker=marker, markersize=4, clip_on=False)
        axes.plot([], [], color=colour, linewidth=broad, label=name.replace("_", " "))
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(widths))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda width, _: f"{width:g}"))
    axes.set(ylim=(0, 104))
    axes.grid(axis="y", color=RULE, linewidth=0.6, alpha=0.6)
    label(axes, "bandwidth / median distance", "share of starts, %", "starts that end on a permutation")
    axes.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), **LEGEND)
    words = "line: within half the least spacing of the targets · dotted: within 0.01"
    page.text(MARGIN, 0.14, words, color=MUTED, fontsize=9)
    page.save(path)


def _charges(axes: Axes, fixed: np.ndarray) -> None:
    axes.xaxis.set_major_locator(FixedLocator(fixed))
    for place in fixed:
        axes.axvline(place, color=RULE, linewidth=0.8, zorder=0)


def _count(lows: np.ndarray) -> str:
    return f"{len(lows)} minimum" if len(lows) == 1 else f"{len(lows)} minima"
