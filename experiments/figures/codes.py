"""Codes against the prior they should follow, in any number of dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from typing import NamedTuple

import numpy as np
from jaxtyping import Real
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from experiments.figures.laws import LEVELS, chi, normal, principal_plane, radii
from experiments.figures.style import (
    BLUE,
    INK,
    LEGEND,
    MARGIN,
    MUTED,
    PAPER,
    SERIES,
    VERMILION,
    Page,
    breadth,
    finite_rows,
    headroom,
    label,
)

PRIOR = "#8d96a3"
OTHERS = [colour for colour in SERIES if colour not in (BLUE, INK)]  # of samplers beside the first


class Cloud(NamedTuple):
    """Points with their name and colour; an outline where histograms would hide one another."""

    name: str
    points: np.ndarray
    colour: str
    outline: bool = False


def codes_and_prior(
    path: str | PathLike,
    codes: Real[np.ndarray, "n d"],
    prior: Real[np.ndarray, "m d"] | Mapping[str, Real[np.ndarray, "m d"]],
    *,
    title: str | None = None,
) -> None:
    """Draw codes over samples of the prior, with N(0, I) as the ruler.

    One dimension: histograms. Two: the plane with the circles that hold 50, 90 and 99 % of N(0, I), and
    the margins. More: the plane of the two directions in which the codes vary most, the mean and
    standard deviation of every dimension, and the distance from the origin, which follows the
    chi law under N(0, I).

    Args:
      path: of the PNG file.
      codes: of data, preferably held out.
      prior: what the decoder is fed when samples are drawn; of several samplers by name, the first grey.
      title: above the panels.

    Raises:
      ValueError: codes and prior of different dimensions, or none of them finite.
    """
    codes, lost = finite_rows(codes, "codes")
    dimension = codes.shape[1]
    clouds = _clouds(prior, dimension)
    draw = {1: _line, 2: _plane}.get(dimension, _space)
    note = f"{lost:,} codes are not finite and not drawn" if lost else ""
    page = draw([*clouds, Cloud("codes", codes, BLUE)], headroom(title), note)
    page.heading(title)
    page.save(path)


def _clouds(prior: np.ndarray | Mapping[str, np.ndarray], dimension: int) -> list[Cloud]:
    named = prior if isinstance(prior, Mapping) else {"prior": prior}
    if not named:
        raise ValueError("prior must hold at least one sampler's codes, but it is empty; give one")
    clouds = []
    for i, (name, points) in enumerate(named.items()):
        points, _ = finite_rows(points, name)
        if points.shape[1] != dimension:
            raise ValueError(
                f"{name} must have the codes' dimension {dimension}, but it has {points.shape[1]}; draw "
                "it from the same model"
            )
        clouds.append(Cloud(name, points, OTHERS[(i - 1) % len(OTHERS)] if i else PRIOR, i > 0))
    return clouds


def _line(clouds: Sequence[Cloud], top: float, note: str) -> Page:
    page = Page(7.2, 3.95 + top, note)
    axes = page.panel(MARGIN, 0.66, 6.3, 3.2)
    _histogram(axes, [cloud._replace(points=cloud.points[:, 0]) for cloud in clouds], normal, "N(0, 1)")
    label(axes, "z", "density")
    axes.legend(loc="upper right", **LEGEND)
    return page


def _plane(clouds: Sequence[Cloud], top: float, note: str) -> Page:
    names = max(breadth(cloud.name, 9) for cloud in clouds)
    page = Page(max(6.5, MARGIN + 5.1 + names), 6.3 + top, note)
    half = _half_side(clouds)
    axes = page.panel(MARGIN, 0.85, 4.5, 4.5)
    _scatter(axes, clouds, half)
    label(axes, "z₁", "z₂")
    page.text(MARGIN, 0.14, _inside(clouds[-1].points), color=MUTED, fontsize=9)
    for coordinate, place in enumerate(((MARGIN, 5.42, 4.5, 0.85), (MARGIN + 4.57, 0.85, 0.85, 4.5))):
        margin = page.panel(*place)
        values = [cloud._replace(points=cloud.points[:, coordinate]) for cloud in clouds]
        _histogram(margin, values, normal, "N(0, I)", limits=(-half, half), sideways=coordinate == 1)
        margin.set_axis_off()
        if coordinate == 0:
            margin.legend(loc="upper left", bbox_to_anchor=(1.0, 1.1), **LEGEND)
    return page


def _space(clouds: Sequence[Cloud], top: float, note: str) -> Page:
    # Long names in three columns would reach the words at the left.
    columns = 3 if len(clouds) == 2 else 2
    bottom = 0.65 + 0.2 * max(2, math.ceil((len(clouds) + 1) / columns))
    page = Page(10.0, bottom + 3.2 + top, note)
    codes = clouds[-1].points
    plane = principal_plane(codes)
    flat = [cloud._replace(points=cloud.points @ plane) for cloud in clouds]
    axes = page.panel(MARGIN, bottom, 2.9, 2.9)
    _scatter(axes, flat, _half_side(flat))
    over = "codes over the prior" if len(clouds) == 2 else "codes over samplers"
    label(axes, "first principal direction", "second principal direction", over)
    words = "left: projections on the two directions in which the codes vary most"
    page.text(MARGIN, 0.34, words, color=MUTED, fontsize=9)
    page.text(MARGIN, 0.14, _inside(flat[-1].points), color=MUTED, fontsize=9)

    _moments(page.panel(4.1, bottom, 2.6, 2.9), codes)

    axes = page.panel(7.15, bottom, 2.65, 2.9)
    law = f"chi law, {codes.shape[1]} dimensions"
    norms = [cloud._replace(points=np.linalg.norm(cloud.points, axis=1)) for cloud in clouds]
    _histogram(axes, norms, lambda r: chi(np.maximum(r, 1e-9), codes.shape[1]), law)
    label(axes, "‖z‖", None, "distance from the origin")
    axes.tick_params(left=False, labelleft=False)
    place = (9.9 / page.width, (0.03 + page.foot) / page.height)
    page.figure.legend(
        *axes.get_legend_handles_labels(), loc="lower right", **LEGEND, ncols=columns, bbox_to_anchor=place
    )
    return page


def _scatter(axes: Axes, clouds: Sequence[Cloud], half: float) -> None:
    for _, points, colour, _ in clouds:
        size = np.clip(1.2e4 / len(points), 2.0, 6.0)
        opacity = float(np.clip(25 / math.sqrt(len(points)), 0.3, 0.8))
        axes.scatter(*points.T, s=size, color=colour, alpha=opacity, linewidths=0)
    turn = np.linspace(0, 2 * math.pi, 200)
    box = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
    look = {"fontsize": 8, "color": INK, "ha": "center", "va": "center", "bbox": box}
    for level, radius in zip(LEVELS, radii()):
        axes.plot(radius * np.cos(turn), radius * np.sin(turn), color=INK, linewidth=0.9)
        if half < 6:  # in a wider view the names would cover one another
            axes.text(0, radius, f"{100 * level:g} %", **look)
    axes.set(xlim=(-half, half), ylim=(-half, half), aspect="equal")


def _histogram(
    axes: Axes,
    clouds: Sequence[Cloud],
    law: Callable[[np.ndarray], np.ndarray],
    name: str,
    *,
    limits: tuple[float, float] | None = None,
    sideways: bool = False,
) -> None:
    if limits is None:
        ends = np.quantile(np.concatenate([cloud.points for cloud in clouds]), (0.001, 0.999))
        limits = ends + (ends[1] - ends[0] + 1e-6) * np.array([-0.08, 0.08])
    fewest = min(len(cloud.points) for cloud in clouds)
    bins = int(np.clip(math.sqrt(fewest), 8, 60))  # more would show the noise of the few
    edges = np.linspace(*limits, bins + 1)
    heights = []
    for words, values, colour, outline in clouds:
        share = np.histogram(values, edges)[0] / (len(values) * np.diff(edges))
        way = "horizontal" if sideways else "vertical"
        look = {"linewidth": 1.3} if outline else {"fill": True, "alpha": 0.35}
        axes.stairs(share, edges, color=colour, orientation=way, label=words, **look)
        heights.append(share.max())
    x = np.linspace(*limits, 400)
    line = (law(x), x) if sideways else (x, law(x))
    axes.plot(*line, color=INK, linewidth=1.2, label=name)
    # A law far narrower than the codes would flatten them: it is cut off instead.
    tallest = 1.12 * max(*heights, min(law(x).max(), 2 * max(heights)))
    across, along = (axes.set_ylim, axes.set_xlim) if sideways else (axes.set_xlim, axes.set_ylim)
    across(*limits)
    along(0, tallest)


def _moments(axes: Axes, codes: np.ndarray) -> None:
    n, dimension = codes.shape
    deviations, means = codes.std(axis=0), codes.mean(axis=0)
    order = np.argsort(-deviations, kind="stable")
    rank = np.arange(1, dimension + 1)
    size = float(np.clip(60 / dimension, 2.0, 6.0))
    for values, target, error, colour, words in (
        (deviations, 1.0, 1 / math.sqrt(2 * n), BLUE, "standard deviation"),
        (means, 0.0, 1 / math.sqrt(n), VERMILION, "mean"),
    ):
        axes.axhspan(target - 2 * error, target + 2 * error, color=colour, alpha=0.12, linewidth=0)
        axes.axhline(target, color=INK, linewidth=0.8)
        axes.plot(rank, values[order], "o", color=colour, markersize=size, label=words)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.set_xlim(0.5 - 0.02 * dimension, dimension + 0.5 + 0.02 * dimension)
    label(axes, "dimension, widest first", None, "moments, with ± 2 standard errors")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.2 * (high - low))  # room for the legend
    axes.legend(loc="upper right", ncols=2, columnspacing=1.0, handletextpad=0.2, **LEGEND)


def _half_side(clouds: Sequence[Cloud]) -> float:
    sizes = [np.abs(cloud.points) for cloud in clouds]
    reach = max(min(size.max(), 1.3 * np.quantile(size, 0.998)) for size in sizes)
    return 1.06 * max(float(reach), 3.3)


def _inside(codes: np.ndarray) -> str:
    size = np.linalg.norm(codes, axis=1)
    levels = ", ".join(f"{100 * level:g}" for level in LEVELS)
    shares = ", ".join(f"{100 * np.mean(size < radius):.1f}" for radius in radii())
    return f"circles: {levels} % of N(0, I) · of the codes they hold {shares} %"
