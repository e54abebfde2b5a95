"""Grey pictures of 28 x 28 pixels on another number of them, padded or resized."""

from __future__ import annotations

import numpy as np
from PIL import Image

from coulomb_jax.naming import nearest

SIDE = 28
"""Of MNIST and the sets made after it."""

FITS = ("pad", "resize")


def check(side: int, fit: str) -> None:
    """Refuses what `fitted` cannot do; called before anything is read.

    Raises:
      ValueError: no such fit, with the nearest valid names; or a side that it cannot give.
    """
    if fit not in FITS:
        raise ValueError(nearest("fit", fit, FITS))
    if fit == "pad" and (side < SIDE or side % 2):
        raise ValueError(
            f"padded pictures have a side of {SIDE} or an even number of pixels above, as many zeros before "
            f"as after, but side is {side}; choose another, or fit='resize'"
        )
    if side < 1:
        raise ValueError(f"pictures have a side of at least 1 pixel, but side is {side}; {SIDE} is their own")


def fitted(images: np.ndarray, side: int, fit: str) -> np.ndarray:
    """The pictures at `side` x `side` pixels, as they are where that is theirs.

    Args:
      images: uint8 `[n, 28, 28, 1]`.
      side: at least 1; even and at least 28 for "pad".
      fit: "pad" for zeros all around, as [ghosh2020]; "resize" for Pillow's bilinear filter, which
        averages where pictures become smaller; [saseendran2021] does not name its filter.

    Returns:
      uint8 `[n, side, side, 1]`.
    """
    if side == SIDE:
        return images
    made = np.zeros((len(images), side, side, 1), np.uint8)
    if fit == "pad":
        inner = slice((side - SIDE) // 2, (side + SIDE) // 2)
        made[:, inner, inner] = images
        return made
    for row, image in zip(made, images, strict=True):
        picture = Image.fromarray(image[..., 0])
        row[..., 0] = picture.resize((side, side), Image.Resampling.BILINEAR)
    return made
