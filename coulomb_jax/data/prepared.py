"""Images and labels of TensorFlow Datasets, read without TensorFlow."""

from __future__ import annotations

import importlib.util
from os import PathLike
from pathlib import Path

import numpy as np

from coulomb_jax.data.source import DataError


def read(
    name: str,
    published_at: str,
    data_dir: str | PathLike | None = None,
    *,
    files: str = "the four idx files",
    train: str = "train",
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The training images, their labels, the test images and theirs.

    Reading takes the set prepared as ArrayRecord files. Where it is not prepared, it is downloaded
    and prepared first, which takes TensorFlow, once.

    Args:
      name: the set's name there.
      published_at: where the original files can be had, for the messages.
      data_dir: where prepared sets are kept; None for the place TensorFlow Datasets uses, the
        folder tensorflow_datasets at home or what TFDS_DATA_DIR names.
      files: what the original files are called, for the messages.
      train: the split to train on, or several joined by +.

    Raises:
      DataError: the set is not prepared and cannot be, is prepared in another format, or is
        damaged.
    """
    import tensorflow_datasets as tfds  # a heavy import, which sets read from files do not need

    originals = f"get {files} from {published_at} and give their folder as dir"
    builder = tfds.builder(name, data_dir=data_dir)
    place = builder.data_dir
    if builder.is_prepared():
        if builder.info.file_format is not tfds.core.FileFormat.ARRAY_RECORD:
            raise DataError(
                f"{name} must be prepared by TensorFlow Datasets as array_record to be read "
                f"without TensorFlow, but {place} holds {builder.info.file_format.value}; move "
                f"that folder away and prepare the set again, or {originals}"
            )
    elif importlib.util.find_spec("tensorflow") is None:
        raise DataError(
            f"{name} without dir is read from what TensorFlow Datasets prepared at {place}, but "
            f"nothing is there, and preparing it takes TensorFlow, which is not installed; "
            f"{originals}, or, where TensorFlow is installed, run once tfds.builder({name!r}, "
            "file_format='array_record').download_and_prepare()"
        )
    else:
        builder = tfds.builder(name, data_dir=data_dir, file_format="array_record")
    try:
        builder.download_and_prepare()  # does nothing where the set is prepared
        return *_arrays(builder, train), *_arrays(builder, "test")
    except Exception as error:  # of the network, the disk, TensorFlow, a damaged record
        raise DataError(
            f"{name} without dir is read from what TensorFlow Datasets prepares at {place}, but "
            f"that failed: {error}; move that folder away and try again, or {originals}"
        ) from error


def is_in(data_dir: str | PathLike, name: str) -> bool:
    """Whether a folder has a set of this name that TensorFlow Datasets prepared, in whatever format."""
    return any((Path(data_dir).expanduser() / name).glob("*/dataset_info.json"))


def _arrays(builder, split: str) -> tuple[np.ndarray, np.ndarray]:
    records = builder.as_data_source(split=split)
    images = np.empty((len(records), *builder.info.features["image"].shape), np.uint8)
    labels = np.empty(len(records), np.uint8)
    for place, record in enumerate(records):
        images[place], labels[place] = record["image"], record["label"]
    return images, labels
