"""One's own pictures: a folder of image files, or an array in an .npz file."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from os import PathLike
from pathlib import Path

import numpy as np

from coulomb_jax.data import pictures
from coulomb_jax.data.source import DataError, Source, fingerprint

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")


def load(
    *,
    dir: str | PathLike | None = None,
    size: int = 32,
    channels: int = 3,
    test_fraction: float = 0.1,
    limit: int | None = None,
) -> Source:
    """Load pictures, each cut to the largest square at its centre and resized with antialiasing.

    A folder is searched with the folders inside it, and its pictures are ordered by path. An .npz
    file holds `images`, or `train` and `test`, or one array of any name: `[n, h, w]` or
    `[n, h, w, c]`, uint8, or floating in [0, 1]. Held out are pictures at equal distances in that
    order, so that every part of it is on both sides, and the split is the same in every run.

    Args:
      dir: the folder, or the .npz file.
      size: height and width of the result in pixels, at least 1.
      channels: 1 for grey, 3 for colour; the other kind is converted.
      test_fraction: part held out, in (0, 1); an .npz file with `test` has its own.
      limit: use at most so many pictures, at equal distances in the order, before any is held
        out; None for all.

    Raises:
      DataError: nothing there, a picture that cannot be read, an array of another kind, or fewer
        than 2 pictures on one of the two sides.
      ValueError: an argument is out of range.
    """
    _check(size, channels, test_fraction, limit)
    if dir is None:
        raise DataError(
            "images must be told where the pictures are, but dir is None; give a folder of "
            "pictures or an .npz file as dir"
        )
    place = Path(dir).expanduser()
    if place.is_dir():
        train, test = _from_folder(place, size, channels, test_fraction, limit)
    elif place.suffix == ".npz":
        train, test = _from_npz(place, size, channels, test_fraction, limit)
    else:
        raise DataError(
            f"dir must be a folder of pictures or an .npz file, but {place} is neither; check the path"
        )
    return Source("images", train, test, (0.0, 1.0), fingerprint(train, test))


def _check(size: int, channels: int, test_fraction: float, limit: int | None) -> None:
    if size < 1:
        raise ValueError(f"size must be at least 1 pixel, but it is {size}; 32 is usual")
    if channels not in (1, 3):
        raise ValueError(f"channels must be 1 (grey) or 3 (colour), but it is {channels}")
    if not 0 < test_fraction < 1:
        raise ValueError(f"test_fraction must lie between 0 and 1, but it is {test_fraction}; 0.1 is usual")
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, but it is {limit}; None takes every picture")


def _from_folder(
    folder: Path, size: int, channels: int, test_fraction: float, limit: int | None
) -> tuple[np.ndarray, np.ndarray]:
    files = sorted(
        path
        for path in folder.rglob("*")
        # A leading dot marks what systems leave beside pictures, under the pictures' own suffix.
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()
    )
    if not files:
        raise DataError(
            f"{folder} must hold pictures ({', '.join(SUFFIXES)}), in it or in folders inside it, "
            "but there are none; check the path"
        )
    kept = [files[place] for place in _spread(len(files), limit)]
    train, test = _split(len(kept), test_fraction, folder)
    with ThreadPoolExecutor() as threads:
        decoded = list(threads.map(lambda path: pictures.read(path, size, channels), kept))
    images = np.stack(decoded)
    return images[train], images[test]


def _from_npz(
    file: Path, size: int, channels: int, test_fraction: float, limit: int | None
) -> tuple[np.ndarray, np.ndarray]:
    arrays = pictures.read_npz(file)
    if set(arrays) == {"train", "test"}:
        train, test = arrays["train"], arrays["test"]
        train = train[_spread(len(train), limit)]
        _enough(len(train), len(test), file)
    else:
        (images,) = arrays.values()
        images = images[_spread(len(images), limit)]
        chosen, held_out = _split(len(images), test_fraction, file)
        train, test = images[chosen], images[held_out]
    return pictures.fit_all(train, size, channels), pictures.fit_all(test, size, channels)


def _spread(n: int, limit: int | None) -> np.ndarray:
    """Places of min(n, limit) of n things, at equal distances and in the middle of their shares."""
    count = n if limit is None else min(n, limit)
    return (2 * np.arange(count) + 1) * n // max(2 * count, 1)


def _split(n: int, test_fraction: float, place: Path) -> tuple[np.ndarray, np.ndarray]:
    test = _spread(n, round(n * test_fraction))
    _enough(n - len(test), len(test), place)
    return np.setdiff1d(np.arange(n), test), test


def _enough(train: int, test: int, place: Path) -> None:
    if train < 2 or test < 2:
        raise DataError(
            f"training and evaluation take at least 2 pictures each, but {place} gives {train} to "
            f"train on and {test} held out; add pictures, or change test_fraction or limit"
        )
