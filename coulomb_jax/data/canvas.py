"""Blocks of square pictures to paint antialiased shapes on, each picture in a frame of its own.

Only operations that IEEE 754 rounds exactly are used (no exp, no sin, no sum over an axis), so that the
pixels are the same on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


class Canvas:
    """Planes of colour, and the frame that shapes are painted in.

    x runs from -1 at the left edge of the picture to 1 at the right, y from -1 at the top to 1 at the
    bottom. The frame of a picture is shifted, scaled and turned against that.

    Attributes:
      planes: float32 `[3, n, size, size]`, red, green and blue in [0, 1]; painted in place.
      axis: the middles of the pixels along a side, float32 `[size]`.
    """

    def __init__(self, planes: np.ndarray, x: np.ndarray, y: np.ndarray, scale: np.ndarray, tilt: np.ndarray):
        """Frames with their origins at (`x`, `y`), `scale` times as large, turned clockwise by `tilt`.

        Args:
          planes: what to paint on.
          x: `[n, 1, 1]`, as the following.
          y: likewise.
          scale: positive.
          tilt: radians, at most a quarter either way: series of a few terms take the place of sin and
            cos, which no two libraries round alike.
        """
        self.planes = planes
        size = planes.shape[-1]
        self.axis = ((np.arange(size) + 0.5) * (2 / size) - 1).astype(np.float32)
        square = tilt * tilt
        self._sin = tilt * (1 - square / 6 * (1 - square / 20))
        self._cos = 1 - square / 2 * (1 - square / 12 * (1 - square / 30))
        self._x, self._y, self._scale = x, y, scale
        self._pixels = scale * (size / 2)  # that one unit of the frame is long

    def look(self, reach: tuple[float, float, float, float]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """A view of the planes between top, bottom, left and right, and x and y of the frames there."""
        half = len(self.axis) / 2
        top, bottom, left, right = reach
        rows = slice(math.floor((top + 1) * half), math.ceil((bottom + 1) * half))
        columns = slice(math.floor((left + 1) * half), math.ceil((right + 1) * half))
        x = (self.axis[columns] - self._x) / self._scale
        y = (self.axis[rows, None] - self._y) / self._scale
        view = self.planes[:, :, rows, columns]
        return view, self._cos * x + self._sin * y, self._cos * y - self._sin * x

    def inside(self, distance: np.ndarray) -> np.ndarray:
        """How much of each pixel lies in a shape, by the distance of its middle, negative inside."""
        cover = 0.5 - distance * self._pixels
        return np.clip(cover, 0, 1, out=cover)

    def stroke(self, distance: np.ndarray, half: np.ndarray | float) -> np.ndarray:
        """How much of each pixel a line of half the width `half` covers, be it thinner than a pixel."""
        half = half * self._pixels
        cover = (half + 0.5) - np.abs(distance) * self._pixels
        np.maximum(cover, 0, out=cover)  # np.clip is slow where a bound is an array
        return np.minimum(cover, np.minimum(2 * half, 1), out=cover)


def paint(view: np.ndarray, cover: np.ndarray, colour: Sequence[np.ndarray | float]) -> None:
    """Lay a colour over a view, as opaque as `cover` says."""
    rest = 1 - cover
    for plane, value in zip(view, colour, strict=True):
        plane *= rest
        plane += cover * value


def ellipse(
    x: np.ndarray, y: np.ndarray, width: np.ndarray | float, height: np.ndarray | float
) -> np.ndarray:
    """The distance, to first order, from the ellipse with these half axes around the origin."""
    u, v = x * (1 / width), y * (1 / height)
    u2, v2 = u * u, v * v
    slope = np.sqrt(u2 * (4 / (width * width)) + v2 * (4 / (height * height)))
    return (u2 + v2 - 1) / (slope + 1e-6)


def between(stops: Sequence[Sequence[float]], t: np.ndarray) -> list[np.ndarray]:
    """The colour at `t` in [0, 1] of the path through three colours."""
    first, second = np.clip(2 * t, 0, 1), np.clip(2 * t - 1, 0, 1)
    return [a + (b - a) * first + (c - b) * second for a, b, c in zip(*stops, strict=True)]


def shaded(colour: Sequence[np.ndarray], *by: np.ndarray | float) -> list[np.ndarray]:
    """A colour times one factor, or times one for each of red, green and blue."""
    return [c * k for c, k in zip(colour, by if len(by) == 3 else 3 * by, strict=True)]
