"""The look all figures share: palette, type, and a page whose panels are placed in inches."""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path

import matplotlib
import numpy as np
from jaxtyping import Float, Real
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image, ImageFont

# Blue and vermilion of the Okabe-Ito palette, which every kind of colour vision tells apart.
BLUE, VERMILION = "#0072B2", "#D55E00"
SERIES = (BLUE, VERMILION, "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#1f2430")
DASHES = ("-", (0, (5, 1.5)), (0, (1, 1.2)))  # of the first seven series, the next seven, the rest
INK, MUTED, RULE, PAPER = "#1f2430", "#6b7280", "#c9ced6", "#ffffff"
DOTS_PER_INCH = 180
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
MARGIN = 0.7  # inches left of the panels: room for ticks and their axis' name
LEGEND = {"frameon": False, "fontsize": 9, "labelcolor": INK, "handlelength": 1.4}


class Page:
    """A white sheet; everything is placed in inches from its lower left corner, above a foot for a note.

    It is a Figure of its own with its own canvas: pyplot, whose current figure is shared by all
    threads, is never asked.
    """

    def __init__(self, width: float, height: float, note: str = ""):
        self.foot = 0.22 if note else 0.0
        self.width, self.height = width, height + self.foot
        self.figure = Figure(figsize=(self.width, self.height), dpi=DOTS_PER_INCH, facecolor=PAPER)
        FigureCanvasAgg(self.figure)
        if note:
            self.text(MARGIN, 0.14 - self.foot, note, color=VERMILION, fontsize=9)

    def panel(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """Axes with an open frame and quiet ticks."""
        bottom += self.foot
        box = (left / self.width, bottom / self.height, width / self.width, height / self.height)
        axes = self.figure.add_axes(box)
        axes.tick_params(color=RULE, labelcolor=MUTED, labelsize=9, length=3, width=0.8, pad=3)
        axes.tick_params(which="minor", color=RULE, length=2, width=0.6)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set(color=RULE, linewidth=0.8)
        return axes

    def heading(self, title: str | None) -> None:
        """The figure's name, in the room at the top that `headroom` left for it; smaller where too long."""
        if title:
            room = self.width - MARGIN - 0.2
            size = min(13.0, 13 * room / (1.2 * breadth(title, 13)))  # bold type is that much wider
            self.text(MARGIN, self.height - self.foot - 0.34, title, fontsize=size, weight="bold")

    def text(self, left: float, bottom: float, words: str, **look) -> None:
        """Words whose baseline starts here."""
        look = {"color": INK, "fontsize": 10, "va": "baseline", "parse_math": False} | look
        self.figure.text(left / self.width, (bottom + self.foot) / self.height, words, **look)

    def line(self, left: float, right: float, height: float, **look) -> None:
        """A level line, its marker in the middle."""
        x, y = (
            np.array([left, (left + right) / 2, right]) / self.width,
            np.full(3, (height + self.foot) / self.height),
        )
        self.figure.add_artist(Line2D(x, y, markevery=[1], **look))

    def save(self, path: str | PathLike) -> None:
        """Writes the PNG file, and the folder it lies in where that is missing."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        self.figure.canvas.draw()
        image = Image.fromarray(np.asarray(self.figure.canvas.buffer_rgba())).convert("RGB")
        # 256 colours hold the few hues of a figure and a third of the bytes.
        image = image.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        image.save(path, format="PNG", optimize=True)


def headroom(title: str | None) -> float:
    """Inches above the panels' own titles that the figure's title takes."""
    return 0.5 if title else 0.12


def label(axes: Axes, x: str | None = None, y: str | None = None, title: str | None = None) -> None:
    """What the axes mean, and the panel's name above its left edge."""
    if x:
        axes.set_xlabel(x, color=MUTED, fontsize=10, labelpad=4)
    if y:
        axes.set_ylabel(y, color=MUTED, fontsize=10, labelpad=4)
    if title:
        axes.set_title(title, loc="left", color=INK, fontsize=10.5, pad=7)


def stroke(i: int) -> dict:
    """Colour and dashes of the i-th curve of a panel."""
    return {"color": SERIES[i % len(SERIES)], "linestyle": DASHES[min(i // len(SERIES), len(DASHES) - 1)]}


def typeface(size: float, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """The type of all figures, so many pixels high."""
    file = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts", "ttf", file), size)


def breadth(words: str, points: float) -> float:
    """Inches that the longest of these lines takes at this size of type."""
    return max(typeface(100).getlength(line) for line in words.split("\n")) / 100 * points / 72


def number(value: float, digits: int = 3) -> str:
    """So many digits; below a thousandth and from ten thousand on with a power of ten."""
    if value == 0 or not math.isfinite(value) or 1e-3 <= abs(value) < 1e4:
        text = f"{value:.0f}" if 1e3 <= abs(value) < 1e4 else f"{value:.{digits}g}"
        return text.replace("-", "−")
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".").replace("-", "−")
    factor = mantissa.replace("1", "") if mantissa in ("1", "−1") else f"{mantissa}×"
    return f"{factor}10" + str(int(exponent)).translate(SUPERSCRIPT)


def finite_rows(points: Real[np.ndarray, "n d"], name: str) -> tuple[Float[np.ndarray, "k d"], int]:
    """The points all of whose coordinates are finite, and how many are not.

    Args:
      points: two-dimensional.
      name: of the array, for the message.

    Raises:
      ValueError: the array has another number of axes, or no finite point.
    """
    points = np.asarray(points, np.float64)
    if points.ndim != 2 or 0 in points.shape:
        raise ValueError(
            f"{name} must be points of shape [n, d], but its shape is {points.shape}; reshape it"
        )
    finite = np.isfinite(points).all(axis=1)
    if not finite.any():
        raise ValueError(
            f"{name} must hold at least one finite point, but none of {len(points)} is; the "
            "training has diverged: lower the learning rate"
        )
    return points[finite], int(np.sum(~finite))
