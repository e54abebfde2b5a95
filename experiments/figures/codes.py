"""Codes against the prior they should follow, in any number of dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable
from os import PathLike

import numpy as np
from jaxtyping import Float, Real
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
    VERMILION,
    Page,
    finite_rows,
    headroom,
    label,
)

PRIOR = "#8d96a3"


def codes_and_prior(
    path: str | PathLike,
    codes: Real[np.ndarray, "n d"],
    prior: Real[np.ndarray, "m d"],
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
      prior: what the decoder is fed when samples are drawn.
      title: above the panels.

    Raises:
      ValueError: codes and prior of different dimensions, or none of them finite.
    """
    codes, lost = finite_rows(codes, "codes")
    prior, _ = finite_rows(prior, "prior")
    dimension = codes.shape[1]
    if prior.shape[1] != dimension:
        raise ValueError(
            f"prior must have the codes' dimension {dimension}, but it has {prior.shape[1]}; draw "
            "it from the same model"
        )
    draw = {1: _line, 2: _plane}.get(dimension, _space)
    page = draw(codes, prior, headroom(title))
    page.heading(title)
    if lost:
        words = f"{lost:,} codes are not finite and not drawn"
        page.text(page.width - 0.2, 0.14, words, ha="right", color=VERMILION, fontsize=9)
    page.save(path)


def _line(codes: np.ndarray, prior: np.ndarray, top: float) -> Page:
    page = Page(7.2, 3.95 + top)
    axes = page.panel(MARGIN, 0.66, 6.3, 3.2)
    _histogram(axes, codes[:, 0], prior[:, 0], normal, "N(0, 1)")
    label(axes, "z", "density")
    axes.legend(loc="upper right", **LEGEND)
    return page


def _plane(codes: np.ndarray, prior: np.ndarray, top: float) -> Page:
    page = Page(6.5, 6.3 + top)
    half = _half_side(codes, prior)
    axes = page.panel(MARGIN, 0.85, 4.5, 4.5)
    _scatter(axes, codes, prior, half)
    label(axes, "z₁", "z₂")
    page.text(MARGIN, 0.14, _inside(codes), color=MUTED, fontsize=9)
    for coordinate, place in enumerate(((MARGIN, 5.42, 4.5, 0.85), (MARGIN + 4.57, 0.85, 0.85, 4.5))):
        margin = page.panel(*place)
        values = codes[:, coordinate], prior[:, coordinate]
        _histogram(margin, *values, normal, "N(0, I)", limits=(-half, half), sideways=coordinate == 1)
        margin.set_axis_off()
        if coordinate == 0:
            margin.legend(loc="upper left", bbox_to_anchor=(1.0, 1.1), **LEGEND)
    return page


def _space(codes: np.ndarray, prior: np.ndarray, top: float) -> Page:
    page = Page(10.0, 4.05 + top)
    plane = principal_plane(codes)
    flat, flat_prior = codes @ plane, prior @ plane
    axes = page.panel(MARGIN, 0.85, 2.9, 2.9)
    _scatter(axes, flat, flat_prior, _half_side(flat, flat_prior))
    label(axes, "first principal direction", "second principal direction", "codes over the prior")
    page.text(MARGIN, 0.14, _inside(flat), color=MUTED, fontsize=9)

    _moments(page.panel(4.1, 0.85, 2.6, 2.9), codes)

    axes = page.panel(7.15, 0.85, 2.65, 2.9)
    law = f"chi law, {codes.shape[1]} dimensions"
    norms = [np.linalg.norm(points, axis=1) for points in (codes, prior)]
    _histogram(axes, *norms, lambda r: chi(np.maximum(r, 1e-9), codes.shape[1]), law)
    label(axes, "‖z‖", None, "distance from the origin")
    axes.tick_params(left=False, labelleft=False)
    place = (9.9 / page.width, 0.03 / page.height)
    page.figure.legend(
        *axes.get_legend_handles_labels(), loc="lower right", **LEGEND, ncols=3, bbox_to_anchor=place
    )
    return page


def _scatter(axes: Axes, codes: np.ndarray, prior: np.ndarray, half: float) -> None:
    for points, colour in ((prior, PRIOR), (codes, BLUE)):
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
    codes: Float[np.ndarray, "n"],
    prior: Float[np.ndarray, "m"],
    law: Callable[[np.ndarray], np.ndarray],
    name: str,
    *,
    limits: tuple[float, float] | None = None,
    sideways: bool = False,
) -> None:
    if limits is None:
        ends = np.quantile(np.concatenate([codes, prior]), (0.001, 0.999))
        limits = ends + (ends[1] - ends[0] + 1e-6) * np.array([-0.08, 0.08])
    edges = np.linspace(*limits, 61)
    heights = []
    for values, colour, words in ((prior, PRIOR, "prior"), (codes, BLUE, "codes")):
        share = np.histogram(values, edges)[0] / (len(values) * np.diff(edges))
        way = "horizontal" if sideways else "vertical"
        axes.stairs(share, edges, fill=True, color=colour, alpha=0.35, orientation=way, label=words)
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


def _half_side(codes: np.ndarray, prior: np.ndarray) -> float:
    sizes = [np.abs(points) for points in (codes, prior)]
    reach = max(min(size.max(), 1.3 * np.quantile(size, 0.998)) for size in sizes)
    return 1.06 * max(float(reach), 3.3)


def _inside(codes: np.ndarray) -> str:
    size = np.linalg.norm(codes, axis=1)
    levels = ", ".join(f"{100 * level:g}" for level in LEVELS)
    shares = ", ".join(f"{100 * np.mean(size < radius):.1f}" for radius in radii())
    return f"circles: {levels} % of N(0, I) · of the codes they hold {shares} %"
