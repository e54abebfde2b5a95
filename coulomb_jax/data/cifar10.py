"""CIFAR-10: 50,000 + 10,000 coloured pictures of 32 x 32 pixels in ten classes [krizhevsky2009]."""

from __future__ import annotations

import gzip
import re
import tarfile
import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from os import PathLike
from pathlib import Path

import numpy as np

from coulomb_jax.data import compression, labelled, prepared
from coulomb_jax.data.source import DataError, Source

PUBLISHED_AT = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
ARCHIVE, FOLDER = "cifar-10-binary.tar.gz", "cifar-10-batches-bin"
BATCHES = ("data_batch_1", "data_batch_2", "data_batch_3", "data_batch_4", "data_batch_5", "test_batch")
BATCH = re.compile(rf"({'|'.join(BATCHES)})(?:_first(\d+))?\.bin(?:\.gz)?")
RECORD = 1 + 3 * 32 * 32  # the label, then a plane each of red, green and blue


def load(*, dir: str | PathLike | None = None, limit: int | None = None, jpeg: bool = False) -> Source:
    """Load CIFAR-10 from its binary version, or from TensorFlow Datasets.

    Args:
      dir: cifar-10-binary.tar.gz, its unpacked folder, or a folder that holds one of them; or a folder
        with the first records of some batches, as data_batch_1_first4000.bin and
        test_batch_first1000.bin. Each .bin may be compressed. Or the folder, or one above, of what
        TensorFlow Datasets prepared, whose order of the examples is another and which comes first;
        None for its own place.
      limit: use at most the first `limit` training pictures, at least 1; None for all.
      jpeg: write every picture as JPEG and read it back, as the code of [dai2019]; a quarter of a minute.

    Raises:
      DataError: a file is missing or damaged; the message names it and says where to get it.
      ValueError: limit is below 1.
    """
    labelled.check_limit(limit)
    arrays, notes = prepared.read("cifar10", PUBLISHED_AT, dir, files="the binary version")
    details = {"source": "TensorFlow Datasets"}
    if arrays is None:
        arrays, chosen = _binary(*_files(Path(dir).expanduser(), notes))
        details = {"source": "binary version", "files": chosen}
    if jpeg:
        train, train_labels, test, test_labels = arrays
        train, test = (compression.through_jpeg(pictures) for pictures in (train[:limit], test))
        arrays, details = (train, train_labels, test, test_labels), details | {"jpeg": compression.QUALITY}
    return labelled.source("cifar10", (50_000, 10_000), arrays, limit, details)


def _binary(
    place: Path, files: Mapping[str, Callable[[], bytes]]
) -> tuple[tuple[np.ndarray, ...], list[str]]:
    """The training pictures, their labels, the test pictures and theirs; and the files they were in."""
    chosen = _choose(place, files)
    *batches, test = (_batch(place, name, files[name]()) for name in chosen)
    train = (np.concatenate(parts) for parts in zip(*batches, strict=True))
    return (*train, *test), chosen


def _files(place: Path, notes: list[str]) -> tuple[Path, dict[str, Callable[[], bytes]]]:
    """The folder or archive that holds batches, and how to read each by its name."""
    for found in (place, place / FOLDER, place / ARCHIVE):
        if found.is_file():
            return found, _members(found)
        if found.is_dir():
            names = [path.name for path in found.iterdir() if BATCH.fullmatch(path.name)]
            if names:
                return found, {name: partial(_content, found / name) for name in names}
    reality = "it holds neither" if place.is_dir() else "there is no such folder"
    raise DataError(
        f"{place} must hold the binary version of CIFAR-10, {ARCHIVE} or the files of {FOLDER}, but "
        f"{reality}; it can be had from {PUBLISHED_AT} (the Python and Matlab versions are not read)"
        f"{prepared.noted(notes)}"
    )


def _members(archive: Path) -> dict[str, Callable[[], bytes]]:
    contents = {}
    try:
        with tarfile.open(archive, "r|*") as tar:  # as a stream, since going back unpacks it again
            for member in tar:
                name = member.name.rpartition("/")[2]
                if BATCH.fullmatch(name) and member.isfile():
                    contents[name] = tar.extractfile(member).read()
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DataError(
            f"{archive} must be {ARCHIVE} as it was published, but it holds "
            f"{archive.stat().st_size:,} bytes and unpacking it failed: {error}; get it again from "
            f"{PUBLISHED_AT}"
        ) from error
    if not contents:
        raise DataError(
            f"{archive} must hold data_batch_1.bin and the other files of {FOLDER}, but there is none (the "
            f"Python and Matlab versions are not read); get {PUBLISHED_AT}"
        )
    return {name: partial(contents.__getitem__, name) for name in contents}


def _choose(place: Path, names: Iterable[str]) -> list[str]:
    """The files to read, the test batch last: all six, or those of a subset."""
    whole, parts = {}, {}
    for name in sorted(names, reverse=True):  # x.bin comes after x.bin.gz, and goes before it
        match = BATCH.fullmatch(name)
        (parts if match[2] else whole)[match[1]] = name
    chosen, needed = (whole, BATCHES) if whole else (parts, BATCHES[-1:])
    missing = [batch for batch in needed if batch not in chosen]
    if missing or len(chosen) == 1:
        raise DataError(
            f"{place} must hold {', '.join(BATCHES)}, each as .bin or .bin.gz, but "
            f"{', '.join(missing) or 'any to train on'} is not there; get {PUBLISHED_AT}"
        )
    return [chosen[batch] for batch in BATCHES if batch in chosen]


def _batch(place: Path, name: str, content: bytes) -> tuple[np.ndarray, np.ndarray]:
    again = f"get it again from {PUBLISHED_AT}"
    n, rest = divmod(len(content), RECORD)
    promised = BATCH.fullmatch(name)[2]
    if rest or not n or (promised and n != int(promised)):
        wanted = f"{int(promised):,} records" if promised else "whole records"
        raise DataError(
            f"{name} in {place} must hold {wanted} of {RECORD} bytes, but it holds {len(content):,} "
            f"bytes; {again}"
        )
    records = np.frombuffer(content, np.uint8).reshape(n, RECORD)
    labels = records[:, 0].copy()
    if labels.max() > 9:
        raise DataError(
            f"{name} in {place} must have a label of 0 to 9 before each picture, but that of picture "
            f"{int(np.argmax(labels > 9))} is {labels[labels > 9][0]}; {again}"
        )
    return np.ascontiguousarray(records[:, 1:].reshape(n, 3, 32, 32).transpose(0, 2, 3, 1)), labels


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes()
        # By content, not by name: some browsers unpack a download and leave it its name.
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path} must be a whole file, but reading it failed: {error}; get it again from {PUBLISHED_AT}"
        ) from error
