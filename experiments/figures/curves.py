"""The loss terms of a run against its steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, SymmetricalLogLocator

from experiments.figures.style import BLUE, INK, MARGIN, MUTED, RULE, Page, headroom, label, number

NOT_TERMS = ("step", "steps_per_second")
SMOOTHING = 50  # the part of a curve that half a window spans
COLUMNS, WIDTHS = 3, {1: 5.0, 2: 4.0, 3: 2.5}  # inches, by the number of columns
GAP, HEIGHT = 0.82, 2.3


def training_curves(path: str | PathLike, records: Sequence[Mapping], *, title: str | None = None) -> None:
    """Draw every term in a panel of its own: the smoothed mean, and pale behind it the mean itself.

    Losses come first. With several repetitions a band spans their smoothed curves. A positive term that
    falls by more than a factor of 20 gets a logarithmic axis; one that crosses zero, as an unbiased MMD²
    must, an axis that is linear around zero and logarithmic beyond.

    Args:
      path: of the PNG file.
      records: the lines of metrics.jsonl: a step, and by name a number, or a list of one a repetition.
      title: above the panels.

    Raises:
      ValueError: no record holds a term.
    """
    terms = series(records)
    terms = {name: terms[name] for name in sorted(terms, key=_no_loss)}
    columns = min(COLUMNS, len(terms))
    rows, width = math.ceil(len(terms) / columns), WIDTHS[columns]
    shared = len({name.rpartition("/")[0] for name in terms}) == 1
    step = HEIGHT + (0.87 if shared else 1.04)
    page = Page(MARGIN + columns * (width + GAP) - 0.5, rows * step + 0.25 + headroom(title))
    page.heading(title)
    for place, (name, (steps, values)) in enumerate(terms.items()):
        row, column = divmod(place, columns)
        bottom = 0.85 + (rows - 1 - row) * step
        axes = page.panel(MARGIN + column * (width + GAP), bottom, width, HEIGHT)
        _curve(axes, steps, values)
        words = name.rpartition("/")[2] if shared else name.replace("/", "\n")
        label(axes, "step", None, words.replace("mmd2", "MMD²").replace("_", " "))
    page.text(MARGIN, 0.14, _legend(terms), color=MUTED, fontsize=9)
    page.save(path)


def series(
    records: Sequence[Mapping],
) -> dict[str, tuple[Int[np.ndarray, "n"], Float[np.ndarray, "n r"]]]:
    """Steps and values by term, in the order in which the terms first appear.

    Raises:
      ValueError: no record holds a term.
    """
    names = [name for record in records for name in record if name not in NOT_TERMS]
    if not names:
        raise ValueError(
            f"records must hold a term besides its step, but none of {len(records)} does; give "
            "the lines of a run's metrics.jsonl"
        )
    terms = {}
    for name in dict.fromkeys(names):
        lines = [record for record in records if name in record]
        steps = np.array([line["step"] for line in lines])
        terms[name] = steps, np.array([np.ravel(line[name]) for line in lines], np.float64)
    return terms


def smooth(values: Float[np.ndarray, "n r"]) -> Float[np.ndarray, "n r"]:
    """Centred moving means over a 25th of the curve, cut off at its ends; gaps are skipped."""
    half = len(values) // SMOOTHING
    values = np.where(np.isfinite(values), values, np.nan)
    means = np.empty_like(values)
    for i in range(len(values)):
        # At the steep start a lopsided window would be biased; at the end it is merely less noisy.
        window = values[i - min(half, i) : i + min(half, i) + 1]
        # Differences of running sums would be faster, and lose the small values after large ones.
        count = np.sum(~np.isnan(window), axis=0)
        means[i] = np.where(count > 0, np.nansum(window, axis=0) / np.maximum(count, 1), np.nan)
    return means


def scale(values: Float[np.ndarray, "n r"]) -> tuple[str, dict]:
    """The axis that shows these values: its name in matplotlib and its options."""
    values = values[np.isfinite(values)]
    if not values.size:
        return "linear", {}
    low, high = values.min(), values.max()
    if low > 0:
        return ("log" if high > 20 * low else "linear"), {}
    # Noise around zero belongs in the linear part: that of the second half, when it has converged.
    size = np.abs(values)
    noise = np.quantile(size[len(size) // 2 :], 0.9) or size.max()
    if size.max() < 20 * noise:
        return "linear", {}
    return "symlog", {"linthresh": 10 ** math.ceil(math.log10(noise)), "linscale": 1.0}


def _no_loss(name: str) -> bool:
    return name.rpartition("/")[2] != "loss"


def _legend(terms: dict[str, tuple[np.ndarray, np.ndarray]]) -> str:
    words = ["number: where the smoothed mean ends"]
    repetitions = max(values.shape[1] for _, values in terms.values())
    if repetitions > 1:
        words += [f"mean of {repetitions} repetitions", "band: least to greatest"]
    if max(len(steps) for steps, _ in terms.values()) >= SMOOTHING:
        words += ["pale: before smoothing"]
    return " · ".join(words)


def _curve(axes: Axes, steps: np.ndarray, values: np.ndarray) -> None:
    smoothed = smooth(values)
    kind, options = scale(values)
    axes.set_yscale(kind, **options)
    raw = values.mean(axis=1)
    axes.plot(steps, raw, color=BLUE, alpha=0.25, linewidth=0.8, solid_joinstyle="round")
    if values.shape[1] > 1:
        low, high = smoothed.min(axis=1), smoothed.max(axis=1)
        axes.fill_between(steps, low, high, color=BLUE, alpha=0.18, linewidth=0)
    last = smoothed.mean(axis=1)
    axes.plot(steps, last, color=BLUE, linewidth=1.7, solid_capstyle="round")
    axes.plot(steps[-1:], last[-1:], "o", color=BLUE, markersize=4.5, clip_on=False)
    axes.set_title(number(last[-1]), loc="right", color=BLUE, fontsize=10.5, pad=7)
    if np.any(values <= 0) and np.any(values >= 0):
        axes.axhline(0, color=INK, linewidth=0.8, zorder=1)
    _ticks(axes, kind, options)


def _ticks(axes: Axes, kind: str, options: dict) -> None:
    axes.grid(axis="y", color=RULE, linewidth=0.6, alpha=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10], integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _thousands(value)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 4)))
    axes.yaxis.set_minor_formatter(NullFormatter())
    if kind == "linear":
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    if kind == "symlog":
        edge = options["linthresh"]
        axes.yaxis.set_major_locator(SymmetricalLogLocator(base=10, linthresh=edge))
        words, place = f"linear below {number(edge)}", (0.99, edge)
        look = {"color": MUTED, "fontsize": 8, "ha": "right", "va": "bottom"}
        axes.text(*place, words, transform=axes.get_yaxis_transform(), **look)


def _thousands(value: float) -> str:
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"
