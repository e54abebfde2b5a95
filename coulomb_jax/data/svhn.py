"""SVHN, cropped: 73,257 + 26,032 digits of house numbers, 32 x 32 coloured pixels [netzer2011]."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import numpy as np

from coulomb_jax.data import labelled, prepared
from coulomb_jax.data.source import DataError, Source

PUBLISHED_AT = "http://ufldl.stanford.edu/housenumbers/"
TRAIN, TEST, EXTRA = 73_257, 26_032, 531_131


def load(*, dir: str | PathLike | None = None, extra: bool = False, limit: int | None = None) -> Source:
    """Load SVHN's cropped digits from its .mat files, or from TensorFlow Datasets.

    Args:
      dir: folder of train_32x32.mat and test_32x32.mat; or the folder, or one above, of what
        TensorFlow Datasets prepared, whose order of the examples is another and which comes first;
        None for its own place.
      extra: add the 531,131 easier pictures of extra_32x32.mat to the training set.
      limit: use at most the first `limit` training pictures, at least 1; None for all.

    Raises:
      DataError: a file is missing or damaged; the message names it and says where to get it.
      ValueError: limit is below 1.
    """
    labelled.check_limit(limit)
    parts = ("train", "extra") if extra else ("train",)
    names = [f"{part}_32x32.mat" for part in (*parts, "test")]
    arrays, notes = prepared.read(
        "svhn_cropped", PUBLISHED_AT, dir, files=" and ".join(names), train="+".join(parts)
    )
    if arrays:
        details = {"source": "TensorFlow Datasets"}
    else:
        folder = Path(dir).expanduser()
        _check_there(folder, names, notes)
        read = [_read(folder / name) for name in names]
        train, train_labels = (np.concatenate(arrays) for arrays in zip(*read[:-1], strict=True))
        arrays = (train, train_labels, *read[-1])
        details = {"source": "files", "files": names}
    name, size = ("svhn with extra", TRAIN + EXTRA) if extra else ("svhn", TRAIN)
    return labelled.source(name, (size, TEST), arrays, limit, details)


def _check_there(folder: Path, names: list[str], notes: list[str]) -> None:
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        reality = f"{' and '.join(missing)} is not there" if folder.is_dir() else "there is no such folder"
        raise DataError(
            f"{folder} must be a folder with {' and '.join(names)}, but {reality}; "
            f"get what is missing from {PUBLISHED_AT} (format 2, cropped digits)"
            f"{prepared.noted(notes)}"
        )


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The pictures `[n, 32, 32, 3]` and labels `[n]` of one file, whose label 10 is the digit 0."""
    import scipy.io  # needed by this set alone

    again = f"get the file again from {PUBLISHED_AT}"
    try:
        content = scipy.io.loadmat(path, variable_names=("X", "y"))
    # A damaged file may fail anywhere in the reader: scipy has no exception of its own for that.
    except Exception as error:
        raise DataError(
            f"{path} must be a whole .mat file, but it holds {path.stat().st_size:,} bytes and reading it "
            f"failed: {error}; {again}"
        ) from error
    if not {"X", "y"} <= content.keys():
        held = " and ".join(sorted(content.keys() & {"X", "y"})) or "neither"
        raise DataError(f"{path} must hold arrays X and y, but it holds {held}; {again}")
    images, labels = content["X"], content["y"].reshape(-1)
    if images.dtype != np.uint8 or images.shape[:3] != (32, 32, 3) or images.shape[3:] != (len(labels),):
        raise DataError(
            f"X and y in {path} must be uint8 [32, 32, 3, n] and [n, 1], but X is {images.dtype} "
            f"{list(images.shape)} and y has {len(labels)} values; {again}"
        )
    if not len(labels) or not np.isin(labels, range(1, 11)).all():
        raise DataError(f"y in {path} must have labels of 1 to 10, but it has {np.unique(labels)}; {again}")
    return np.ascontiguousarray(images.transpose(3, 0, 1, 2)), (labels % 10).astype(np.uint8)
