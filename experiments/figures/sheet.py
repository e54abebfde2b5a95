"""A white sheet on which pictures and words are placed in pixels."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from os import PathLike

import numpy as np
from jaxtyping import Real, UInt8
from PIL import Image, ImageDraw

from experiments.figures.pictures import GUTTER, TYPE, enlarged, entitle, pixels, save, strip, title_width
from experiments.figures.style import BLUE, INK, MUTED, PAPER, typeface

LINE = 17  # from one line of words to the next
GAP = 4 * GUTTER  # between groups of pictures


class Sheet:
    """Everything is placed from the upper left corner; the title has a strip of its own above."""

    def __init__(self, width: float, height: float, title: str = ""):
        self.top = strip(title)
        width = max(width, title_width(title))
        self.image = Image.new("RGB", (math.ceil(width), math.ceil(height) + self.top), PAPER)
        self.draw = ImageDraw.Draw(self.image)
        entitle(self.draw, title)

    def picture(self, tile: UInt8[np.ndarray, "h w c"], left: int, top: int, *, marked: bool = False) -> None:
        """A picture whose upper left corner lies here; a blue frame around it where marked."""
        height, width, channels = tile.shape
        top += self.top
        if marked:
            box = (left - 3, top - 3, left + width + 2, top + height + 2)
            self.draw.rectangle(box, outline=BLUE, width=2)
        self.image.paste(Image.fromarray(tile.squeeze(2) if channels == 1 else tile), (left, top))

    def words(self, left: float, top: float, words: str, anchor: str, *, strong: bool = False) -> None:
        """One line or several, of which this is the point that Pillow's `anchor` names."""
        look = {"fill": INK if strong else MUTED, "font": typeface(TYPE), "align": "right"}
        spacing = {} if "\n" not in words else {"spacing": LINE - TYPE}
        self.draw.text((left, top + self.top), words, anchor=anchor, **look, **spacing)

    def save(self, path: str | PathLike) -> None:
        """Writes the PNG file, and the folder it lies in where that is missing."""
        save(path, self.image)


def tiles(
    rows: Real[np.ndarray, "k n h w c"], value_range: tuple[float, float], name: str
) -> UInt8[np.ndarray, "k n scale*h scale*w c"]:
    """Rows of pictures as bytes, small ones enlarged.

    Args:
      rows: c = 1 or 3.
      value_range: the numbers that are black and white; what lies beyond is clipped.
      name: of the array, for the message.

    Raises:
      ValueError: another shape, an empty range, or a pixel that is not finite.
    """
    rows = np.asarray(rows)
    if rows.ndim != 5 or 0 in rows.shape:
        raise ValueError(
            f"{name} must have shape [k, n, h, w, c], k rows of n pictures, but their shape is "
            f"{rows.shape}; stack the rows"
        )
    flat = enlarged(pixels(rows.reshape(-1, *rows.shape[2:]), value_range, name))
    return flat.reshape(*rows.shape[:2], *flat.shape[1:])


def extent(words: Sequence[str]) -> int:
    """Pixels that the longest line of these words takes."""
    lines = [line for word in words for line in word.split("\n")]
    return math.ceil(max(typeface(TYPE).getlength(line) for line in lines))


def folded(name: str) -> str:
    """A name in up to four lines, its underscores blanks."""
    name = name.replace("_", " ")
    return "\n".join(textwrap.wrap(name, max(20, math.ceil(len(name) / 3)))) or name
