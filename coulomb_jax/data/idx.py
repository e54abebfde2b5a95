"""The idx files of MNIST and Fashion-MNIST [lecun1998].

A header (two zero bytes, the type, which is 8 for unsigned bytes, the number of dimensions, and the
length of each in four bytes, the highest first), then the values.
"""

from __future__ import annotations

import gzip
import math
import zlib
from os import PathLike
from pathlib import Path

import numpy as np

from coulomb_jax.data import prepared, sides
from coulomb_jax.data.source import DataError, Source, fingerprint

FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
UNSIGNED_BYTES = 8


def source(
    name: str, dir: str | PathLike | None, limit: int | None, side: int, fit: str, published_at: str
) -> Source:
    """The data set of the four files in `dir`; where that is None, of TensorFlow Datasets.

    Args:
      name: the data set's name, here and in TensorFlow Datasets.
      dir: folder of the four files, each compressed or not.
      limit: keep at most the first `limit` training images, at least 1; None for all.
      side: pixels of the pictures' sides.
      fit: how they get there; see `sides.fitted`.
      published_at: where the files can be had, for the messages.

    Raises:
      DataError: see `read`; also a folder or file that is not there, images that are not 28 x 28,
        and numbers of images and labels that differ.
      ValueError: limit is below 1, or side or fit are not those of `sides.check`.
    """
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, but it is {limit}; None takes every image")
    sides.check(side, fit)
    if dir is None:
        (train, train_labels, test, test_labels), _ = prepared.read(name, published_at)
    else:
        train, train_labels, test, test_labels = _four_files(Path(dir).expanduser(), published_at)
    train, train_labels = sides.fitted(train[:limit], side, fit), train_labels[:limit]
    test = sides.fitted(test, side, fit)
    return Source(
        name=name,
        train=train,
        test=test,
        range=(0.0, 1.0),
        fingerprint=fingerprint(train, test, train_labels, test_labels),
        train_labels=train_labels,
        test_labels=test_labels,
        details=None if side == sides.SIDE else {"side": side, "fit": fit},
    )


def read(path: Path, dimensions: int, published_at: str) -> np.ndarray:
    """Read one idx file of unsigned bytes, compressed or not whatever its name says.

    Args:
      path: the file.
      dimensions: how many the array must have.
      published_at: where the file can be had, for the messages.

    Raises:
      DataError: the file cannot be read or unpacked, has another header, or is longer or shorter
        than its header says.
    """
    again = f"get the file again from {published_at}"
    content = _content(path, again)
    start = 4 + 4 * dimensions
    magic = bytes([0, 0, UNSIGNED_BYTES, dimensions])
    if content[:4] != magic or len(content) < start:
        raise DataError(
            f"{path} must begin with the number {int.from_bytes(magic)} of an idx file of bytes in "
            f"{dimensions} dimensions, but it begins with {int.from_bytes(content[:4])} and holds "
            f"{len(content)} bytes; {again}"
        )
    shape = tuple(int(length) for length in np.frombuffer(content, ">u4", dimensions, offset=4))
    if len(content) != start + math.prod(shape):
        raise DataError(
            f"{path} must hold {start + math.prod(shape)} bytes for the shape {shape} that its "
            f"header gives, but it holds {len(content)}; {again}"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _four_files(dir: Path, published_at: str) -> list[np.ndarray]:
    if not dir.is_dir():
        raise DataError(
            f"{dir} must be a folder with the files {', '.join(FILES)}, but there is no such "
            f"folder; they can be had from {published_at}"
        )
    arrays = []
    for images, labels in (FILES[:2], FILES[2:]):
        pictures = read(_find(dir, images, published_at), 3, published_at)
        classes = read(_find(dir, labels, published_at), 1, published_at)
        if pictures.shape[1:] != (28, 28) or len(pictures) != len(classes) or not len(classes):
            raise DataError(
                f"{images} and {labels} in {dir} must hold pictures of 28 x 28 and one label each, "
                f"but they hold arrays of shape {pictures.shape} and {classes.shape}; get both "
                f"again from {published_at}"
            )
        arrays += [pictures[..., None], classes]
    return arrays


def _find(dir: Path, name: str, published_at: str) -> Path:
    for path in (dir / name, dir / name.removesuffix(".gz")):
        if path.is_file():
            return path
    raise DataError(
        f"{dir} must hold the files {', '.join(FILES)} (or the same unpacked, without .gz), but "
        f"{name} is not there; it can be had from {published_at}"
    )


def _content(path: Path, again: str) -> bytes:
    try:
        content = path.read_bytes()
        # By content, not by name: some browsers unpack a download and leave it its name.
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} must be a whole file, but reading it failed: {error}; {again}") from error
