"""CelebA: 202,599 aligned photographs of faces with 40 attributes and 5 landmarks [liu2015]."""

from __future__ import annotations

import hashlib
import json
from os import PathLike
from pathlib import Path

import numpy as np

from coulomb_jax import naming
from coulomb_jax.data import cache as caches
from coulomb_jax.data import celeba_files, celeba_prepared, celeba_split, prepared
from coulomb_jax.data.celeba_files import Files
from coulomb_jax.data.celeba_prepared import NAME, Prepared
from coulomb_jax.data.celeba_standin import TRAIN, StandIn
from coulomb_jax.data.crops import Crop
from coulomb_jax.data.source import DataError, Source

SOURCES = ("auto", "files", "standin", "tfds")


def load(
    *,
    dir: str | PathLike | None = None,
    source: str = "auto",
    crop: int = 140,
    size: int = 64,
    filter: str = "lanczos",
    split: str = "official",
    range: tuple[float, float] = (-1.0, 1.0),
    limit: int | None = None,
    cache: str | PathLike | None = None,
    workers: int = 0,
) -> Source:
    """Load CelebA, decoded once into a cache on disk and mapped into memory from there.

    "auto" takes the first of these that is there: celeb_a as TensorFlow Datasets prepared it; the
    files img_align_celeba (a zip, a folder or a tar, at full or half size) with their text files;
    celeb_a downloaded and prepared by TensorFlow Datasets, where TensorFlow is installed. Fewer
    than 202,599 pictures are named a subset.

    Args:
      dir: folder in which all of that is looked for, or one archive; None for the folder of
        TensorFlow Datasets.
      source: "auto", "tfds", "files", or "standin" for rendered pictures, 20,000 and 2,000 of them.
      crop: side of the centred square in pixels of the full-size picture; see `crops.Crop`.
      size: height and width of the result in pixels.
      filter: "lanczos", "bilinear", "bicubic" or "box", with antialiasing.
      split: "official" or "wae"; see `celeba_split.split`.
      range: the interval the nets see pixels in.
      limit: use at most the first `limit` training pictures, at least 1; None for all.
      cache: folder of the caches; None for `cache.default_root()`.
      workers: processes to decode with; 0 for one a core.

    Raises:
      DataError: nothing there, or what is there is damaged; the message says what to do.
      ValueError: an argument is out of range.
    """
    cut = Crop(crop, size, filter)
    _check(cut, source, split, limit)
    found = _find(source, dir, size, limit)
    recipe = {"version": 1, "split": split, **found.recipe}
    if not isinstance(found, StandIn):
        recipe |= cut._asdict()
    kept = caches.cached("celeba", recipe, lambda: _plan(found, cut, split), root=cache, workers=workers)
    return _source(kept, range, limit)


def _check(cut: Crop, source: str, split: str, limit: int | None) -> None:
    cut.check()
    if source not in SOURCES:
        raise ValueError(naming.nearest("source of celeba", source, SOURCES))
    if split not in celeba_split.SPLITS:
        raise ValueError(naming.nearest("split of celeba", split, celeba_split.SPLITS))
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, but it is {limit}; None takes every picture")


def _find(
    source: str, dir: str | PathLike | None, size: int, limit: int | None
) -> Files | Prepared | StandIn:
    if source == "standin":
        return StandIn(min(limit or TRAIN, TRAIN), size)
    place = prepared.own_place() if dir is None else Path(dir).expanduser()
    notes: list[str] = []
    steps = {"tfds": [celeba_prepared.find], "files": [celeba_files.find]}
    for step in steps.get(source, [celeba_prepared.find, celeba_files.find]):
        found, seen = step(place)
        notes += seen
        if found:
            return found
    if source != "files" and (dir is None or place.is_dir()):
        found, seen = celeba_prepared.download(place)
        notes += seen
        if found:
            return found
    raise DataError(_nothing(place, dir, notes))


def _nothing(place: Path, dir: str | PathLike | None, notes: list[str]) -> str:
    if not place.exists():
        notes = ["that folder is not there", *notes]
    where = (
        f"{place} (dir)" if dir is not None else f"{place} (the folder of TensorFlow Datasets; dir is None)"
    )
    return "\n".join(
        [
            f"CelebA must be on disk, but it was not found in {where}. There were looked for:",
            "  - celeb_a/<version>/, prepared by TensorFlow Datasets as array_record",
            "  - img_align_celeba.zip, the folder img_align_celeba/, files NNNNNN.jpg, or a .zip, .tar or "
            "folder of them under any name (with list_eval_partition.txt, list_attr_celeba.txt and "
            "list_landmarks_align_celeba.txt where they are)",
            *(f"  note: {note}" for note in notes),
            "To get it, do one of these, and give its folder as dir (--config.data.dir=...):",
            "  - download img_align_celeba.zip (1,443,490,838 bytes) and the .txt files from "
            "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html; a zip of some 2 KB is the quota page of "
            "Google Drive, not the data set",
            "  - kaggle datasets download jessicali9530/celeba-dataset",
            "  - where TensorFlow is installed: import tensorflow_datasets as tfds; "
            f"{prepared.command(NAME)}",
            "To run the same on rendered pictures, with nothing downloaded: --config=couae.py:standin "
            '(source="standin")',
        ]
    )


def _plan(found: Files | Prepared | StandIn, cut: Crop, split: str) -> caches.Plan:
    opened = found.open(cut)
    chosen = celeba_split.split(split, opened.partition)
    order = np.concatenate([chosen.train, chosen.test])
    n = len(opened.partition)
    left, top = cut.left_top
    details = {**opened.details, "split": chosen.how}
    if isinstance(found, StandIn):
        name = "celeba stand-in"
    else:
        name = "celeba" if n == celeba_split.PICTURES else f"celeba subset of {n:,}"
        details |= {
            "crop": f"rows {top} to {top + cut.crop}, columns {left} to {left + cut.crop}",
            "filter": f"{cut.filter}, antialiased",
        }
    facts = {
        "name": name,
        "train": len(chosen.train),
        "attribute_names": opened.attribute_names,
        "details": details | {"size": cut.size},
    }
    return caches.Plan(len(order), opened.layout, opened.reader(order), facts)


def _source(kept: caches.Cached, range: tuple[float, float], limit: int | None) -> Source:
    facts, n = kept.facts, kept.facts["train"]
    used = min(n, limit or n)
    train, test = (
        {key: rows[part] for key, rows in kept.arrays.items()} for part in (slice(used), slice(n, None))
    )
    if "factors" in train:
        middle = np.median(train["factors"], axis=0)
        for side in (train, test):
            side["attributes"] = side["factors"] > middle
    identity = [kept.fingerprint, n, used, facts["attribute_names"]]
    return Source(
        name=facts["name"],
        train=train["images"],
        test=test["images"],
        range=tuple(range),
        fingerprint=hashlib.sha256(json.dumps(identity).encode()).hexdigest(),
        details={**facts["details"], "train": used, "test": len(test["images"])},
        attribute_names=tuple(facts["attribute_names"]),
        train_attributes=train.get("attributes"),
        test_attributes=test.get("attributes"),
        train_landmarks=train.get("landmarks"),
        test_landmarks=test.get("landmarks"),
    )
