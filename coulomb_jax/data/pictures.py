"""Single pictures and arrays of them, brought to one square size and number of channels."""

from __future__ import annotations

import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from coulomb_jax.data.source import DataError


def read(path: Path, size: int, channels: int) -> np.ndarray:
    """Read an image file: uint8 `[size, size, channels]`.

    The camera's orientation mark is obeyed, and what is transparent is laid over white.

    Raises:
      DataError: the file cannot be read as a picture of 8 or 16 bits.
    """
    try:
        with Image.open(path) as image:
            return _fit(ImageOps.exif_transpose(image), size, channels)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path} must be a picture that can be read, but decoding it failed: {error}; repair "
            "it or take it out of the folder"
        ) from error


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """Read picture arrays from an .npz file as uint8 `[n, h, w]` or `[n, h, w, c]`.

    Returns:
      `images`, or `train` and `test`, where the file has them; otherwise its only array.

    Raises:
      DataError: no such file, not an .npz file, none of those arrays, or one of another kind.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            wanted = _wanted(path, file.files)
            return {name: _as_bytes(path, name, file[name]) for name in wanted}
    except DataError:
        raise
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(
            f"{path} must be an .npz file of plain arrays, but reading it failed: {error}; write "
            "it with numpy.savez(path, images=images)"
        ) from error


def fit_all(images: np.ndarray, size: int, channels: int) -> np.ndarray:
    """Cut, resize and convert uint8 `[n, h, w]` or `[n, h, w, c]`: `[n, size, size, channels]`."""
    if images.ndim == 4 and images.shape[3] == 1:
        images = images[..., 0]
    if images.shape[1:] == (size, size, channels):
        return images
    if images.shape[1:] == (size, size) and channels == 1:
        return images[..., None]
    return np.stack([_fit(Image.fromarray(image), size, channels) for image in images])


def _fit(image: Image.Image, size: int, channels: int) -> np.ndarray:
    image = _eight_bits(image)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("L" if channels == 1 else "RGB")
    image = ImageOps.fit(image, (size, size), method=Image.Resampling.LANCZOS)
    return np.asarray(image).reshape(size, size, channels)


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode in ("I", "F"):
        raise ValueError(f"its pixels are 32 bits wide (mode {image.mode}), of unknown range")
    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 and would turn the picture white.
        return Image.fromarray(np.round(np.asarray(image) / 257).astype(np.uint8))
    return image


def _wanted(path: Path, names: list[str]) -> list[str]:
    if "images" in names:
        return ["images"]
    if {"train", "test"} <= set(names):
        return ["train", "test"]
    if len(names) == 1:
        return names
    raise DataError(
        f"{path} must hold an array images, or train and test, or a single array, but it holds "
        f"{', '.join(names) or 'none'}; rename the one to use to images"
    )


def _as_bytes(path: Path, name: str, images: np.ndarray) -> np.ndarray:
    grey, colour = images.ndim == 3, images.ndim == 4 and images.shape[3] in (1, 3, 4)
    if not (grey or colour) or 0 in images.shape:
        channels_first = images.ndim == 4 and images.shape[1] in (1, 3, 4)
        remedy = "transpose(0, 2, 3, 1) it" if channels_first else "reshape it"
        raise DataError(
            f"{name} in {path} must have shape [n, h, w] or [n, h, w, c] with c = 1, 3 or 4, but "
            f"its shape is {images.shape}; {remedy}"
        )
    if images.dtype == np.uint8:
        return images
    if not np.issubdtype(images.dtype, np.floating):
        raise DataError(
            f"{name} in {path} must be uint8, or floating in [0, 1], but its dtype is "
            f"{images.dtype}; convert it with astype"
        )
    low, high = images.min(), images.max()
    if not (low >= 0 and high <= 1):
        raise DataError(
            f"{name} in {path} is floating and must lie in [0, 1], but it spans [{low}, {high}]; "
            "scale it, or store it as uint8"
        )
    return np.round(images * 255).astype(np.uint8)
