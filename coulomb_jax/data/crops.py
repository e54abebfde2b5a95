"""The square at the middle of an aligned CelebA picture, brought to the size that nets see."""

from __future__ import annotations

import io
import math
from typing import NamedTuple

import numpy as np
from PIL import Image

from coulomb_jax import naming
from coulomb_jax.data.source import DataError

WIDTH, HEIGHT = 178, 218
SIZES = {(WIDTH, HEIGHT): 1.0, (WIDTH // 2, HEIGHT // 2): 0.5}
FILTERS = ("bicubic", "bilinear", "box", "lanczos")


class Crop(NamedTuple):
    """A centred square of `crop` pixels of the 178 x 218 ones, reduced to `size` pixels.

    140 is the crop of [tolstikhin2018] and [ghosh2020] (rows 39 to 179, columns 19 to 159), 128 that
    of 2-stage VAEs (rows 45 to 173, columns 25 to 153), 148 a common one (rows 35 to 183, columns 15
    to 163).

    Attributes:
      crop: even, 2 to 178.
      size: of the result, at least 1.
      filter: one of FILTERS. Reducing, Pillow widens its support by the factor of the reduction, so
        that each averages over what a pixel of the result covers.
    """

    crop: int = 140
    size: int = 64
    filter: str = "lanczos"

    def check(self) -> None:
        """Raises a ValueError where a value is out of range."""
        if not 2 <= self.crop <= WIDTH or self.crop % 2:
            raise ValueError(
                f"crop must be even and lie between 2 and {WIDTH} pixels, but it is {self.crop}; 140, 128 "
                "and 148 are usual"
            )
        if self.size < 1:
            raise ValueError(f"size must be at least 1 pixel, but it is {self.size}; 64 is usual")
        if self.filter not in FILTERS:
            raise ValueError(naming.nearest("filter", self.filter, FILTERS))

    @property
    def left_top(self) -> tuple[int, int]:
        """Columns and rows before the square, at full size."""
        return (WIDTH - self.crop) // 2, (HEIGHT - self.crop) // 2

    def picture(self, content: bytes, name: str, expected: tuple[int, int]) -> np.ndarray:
        """Decode, cut and resize one file: uint8 `[size, size, 3]`.

        A half-size picture is cut at half the numbers. Where that cuts pixels in two, the filter
        weighs them so; what lies outside of the outermost of them has no weight.

        Args:
          content: of the JPEG file.
          name: for messages.
          expected: the width and height that all pictures of the set have, one of SIZES.

        Raises:
          DataError: it cannot be decoded, or has another size.
        """
        try:
            with Image.open(io.BytesIO(content)) as file:
                image = file.convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
            raise DataError(
                f"{name} must be a picture that can be read, but decoding it failed: {error}; get it again"
            ) from error
        if image.size != expected:
            raise DataError(
                f"{name} must be {expected[0]} x {expected[1]} pixels as the pictures before it, but it is "
                f"{image.size[0]} x {image.size[1]}; keep pictures of one size together"
            )
        left, top = (SIZES[expected] * edge for edge in self.left_top)
        right, bottom = left + SIZES[expected] * self.crop, top + SIZES[expected] * self.crop
        outer = math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom)
        inner = left - outer[0], top - outer[1], right - outer[0], bottom - outer[1]
        resampling = Image.Resampling[self.filter.upper()]
        return np.asarray(image.crop(outer).resize((self.size, self.size), resampling, box=inner))

    def points(self, landmarks: np.ndarray) -> np.ndarray:
        """Landmarks `[..., 2]`, x and y in pixels of the full-size picture, in those of the result.

        The middle of the first pixel is 0, before and after.
        """
        left_top = np.array(self.left_top, np.float32)
        return (landmarks.astype(np.float32) + 0.5 - left_top) * (self.size / self.crop) - 0.5


def size_of(content: bytes, name: str) -> tuple[int, int]:
    """Width and height of the first picture of a set, which the others must have too.

    Raises:
      DataError: it is no picture, or neither of full nor of half size.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            size = image.size
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{name} must be a picture that can be read, but opening it failed: {error}; get it again"
        ) from error
    if size not in SIZES:
        raise DataError(
            f"{name} must be an aligned picture of 178 x 218 pixels, or one at half that size of 89 x 109, "
            f"but it is {size[0]} x {size[1]}; take img_align_celeba, not img_celeba"
        )
    return size
