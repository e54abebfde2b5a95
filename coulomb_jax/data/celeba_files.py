"""CelebA as files: img_align_celeba as a zip, a folder or a tar, with its text files beside or inside."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from coulomb_jax.data import archives, celeba_split, celeba_tables
from coulomb_jax.data.archives import Archive
from coulomb_jax.data.celeba_rows import Opened, fields
from coulomb_jax.data.celeba_tables import ATTRIBUTES, LANDMARKS, PARTITION
from coulomb_jax.data.crops import Crop, size_of
from coulomb_jax.data.source import DataError

ALIGNED = "img_align_celeba"
ZIPS = (f"{ALIGNED}.zip", f"Img/{ALIGNED}.zip", "celeba-dataset.zip", "archive.zip")  # the last two: Kaggle's
FOLDERS = (ALIGNED, f"{ALIGNED}/{ALIGNED}", f"Img/{ALIGNED}", ".")
COLUMNS = {PARTITION: 1, ATTRIBUTES: 40, LANDMARKS: 10}


class Files(NamedTuple):
    """The pictures' archive, and the text files that are there, by what they hold."""

    archive: Path
    tables: Mapping[str, Path]

    @property
    def recipe(self) -> dict[str, Any]:
        """What tells these files from others without reading them."""
        tables = {kind: archives.stamp(path) for kind, path in self.tables.items()}
        return {"source": "files", "archive": archives.stamp(self.archive), "tables": tables}

    def open(self, crop: Crop) -> Opened:
        """List the pictures and read the text files.

        Raises:
          DataError: something is damaged, cut off or missing a row, or pictures are of another size.
        """
        archive = archives.listing(self.archive)
        numbers = np.array(sorted(archive.pictures), np.int64)
        if not len(numbers):
            raise DataError(
                f"{self.archive} must hold pictures named NNNNNN.jpg, but there are none; check the path"
            )
        tables = {kind: self._table(kind, archive) for kind in COLUMNS}
        partition, attributes, landmarks = (
            None if table is None else table.of(numbers.tolist()) for table in tables.values()
        )
        if landmarks is not None:
            landmarks = landmarks.reshape(-1, 5, 2)
        first = numbers[0]
        expected = size_of(next(archive.read([first])), archive.name(first))
        used = {kind: table.name for kind, table in tables.items() if table}
        return Opened(
            partition=celeba_split.by_number(numbers) if partition is None else partition[:, 0],
            layout=fields(crop.size, attributes=attributes is not None, landmarks=landmarks is not None),
            reader=lambda order: _Reader(
                archive,
                numbers[order],
                crop,
                expected,
                None if attributes is None else attributes[order] > 0,
                None if landmarks is None else crop.points(landmarks[order]),
            ),
            attribute_names=() if attributes is None else tables[ATTRIBUTES].columns,
            details={
                "source": "files",
                "archive": self.archive.name,
                "pictures": f"{len(numbers):,} of {expected[0]} x {expected[1]}",
                "tables": used,
            },
        )

    def _table(self, kind: str, archive: Archive) -> celeba_tables.Table | None:
        if path := self.tables.get(kind):
            try:
                text = path.read_text()
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(
                    f"{path} must be a text file, but reading it failed: {error}; get it again"
                ) from error
            return celeba_tables.parse(text, path.name, COLUMNS[kind])
        if name := _table_name(kind, archive.texts):
            return celeba_tables.parse(archive.text(name), f"{name} in {archive.path.name}", COLUMNS[kind])
        return None


class _Reader(NamedTuple):
    archive: Archive
    numbers: np.ndarray
    crop: Crop
    expected: tuple[int, int]
    attributes: np.ndarray | None
    landmarks: np.ndarray | None

    def __call__(self, start: int, stop: int) -> dict[str, np.ndarray]:
        numbers = self.numbers[start:stop].tolist()
        pictures = [
            self.crop.picture(content, self.archive.name(number), self.expected)
            for number, content in zip(numbers, self.archive.read(numbers))
        ]
        rows = {"images": np.stack(pictures)}
        if self.attributes is not None:
            rows["attributes"] = self.attributes[start:stop]
        if self.landmarks is not None:
            rows["landmarks"] = self.landmarks[start:stop]
        return rows


def find(dir: Path) -> tuple[Files | None, list[str]]:
    """The files in, or at, `dir`; and, where there are none, what was seen there that is not the set.

    The names it is published under come first. Of other zips and tars, or else of other folders, that
    with the most pictures is taken, unless `dir` names one.

    Raises:
      DataError: a zip or tar of another name is damaged.
    """
    if dir.is_file():
        root = dir.parent.parent if dir.parent.name == "Img" else dir.parent
        return Files(dir, _tables(root, dir)), []
    roots = [root for root in (dir, dir / "celeba", dir / "CelebA") if root.is_dir()]
    for search in (_published, _largest):
        for root in roots:
            if archive := search(root):
                return Files(archive, _tables(root, archive)), []
    return None, [note for root in roots for note in _notes(root)]


def _published(root: Path) -> Path | None:
    zips = [root / name for name in ZIPS if (root / name).is_file()]
    folders = [root / name for name in FOLDERS if archives.has_pictures(root / name)]
    return next((path for path in zips + folders if path.is_dir() or not archives.is_web_page(path)), None)


def _largest(root: Path) -> Path | None:
    # Not those that others may not look into, as lost+found.
    paths = [path for path in root.iterdir() if os.access(path, os.R_OK)]
    files = [path for path in paths if path.is_file() and archives.READ.fullmatch(path.name)]
    whole = archives.largest(path for path in files if not archives.is_web_page(path))
    return whole or archives.largest(path for path in paths if archives.has_pictures(path))


def _notes(root: Path) -> Iterable[str]:
    """What to say of the files in a place without pictures."""
    for path in sorted({*root.iterdir(), *(root / name for name in ZIPS)}):
        if not path.is_file():
            continue
        if archives.PACKED.fullmatch(path.name):
            yield f"{path} is packed in a way that is not read; unpack it there"
        elif archives.READ.fullmatch(path.name):
            page = archives.is_web_page(path)
            yield archives.web_page_message(path) if page else f"{path} holds no picture named NNNNNN.jpg"


def _tables(root: Path, archive: Path) -> dict[str, Path]:
    """The text files in the folders where they are usually put; those nearest to `root` first."""
    places = [root, root / "Anno", root / "Eval", archive.parent]
    if archive.is_dir():
        places += [archive] + [archive.parent] * (archive.name == ALIGNED)
    found = {}
    for place in dict.fromkeys(places):
        files = {path.name: path for path in place.glob("list_*") if path.is_file()}
        for kind in COLUMNS:
            if name := _table_name(kind, files):
                found.setdefault(kind, files[name])
    return found


def _table_name(kind: str, names: Iterable[str]) -> str | None:
    """That of the whole table, or else the first of a part (list_attr_celeba_000001-010000.txt)."""
    fitting = [name for name in names if re.fullmatch(rf"{kind}([._-].*)?\.(txt|csv)", name)]
    return min(fitting, key=lambda name: (len(name), name), default=None)
