"""A score against the size of something, such as the dimension of the codes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from os import PathLike

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter, NullLocator

from experiments.figures.curves import scale
from experiments.figures.key import Key
from experiments.figures.style import (
    MARGIN,
    MUTED,
    RULE,
    Page,
    breadth,
    headroom,
    label,
    number,
    stroke,
)

MARKERS = "osD^vPX"
WIDTH, HEIGHT = 4.6, 3.3  # of the panel, in inches


def value_against_size(
    path: str | PathLike,
    curves: Mapping[str, tuple[Int[np.ndarray, "m"], Float[np.ndarray, "m"], Float[np.ndarray, "m"]]],
    xlabel: str,
    ylabel: str,
    *,
    title: str | None = None,
    highest: bool = False,
) -> None:
    """Draw a curve for each model over a logarithmic axis of sizes; a ring marks its best mean.

    Values that span more than a factor of 20 get a logarithmic axis too.

    Args:
      path: of the PNG file.
      curves: by name sizes > 0, in any order, the means there, which are left out where not finite,
        and their standard deviations, which have no bar where they are 0 or not finite.
      xlabel: what the size is.
      ylabel: what the value is.
      title: above the panel.
      highest: the best mean is the highest, not the lowest.

    Raises:
      ValueError: no curve, arrays of different lengths, a size <= 0, or no finite mean in a curve.
    """
    if not curves:
        raise ValueError("curves must hold at least one model, but they are empty; give one")
    drawn = {name: _sorted(name, *curve) for name, curve in curves.items()}
    looks = [stroke(i) | {"marker": MARKERS[i % len(MARKERS)]} for i in range(len(drawn))]
    word, best = ("highest", np.argmax) if highest else ("lowest", np.argmin)
    rows = []
    for (name, (sizes, means, sds)), look in zip(drawn.items(), looks):
        at = best(means)
        rows.append((name, look | {"markersize": 5}, (_told(means[at], sds[at]), f"{sizes[at]:g}")))
    key = Key((word, f"at {xlabel}"), rows)
    height = max(HEIGHT, key.height)
    lost = sum(np.size(curves[name][0]) - len(drawn[name][0]) for name in curves)
    note = f"means that are not finite, not drawn: {lost:,}" if lost else ""
    left = _room(drawn)
    width = left + WIDTH + 0.4 + key.width + 0.2
    page = Page(width, height + 1.05 + headroom(title), note)
    page.heading(title)
    axes = page.panel(left, 0.95 + height - HEIGHT, WIDTH, HEIGHT)
    for (sizes, means, sds), look in zip(drawn.values(), looks):
        _curve(axes, sizes, means, sds, look, best(means))
    _axes(axes, list(drawn.values()))
    label(axes, xlabel, ylabel)
    key.draw(page, left + WIDTH + 0.4, 0.95 + height)
    bars = any(sds.any() for _, _, sds in drawn.values())
    words = ("bars: ± standard deviation · " if bars else "") + f"ring: the {word} mean"
    page.text(MARGIN, 0.14, words, color=MUTED, fontsize=9)
    page.save(path)


def _sorted(name: str, *curve: np.ndarray) -> list[np.ndarray]:
    sizes, means, sds = (np.ravel(np.asarray(values, np.float64)) for values in curve)
    if not len(sizes) == len(means) == len(sds):
        raise ValueError(
            f"sizes, means and deviations of {name!r} must be of one length, but theirs are "
            f"{len(sizes)}, {len(means)} and {len(sds)}; give nan for a deviation that is not known"
        )
    finite = np.isfinite(means)
    if not finite.any() or not (np.isfinite(sizes) & (sizes > 0)).all():
        raise ValueError(
            f"{name!r} must have sizes above 0 and a finite mean, but its sizes are {sizes.tolist()} and "
            f"its means {means.tolist()}; leave it out"
        )
    sds = np.where(np.isfinite(sds), sds, 0.0)
    order = np.argsort(sizes, kind="stable")
    return [values[order][finite[order]] for values in (sizes, means, sds)]


def _told(mean: float, sd: float) -> str:
    """The deviation with two digits, the mean with as many decimals."""
    if not 1e-5 < sd < 1e5:
        return number(mean)
    decimals = max(0, 1 - math.floor(math.log10(sd)))
    return f"{mean:.{decimals}f} ± {sd:.{decimals}f}".replace("-", "−")


def _room(drawn: dict[str, list[np.ndarray]]) -> float:
    """Inches left of the panel, for the values' names and what they are."""
    ends = [value for _, means, sds in drawn.values() for value in (*(means - sds), *(means + sds))]
    ticks = MaxNLocator(6, steps=[1, 2, 5, 10]).tick_values(min(ends), max(ends))
    return max(MARGIN, 0.42 + max(breadth(number(value, 4), 9) for value in ticks))


def _curve(
    axes: Axes, sizes: np.ndarray, means: np.ndarray, sds: np.ndarray, look: dict, best: np.integer
) -> None:
    bar = {"elinewidth": 1.0, "capsize": 2.5, "capthick": 1.0}
    axes.errorbar(sizes, means, np.where(sds > 0, sds, np.nan), **look, **bar, linewidth=1.6, markersize=5)
    ring = {"markerfacecolor": "none", "markersize": 11, "markeredgewidth": 1.5}
    axes.plot(sizes[best], means[best], "o", markeredgecolor=look["color"], **ring)


def _axes(axes: Axes, drawn: list[list[np.ndarray]]) -> None:
    means, sds = (np.concatenate([curve[i] for curve in drawn]) for i in (1, 2))
    low, high = np.min(means - sds), np.max(means + sds)
    if scale(means[:, None])[0] == "log":
        axes.set_yscale("log", nonpositive="clip")
        # A bar that reaches below zero would take the axis with it.
        axes.set_ylim(max(low, means.min() / 2) / 1.2, high * 1.2)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    else:
        room = 0.08 * (high - low) or 0.1 * abs(high) or 1.0
        axes.set_ylim(low - room, high + room)
        axes.yaxis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 4)))
    sizes = np.unique(np.concatenate([curve[0] for curve in drawn]))
    axes.set_xscale("log", base=2)
    axes.set_xlim(sizes[0] / 2**0.4, sizes[-1] * 2**0.4)
    axes.xaxis.set_major_locator(FixedLocator(_apart(sizes)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:g}"))
    axes.grid(axis="y", color=RULE, linewidth=0.6, alpha=0.6)
    axes.set_axisbelow(True)


def _apart(sizes: np.ndarray) -> list[float]:
    """The sizes whose names do not cover one another."""
    octaves = np.log2(sizes)
    need = 0.4 / WIDTH * (np.ptp(octaves) + 0.8)
    kept = [0]
    for i in range(1, len(sizes)):
        if octaves[i] - octaves[kept[-1]] >= need:
            kept.append(i)
    return [sizes[i] for i in kept]
