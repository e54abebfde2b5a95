"""Sets that TensorFlow Datasets prepared as ArrayRecord files, found and read without TensorFlow."""

from __future__ import annotations

import importlib.util
import json
import os
from os import PathLike
from pathlib import Path

import numpy as np

from coulomb_jax.data.source import DataError

Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]


def own_place() -> Path:
    """Where TensorFlow Datasets keeps what it prepares."""
    return Path(os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets").expanduser()


def find(dir: Path, name: str) -> tuple[Path | None, list[str]]:
    """The newest prepared set at `dir`, which may be its folder or one above; and what was in the way.

    Args:
      dir: the folder of a version, of the set, or of several sets.
      name: the set's name in TensorFlow Datasets.
    """
    found, notes = [], []
    for pattern in (".", "*", f"{name}/*"):
        for info in dir.glob(f"{pattern}/dataset_info.json"):
            try:
                described = json.loads(info.read_text())
            except (OSError, ValueError):
                described = {}
            if described.get("name", name) != name:
                continue
            if described.get("fileFormat") == "array_record":
                found.append(info.parent)
            else:
                kind = described.get("fileFormat", "nothing readable")
                notes.append(
                    f"{info.parent} is {name} as {kind}, and only "
                    "array_record can be read without TensorFlow: move it away and prepare the set again"
                )
    newest = max(
        found, key=lambda place: [int(n) for n in place.name.split(".") if n.isdecimal()], default=None
    )
    return newest, notes


def download(dir: Path, name: str) -> tuple[Path | None, list[str]]:
    """Let TensorFlow Datasets download and prepare a set in `dir`; or why that cannot be."""
    if importlib.util.find_spec("tensorflow") is None:
        return None, ["TensorFlow, which downloading and preparing takes, is not installed"]
    import tensorflow_datasets as tfds

    try:
        builder = tfds.builder(name, data_dir=dir, file_format="array_record")
        builder.download_and_prepare()
    except Exception as error:  # of the network, the disk, TensorFlow
        return None, [f"downloading and preparing it with TensorFlow Datasets failed: {error}"]
    return Path(builder.data_dir), []


def command(name: str) -> str:
    """What prepares a set where TensorFlow is installed."""
    return f"tfds.builder({name!r}, file_format='array_record').download_and_prepare()"


def damaged(place: Path, name: str, error: Exception) -> str:
    """What to say where a prepared set cannot be read."""
    return (
        f"{place} must be a whole data set prepared by TensorFlow Datasets, but reading it failed: {error}; "
        f"move it away and prepare it again with {command(name)}"
    )


def read(
    name: str,
    published_at: str,
    dir: str | PathLike | None = None,
    *,
    files: str = "the four idx files",
    train: str = "train",
) -> tuple[Arrays | None, list[str]]:
    """The training images, their labels, the test images and theirs; and what was in the way.

    Args:
      name: the set's name in TensorFlow Datasets.
      published_at: where the original files can be had, for the messages.
      dir: see `find`; None for the place of TensorFlow Datasets, where a set that is not there is
        downloaded and prepared, which takes TensorFlow, once. In a folder that is given, and has none
        that can be read, there may be the original files: None instead of arrays.
      files: what the original files are called, for the messages.
      train: the split to train on, or several joined by +.

    Raises:
      DataError: the set is damaged; or, without `dir`, is not prepared and cannot be.
    """
    originals = f"get {files} from {published_at} and give their folder as dir"
    place = own_place() if dir is None else Path(dir).expanduser()
    found, notes = find(place, name)
    if found is None and dir is None:
        if not notes:
            found, notes = download(place, name)
        if found is None:
            raise DataError(
                f"{name} must be in {place} (the folder of TensorFlow Datasets; dir is None), but it cannot "
                f"be read from there: {'; '.join(notes)}; {originals}, or, where TensorFlow is installed, "
                f"run once {command(name)}"
            )
    if found is None:
        return None, notes
    try:
        return (*_arrays(found, train), *_arrays(found, "test")), notes
    except Exception as error:  # of the files, of the record reader, of the protocol buffers
        raise DataError(f"{damaged(found, name, error)}, or {originals}") from error


def noted(notes: list[str]) -> str:
    """What was in the way, for the end of a message that says that there are no original files either."""
    return "".join(f"; {note}" for note in notes)


def _arrays(place: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    import tensorflow_datasets as tfds  # a heavy import, which sets read from files do not need

    builder = tfds.builder_from_directory(place)
    records = builder.as_data_source(split=split)
    images = np.empty((len(records), *builder.info.features["image"].shape), np.uint8)
    labels = np.empty(len(records), np.uint8)
    for at, record in enumerate(records):
        images[at], labels[at] = record["image"], record["label"]
    return images, labels
