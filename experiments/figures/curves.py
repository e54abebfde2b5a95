"""The loss terms of a run against its steps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from os import PathLike

import numpy as np
from jaxtyping import Float, Int
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter, SymmetricalLogLocator

from experiments.figures.style import BLUE, INK, MUTED, RULE, Page, label

NOT_TERMS = ("step", "steps_per_second")
COLUMNS, WIDTH, HEIGHT = 3, 2.72, 2.3


def training_curves(path: str | PathLike, records: Sequence[Mapping], *, title: str | None = None) -> None:
    """Draw every term in a panel of its own: the smoothed mean, pale behind it the mean as it is.

    With several repetitions a band spans their smoothed curves. A positive term that falls by
    more than a factor of 20 gets a logarithmic axis; one that crosses zero, as an unbiased MMD² must,
    an axis that is linear around zero and logarithmic beyond.

    Args:
      path: of the PNG file.
      records: the lines of metrics.jsonl: a step, and by name a number, or a list of one a repetition.
      title: above the panels.

    Raises:
      ValueError: no record holds a term.
    """
    terms = series(records)
    rows, columns = math.ceil(len(terms) / COLUMNS), min(COLUMNS, len(terms))
    top = 0.42 if title else 0.0
    page = Page(0.62 + columns * (WIDTH + 0.56) - 0.2, rows * (HEIGHT + 0.92) + 0.3 + top)
    if title:
        page.text(0.62, page.height - 0.42, title, fontsize=13, weight="bold")
    shared = len({name.rpartition("/")[0] for name in terms}) == 1
    for place, (name, (steps, values)) in enumerate(terms.items()):
        row, column = divmod(place, COLUMNS)
        bottom = 0.88 + (rows - 1 - row) * (HEIGHT + 0.92)
        axes = page.panel(0.62 + column * (WIDTH + 0.56), bottom, WIDTH, HEIGHT)
        _curve(axes, steps, values)
        words = name.rpartition("/")[2] if shared else name.replace("/", " · ")
        label(axes, "step", None, words.replace("mmd2", "MMD²").replace("_", " "))
    repetitions = max(values.shape[1] for _, values in terms.values())
    words = "pale: before smoothing"
    if repetitions > 1:
        words = f"mean of {repetitions} repetitions · band: least to greatest · {words}"
    page.text(0.62, 0.14, words, color=MUTED, fontsize=9)
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
    """Centred moving means over a 25th of the curve; windows shrink at the ends, gaps are skipped."""
    half = len(values) // 50
    finite = np.isfinite(values)
    sums = np.cumsum(np.pad(np.where(finite, values, 0.0), ((1, 0), (0, 0))), axis=0)
    counts = np.cumsum(np.pad(finite, ((1, 0), (0, 0))), axis=0)
    here = np.arange(len(values))
    reach = np.minimum(half, np.minimum(here, here[::-1]))
    low, high = here - reach, here + reach + 1
    with np.errstate(invalid="ignore"):
        return (sums[high] - sums[low]) / (counts[high] - counts[low])


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


def _curve(axes: Axes, steps: np.ndarray, values: np.ndarray) -> None:
    smoothed = smooth(values)
    kind, options = scale(np.concatenate([values, smoothed]))
    axes.set_yscale(kind, **options)
    raw = values.mean(axis=1)
    axes.plot(steps, raw, color=BLUE, alpha=0.25, linewidth=0.8, solid_joinstyle="round")
    if values.shape[1] > 1:
        low, high = smoothed.min(axis=1), smoothed.max(axis=1)
        axes.fill_between(steps, low, high, color=BLUE, alpha=0.18, linewidth=0)
    last = smoothed.mean(axis=1)
    axes.plot(steps, last, color=BLUE, linewidth=1.7, solid_capstyle="round")
    axes.plot(steps[-1:], last[-1:], "o", color=BLUE, markersize=4.5, clip_on=False)
    axes.set_title(f"{last[-1]:.3g}".replace("-", "−"), loc="right", color=BLUE, fontsize=10.5, pad=7)
    if np.nanmin(values) <= 0:
        axes.axhline(0, color=INK, linewidth=0.8, zorder=1)
    _ticks(axes, kind, options)


def _ticks(axes: Axes, kind: str, options: dict) -> None:
    axes.grid(axis="y", color=RULE, linewidth=0.6, alpha=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _thousands(value)))
    if kind == "linear":
        axes.yaxis.set_major_locator(MaxNLocator(5))
    else:
        if kind == "symlog":
            locator = SymmetricalLogLocator(base=10, linthresh=options["linthresh"])
            axes.yaxis.set_major_locator(locator)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))
        axes.yaxis.set_minor_formatter(NullFormatter())


def _thousands(value: float) -> str:
    for size, unit in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def _power(value: float) -> str:
    if value == 0:
        return "0"
    exponent = round(math.log10(abs(value)))
    sign = "−" if value < 0 else ""
    if -2 <= exponent <= 3:
        return f"{sign}{10.0**exponent:g}"
    return f"{sign}10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
