"""Codes against the prior they should follow, in any number of dimensions."""

from __future__ import annotations

import math
from os import PathLike

import numpy as np
from jaxtyping import Float, Real
from matplotlib.axes import Axes

from experiments.figures.style import (
    BLUE,
    INK,
    MUTED,
    PAPER,
    VERMILION,
    Page,
    finite_rows,
    label,
    legend,
    numbers,
)

LEVELS = (0.5, 0.9, 0.99)
PRIOR = "#9aa3af"


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
    page = draw(codes, prior, 0.42 if title else 0.0)
    if title:
        page.text(0.62, page.height - 0.42, title, fontsize=13, weight="bold")
    if lost:
        words = f"{lost:,} codes are not finite and not drawn"
        page.text(page.width - 0.2, 0.14, words, ha="right", color=VERMILION, fontsize=9)
    page.save(path)


def radii(levels: tuple[float, ...] = LEVELS) -> Float[np.ndarray, "k"]:
    """Radii of the discs that hold these shares of N(0, I) in the plane: sqrt(-2 ln(1 - level))."""
    return np.sqrt(-2 * np.log1p(-np.array(levels)))


def normal(x: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """The density of N(0, 1)."""
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def chi(r: Float[np.ndarray, "n"], dimension: int) -> Float[np.ndarray, "n"]:
    """The density at r > 0 of the norm of a point drawn from N(0, I)."""
    log_constant = (1 - dimension / 2) * math.log(2) - math.lgamma(dimension / 2)
    return np.exp(log_constant + (dimension - 1) * np.log(r) - r**2 / 2)


def principal_plane(codes: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "d 2"]:
    """Orthonormal directions in which the codes vary most, each pointing to its largest entry."""
    centred = codes - codes.mean(axis=0)
    plane = np.linalg.eigh(centred.T @ centred)[1][:, :-3:-1]
    # An eigenvector's sign is the library's choice; the figure should not depend on it.
    largest = plane[np.argmax(np.abs(plane), axis=0), (0, 1)]
    return plane * np.where(largest < 0, -1.0, 1.0)[None, :]


def _line(codes: np.ndarray, prior: np.ndarray, top: float) -> Page:
    page = Page(7.2, 4.1 + top)
    axes = page.panel(0.72, 0.7, 6.2, 3.15)
    _histogram(axes, codes[:, 0], prior[:, 0], lambda x: normal(x), "N(0, 1)")
    label(axes, "z", "density")
    legend(axes)
    return page


def _plane(codes: np.ndarray, prior: np.ndarray, top: float) -> Page:
    page = Page(6.5, 6.7 + top)
    half = _half_side(codes, prior)
    axes = page.panel(0.62, 0.95, 4.5, 4.5)
    _scatter(axes, codes, prior, half)
    label(axes, "z₁", "z₂")
    inside = [100 * np.mean(np.linalg.norm(codes, axis=1) < r) for r in radii()]
    page.text(0.62, 0.14, _inside(inside), color=MUTED, fontsize=9)
    for coordinate, place in enumerate(((0.62, 5.52, 4.5, 0.85), (5.19, 0.95, 0.85, 4.5))):
        margin = page.panel(*place)
        sideways = coordinate == 1
        _histogram(
            margin,
            codes[:, coordinate],
            prior[:, coordinate],
            normal,
            "N(0, I)",
            (-half, half),
            sideways,
        )
        margin.set_axis_off()
        if not sideways:
            legend(margin, loc="upper left", bbox_to_anchor=(1.0, 1.1))
    return page


def _space(codes: np.ndarray, prior: np.ndarray, top: float) -> Page:
    page = Page(10.0, 4.3 + top)
    plane = principal_plane(codes)
    flat, flat_prior = codes @ plane, prior @ plane
    axes = page.panel(0.62, 0.95, 2.9, 2.9)
    _scatter(axes, flat, flat_prior, _half_side(flat, flat_prior))
    label(axes, "first principal direction", "second", "codes over the prior")
    inside = [100 * np.mean(np.linalg.norm(flat, axis=1) < r) for r in radii()]
    page.text(0.62, 0.14, _inside(inside), color=MUTED, fontsize=9)

    _moments(page.panel(4.05, 0.95, 2.6, 2.9), codes)

    axes = page.panel(7.15, 0.95, 2.65, 2.9)
    law = f"chi law, {codes.shape[1]} dimensions"
    norms = [np.linalg.norm(points, axis=1) for points in (codes, prior)]
    _histogram(axes, *norms, lambda r: chi(np.maximum(r, 1e-9), codes.shape[1]), law)
    label(axes, "‖z‖", None, "distance from the origin")
    axes.tick_params(left=False, labelleft=False)
    legend(axes, loc="upper right")
    return page


def _scatter(axes: Axes, codes: np.ndarray, prior: np.ndarray, half: float) -> None:
    for points, colour in ((prior, PRIOR), (codes, BLUE)):
        size = np.clip(1.5e4 / len(points), 2.0, 12.0)
        opacity = float(np.clip(40 / math.sqrt(len(points)), 0.25, 0.9))
        axes.scatter(*points.T, s=size, color=colour, alpha=opacity, linewidths=0)
    turn = np.linspace(0, 2 * math.pi, 200)
    for level, radius in zip(LEVELS, radii()):
        axes.plot(radius * np.cos(turn), radius * np.sin(turn), color=INK, linewidth=0.9)
        words = f"{100 * level:g} %"
        box = {"facecolor": PAPER, "edgecolor": "none", "pad": 0.8, "alpha": 0.85}
        axes.text(0, radius, words, fontsize=8, color=INK, ha="center", va="center", bbox=box)
    axes.set(xlim=(-half, half), ylim=(-half, half), aspect="equal")


def _histogram(axes, codes, prior, law, name, limits=None, sideways=False) -> None:
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
    axes.set(
        **({"xlim": (0, tallest), "ylim": limits} if sideways else {"xlim": limits, "ylim": (0, tallest)})
    )


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
    axes.set_xlim(0.5 - 0.02 * dimension, dimension + 0.5 + 0.02 * dimension)
    label(axes, "dimension, by standard deviation", None, "moments: 1 and 0 under N(0, I)")
    legend(axes, loc="center right")


def _half_side(codes: np.ndarray, prior: np.ndarray) -> float:
    reach = max(np.quantile(np.abs(points), 0.998) for points in (codes, prior))
    return 1.06 * max(float(reach), 3.3)


def _inside(shares: list[float]) -> str:
    levels = numbers([100 * level for level in LEVELS], 0)
    return f"circles: {levels} % of N(0, I) · of the codes they hold {numbers(shares, 1)} %"
