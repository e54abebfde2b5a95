"""CelebA as TensorFlow Datasets prepared it (celeb_a, ArrayRecord), read without TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coulomb_jax.data import archives, prepared
from coulomb_jax.data.celeba_rows import Opened, fields
from coulomb_jax.data.celeba_tables import POINTS
from coulomb_jax.data.crops import HEIGHT, WIDTH, Crop
from coulomb_jax.data.source import DataError

PARTS = ("train", "validation", "test")
NAME = "celeb_a"


class Prepared(NamedTuple):
    """A folder with dataset_info.json, features.json and the records."""

    place: Path

    @property
    def recipe(self) -> dict[str, Any]:
        """What tells these records from others without reading them."""
        files = sorted(path for path in self.place.iterdir() if path.is_file())
        return {"source": "tfds", "files": [archives.stamp(path) for path in files]}

    def open(self, crop: Crop) -> Opened:
        """Count the records.

        Raises:
          DataError: the folder is damaged.
        """
        try:
            splits = _builder(self.place).info.splits
            counts = [splits[part].num_examples if part in splits else 0 for part in PARTS]
            parts = "+".join(part for part, count in zip(PARTS, counts) if count)
            names = tuple(sorted(_records(self.place, parts)[0]["attributes"]))
        except Exception as error:  # of the files, of the record reader, of the protocol buffers
            raise DataError(prepared.damaged(self.place, NAME, error)) from error
        return Opened(
            partition=np.repeat(np.arange(3), counts),
            layout=fields(crop.size, attributes=True, landmarks=True),
            reader=lambda order: _Reader(self.place, parts, order, crop, names),
            attribute_names=names,
            details={
                "source": "tfds",
                "archive": "/".join(self.place.parts[-2:]),
                "pictures": f"{sum(counts):,} of {WIDTH} x {HEIGHT}, in the order of TensorFlow Datasets",
                "tables": {},
            },
        )


class _Reader(NamedTuple):
    place: Path
    parts: str
    order: np.ndarray
    crop: Crop
    attributes: tuple[str, ...]

    def __call__(self, start: int, stop: int) -> dict[str, np.ndarray]:
        places = self.order[start:stop].tolist()
        try:
            records = _records(self.place, self.parts).__getitems__(places)
        except Exception as error:  # of the files, of the record reader, of the protocol buffers
            raise DataError(prepared.damaged(self.place, NAME, error)) from error
        landmarks = [[[r["landmarks"][f"{p}_{axis}"] for axis in "xy"] for p in POINTS] for r in records]
        return {
            "images": np.stack(
                [
                    self.crop.picture(r["image"], f"record {at} of {self.place}", (WIDTH, HEIGHT))
                    for at, r in zip(places, records)
                ]
            ),
            "attributes": np.array(
                [[r["attributes"][name] for name in self.attributes] for r in records], bool
            ),
            "landmarks": self.crop.points(np.array(landmarks)),
        }


def find(dir: Path) -> tuple[Prepared | None, list[str]]:
    """The newest prepared celeb_a at `dir`; see `prepared.find`."""
    found, notes = prepared.find(dir, NAME)
    return found and Prepared(found), notes


def download(dir: Path) -> tuple[Prepared | None, list[str]]:
    """Let TensorFlow Datasets download and prepare the set in `dir`; or why that cannot be."""
    found, notes = prepared.download(dir, NAME)
    return found and Prepared(found), notes


def _builder(place: Path) -> Any:
    import tensorflow_datasets as tfds  # a heavy import, which sets read from files do not need

    return tfds.builder_from_directory(place)


def _records(place: Path, parts: str) -> Any:
    import tensorflow_datasets as tfds

    # Pillow decodes in every case: TensorFlow Datasets takes OpenCV where there is one, whose pixels differ.
    return _builder(place).as_data_source(split=parts, decoders={"image": tfds.decode.SkipDecoding()})
