"""Grids of images, enlarged without blur so that small ones can be read."""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path

import numpy as np
from jaxtyping import Real, UInt8
from PIL import Image, ImageDraw

from experiments.figures.style import INK, MUTED, typeface

GUTTER, TYPE, HEADING = 4, 13, 15  # pixels of the file
LEGIBLE = 84  # the side, in pixels of the file, that small images are brought near


def image_grid(
    path: str | PathLike,
    images: Real[np.ndarray, "n h w c"],
    *,
    value_range: tuple[float, float],
    columns: int = 8,
    scale: int | None = None,
    title: str = "",
) -> None:
    """Write images row by row into one PNG file, each pixel a square of `scale` by `scale`.

    Args:
      path: of the PNG file.
      images: c = 1 is grey, 3 is red, green and blue.
      value_range: the numbers that are black and white; what lies beyond is clipped.
      columns: images in a row, at least 1.
      scale: at least 1; None brings small images near 84 pixels.
      title: a line above them; none where empty.

    Raises:
      ValueError: another shape, a pixel that is not finite, or an argument out of range.
    """
    tiles = pixels(images, value_range, "images")
    save(path, _titled(mosaic(enlarged(tiles, scale), columns), title))


def reconstruction_grid(
    path: str | PathLike,
    originals: Real[np.ndarray, "n h w c"],
    reconstructions: Real[np.ndarray, "n h w c"],
    *,
    value_range: tuple[float, float],
    columns: int = 8,
    title: str = "",
) -> None:
    """Write each original with its reconstruction directly below, and a legend at the left.

    Args:
      path: of the PNG file.
      originals: c = 1 is grey, 3 is red, green and blue.
      reconstructions: of the same shape and in the same order.
      value_range: the numbers that are black and white; what lies beyond is clipped.
      columns: pairs in a row, at least 1.
      title: a line above them; none where empty.

    Raises:
      ValueError: the shapes differ, or as for `image_grid`.
    """
    above = pixels(originals, value_range, "originals")
    below = pixels(reconstructions, value_range, "reconstructions")
    if above.shape != below.shape:
        raise ValueError(
            f"reconstructions must have the originals' shape {above.shape}, but theirs is "
            f"{below.shape}; give one for each original"
        )
    above, below = enlarged(above), enlarged(below)
    # A hairline inside a pair, a wide gap between pairs: the eye joins what is close.
    above = np.pad(above, ((0, 0), (0, 2), (0, 0), (0, 0)), constant_values=255)
    pairs = np.concatenate([above, below], axis=1)
    sheet = mosaic(pairs, columns, gutter=3 * GUTTER)
    save(path, _with_legend(_titled(sheet, title), above.shape[1], strip(title)))


def pixels(
    images: Real[np.ndarray, "n h w c"], value_range: tuple[float, float], name: str
) -> UInt8[np.ndarray, "n h w c"]:
    """Images as bytes: the range mapped onto 0 to 255, rounded to the nearest, clipped.

    Args:
      images: c = 1 or 3.
      value_range: (low, high), low < high.
      name: of the array, for the message.

    Raises:
      ValueError: another shape, an empty range, or a pixel that is not finite.
    """
    images = np.asarray(images, np.float64)
    if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        raise ValueError(
            f"{name} must have shape [n, h, w, c] with c = 1 or 3, but their shape is "
            f"{images.shape}; reshape them"
        )
    low, high = value_range
    if not low < high:
        raise ValueError(
            f"value_range must be (black, white) with black below white, but it is "
            f"({low}, {high}); give the range of the data"
        )
    if lost := np.sum(~np.isfinite(images)):
        raise ValueError(
            f"{name} must be finite, but {lost} of {images.size} values are not; the training "
            "has diverged: lower the learning rate"
        )
    return np.round(np.clip((images - low) / (high - low), 0, 1) * 255).astype(np.uint8)


def mosaic(
    tiles: UInt8[np.ndarray, "n h w c"], columns: int, gutter: int = GUTTER
) -> UInt8[np.ndarray, "rows columns c"]:
    """Tiles row by row with gutters between and around them; all that is left over is white."""
    if columns < 1:
        raise ValueError(f"columns must be at least 1, but it is {columns}; 8 is usual")
    n, height, width, channels = tiles.shape
    columns = min(columns, n)
    rows = -(-n // columns)
    cells = np.full((rows * columns, height + gutter, width + gutter, channels), 255, np.uint8)
    cells[:n, gutter:, gutter:] = tiles
    sheet = cells.reshape(rows, columns, height + gutter, width + gutter, channels)
    sheet = sheet.swapaxes(1, 2).reshape(rows * (height + gutter), -1, channels)
    return np.pad(sheet, ((0, gutter), (0, gutter), (0, 0)), constant_values=255)


def enlarged(
    tiles: UInt8[np.ndarray, "n h w c"], scale: int | None = None
) -> UInt8[np.ndarray, "n scale*h scale*w c"]:
    """Each pixel a square; None brings small images near 84 pixels."""
    if scale is None:
        scale = max(1, round(LEGIBLE / max(tiles.shape[1:3])))
    if scale < 1:
        raise ValueError(f"scale must be at least 1, but it is {scale}; leave it out to choose it")
    return tiles.repeat(scale, axis=1).repeat(scale, axis=2)


def strip(title: str) -> int:
    """Height of the line that a title takes, in pixels."""
    return HEADING + 3 * GUTTER if title else 0


def title_width(title: str) -> int:
    """Pixels that a sheet must be wide for its title."""
    return math.ceil(typeface(HEADING, bold=True).getlength(title)) + 2 * GUTTER


def entitle(draw: ImageDraw.ImageDraw, title: str) -> None:
    """Writes a title into its strip, in the type of the charts' titles."""
    draw.text((GUTTER, strip(title) / 2), title, fill=INK, font=typeface(HEADING, bold=True), anchor="lm")


def _titled(sheet: np.ndarray, title: str) -> np.ndarray:
    if not title:
        return sheet
    missing = max(0, title_width(title) - sheet.shape[1])
    image = _image(np.pad(sheet, ((strip(title), 0), (0, missing), (0, 0)), constant_values=255))
    entitle(ImageDraw.Draw(image), title)
    return np.asarray(image).reshape(image.height, image.width, -1)


def _with_legend(sheet: np.ndarray, height: int, top: int) -> Image.Image:
    font = typeface(TYPE)
    words = ("original", "reconstruction")
    margin = 16 + max(round(font.getlength(word)) for word in words)
    image = _image(np.pad(sheet, ((0, 0), (margin, 0), (0, 0)), constant_values=255))
    draw = ImageDraw.Draw(image)
    for word, middle in zip(words, (0.5, 1.5)):
        place = (margin - 8, top + 3 * GUTTER + middle * height)
        draw.text(place, word, fill=MUTED, font=font, anchor="rm")
    return image


def _image(sheet: np.ndarray) -> Image.Image:
    return Image.fromarray(sheet.squeeze(2) if sheet.shape[2] == 1 else sheet)


def save(path: str | PathLike, picture: UInt8[np.ndarray, "h w c"] | Image.Image) -> None:
    """Writes the PNG file, and the folder it lies in where that is missing."""
    if isinstance(picture, np.ndarray):
        picture = _image(picture)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, format="PNG", optimize=True)
