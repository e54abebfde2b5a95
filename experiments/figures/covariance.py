"""How the dimensions of the codes hang together."""

from __future__ import annotations

from os import PathLike

import numpy as np
from jaxtyping import Bool, Float
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.ticker import FuncFormatter, MaxNLocator

from experiments.figures.style import (
    BLUE,
    INK,
    MARGIN,
    MUTED,
    PAPER,
    RULE,
    VERMILION,
    Page,
    headroom,
    label,
    number,
)

GREY = "#b4b9c2"
SIGNS = LinearSegmentedColormap.from_list("signs", [BLUE, PAPER, VERMILION]).with_extremes(bad=GREY)
SIDE, BARS = 3.5, 0.75  # of the maps, and the height of the bars above them, in inches
COLUMN = 5.15  # from one map to the next


def latent_covariance(
    path: str | PathLike,
    covariance: Float[np.ndarray, "d d"],
    *,
    active: Bool[np.ndarray, "d"] | None = None,
    samples: int | None = None,
    of: str = "codes",
    title: str | None = None,
) -> None:
    """Draw covariance and correlation off the diagonal, which is grey, and bars of each dimension above.

    The bars are the variances, and the means of |correlation| with the other dimensions. The
    mean of |correlation| over all pairs of active dimensions is NAC; codes whose dimensions are
    independent have sqrt(2 / (pi n)) for n samples.

    Args:
      path: of the PNG file.
      covariance: of the codes, d >= 2, finite and symmetric.
      active: the dimensions between which correlations are drawn; None takes those of positive variance.
      samples: the number of codes, at least 1; None leaves out what independent ones would have.
      of: what they are, for the words below: codes, or the posteriors' means.
      title: above the panels.

    Raises:
      ValueError: another shape, values that no covariance has, or fewer than two active dimensions.
    """
    covariance = _checked(covariance)
    variances = np.diagonal(covariance)
    active = variances > 0 if active is None else np.asarray(active, bool) & (variances > 0)
    if active.shape != variances.shape or active.sum() < 2:
        raise ValueError(
            f"active must mark at least two dimensions of positive variance out of {len(variances)}, but "
            f"it marks {active.sum()}; there is no correlation to draw"
        )
    scales = np.sqrt(np.where(active, variances, np.nan))
    apart = np.where(np.eye(len(variances), dtype=bool), np.nan, covariance)
    correlation = apart / scales[:, None] / scales[None, :]
    strengths = np.nansum(np.abs(correlation), axis=1) / (active.sum() - 1)
    nac = strengths[active].mean()

    page = Page(MARGIN + COLUMN + SIDE + 1.0, SIDE + BARS + 1.25 + headroom(title))
    page.heading(title)
    _column(page, MARGIN, apart, variances, "covariance · bars: variance", 0.1 * variances.max())
    told = "correlation · bars: mean |correlation|" + ("" if active.all() else " · grey: not active")
    axes = _column(page, MARGIN + COLUMN, correlation, strengths, told, 0.1)
    axes.axhline(nac, color=INK, linewidth=0.9)
    words = f"NAC, mean |correlation| between {active.sum()} of {len(active)} dimensions: {number(nac)}"
    if samples is not None:
        floor = np.sqrt(2 / (np.pi * samples))
        axes.axhline(floor, color=INK, linewidth=0.9, linestyle=(0, (3, 2)))
        words += f" (line) · independent ones, {samples:,} {of}: {number(floor)} (dashed)"
    page.text(MARGIN, 0.14, words, color=MUTED, fontsize=9)
    page.save(path)


def _checked(covariance: np.ndarray) -> np.ndarray:
    covariance = np.asarray(covariance, np.float64)
    if covariance.ndim != 2 or len(set(covariance.shape)) != 1 or len(covariance) < 2:
        raise ValueError(
            f"covariance must have shape [d, d] with d >= 2, but its shape is {covariance.shape}; a "
            "single dimension has no covariance to draw"
        )
    size = np.abs(covariance).max()
    symmetric = np.abs(covariance - covariance.T).max() <= 1e-4 * size
    if not (np.isfinite(size) and symmetric and np.diagonal(covariance).min() >= 0):
        raise ValueError(
            "covariance must be finite and symmetric with no negative diagonal, but it is not; give "
            "np.cov of finite codes"
        )
    return covariance


def _column(page: Page, left: float, values: np.ndarray, bars: np.ndarray, name: str, least: float) -> Axes:
    """A map with its colour bar at the right, and above it bars, whose panel is returned."""
    d = len(bars)
    limit = _limit(np.nanmax(np.abs(values)), least)
    axes = page.panel(left, 0.85, SIDE, SIDE)
    edge = (0.5, d + 0.5)
    axes.imshow(
        values, cmap=SIGNS, vmin=-limit, vmax=limit, extent=(*edge, *edge[::-1]), interpolation="nearest"
    )
    for ticks in (axes.xaxis, axes.yaxis):
        ticks.set_major_locator(MaxNLocator(7, steps=[1, 2, 5, 10], integer=True))
    label(axes, "dimension")
    for side in axes.spines.values():
        side.set_visible(True)

    scale = page.panel(left + SIDE + 0.12, 0.85, 0.13, SIDE)
    scale.imshow(np.linspace(1, -1, 256)[:, None], aspect="auto", cmap=SIGNS, extent=(0, 1, -limit, limit))
    scale.yaxis.tick_right()
    scale.set(xticks=[], yticks=limit * np.array([-1, -0.5, 0, 0.5, 1]))
    scale.tick_params(color=RULE, labelcolor=MUTED)
    scale.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))

    top = page.panel(left, 0.85 + SIDE + 0.08, SIDE, BARS)
    top.bar(np.arange(1, d + 1), bars, width=0.8 if d <= 64 else 1.0, color=MUTED, linewidth=0)
    top.set(xlim=edge, ylim=(0, 1.12 * bars.max() or 1))
    top.tick_params(bottom=False, labelbottom=False)
    top.yaxis.set_major_locator(MaxNLocator(2, steps=[1, 2, 5, 10]))
    top.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value)))
    label(top, None, None, name)
    return top


def _limit(largest: float, least: float) -> float:
    """The smallest of ..., 0.1, 0.2, 0.3, 0.5, 1, 2, ... not below either, so that noise alone stays pale."""
    decades = 10.0 ** np.arange(-300, 300)
    ladder = np.sort(np.concatenate([step * decades for step in (1, 2, 3, 5)]))
    return ladder[np.searchsorted(ladder, max(largest, least) * (1 - 1e-9))]
