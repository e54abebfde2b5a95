"""Folders, zip and tar files of numbered JPEG pictures: which there are, and the bytes of each."""

from __future__ import annotations

import hashlib
import os
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from coulomb_jax.data.source import DataError

PICTURE = re.compile(r"(\d{6})\.jpe?g", re.IGNORECASE)
BLOCK = 512  # of a tar
TEXT = re.compile(r"[^.].*\.(txt|csv)", re.IGNORECASE)
READ = re.compile(r"[^.].*\.(zip|tar)", re.IGNORECASE)
PACKED = re.compile(r"[^.].*\.(tar\.\w+|t[gbx]z|7z|7z\.001|rar)", re.IGNORECASE)


class Archive(NamedTuple):
    """What a folder, a zip or a tar holds; small enough to be sent to other processes.

    Attributes:
      path: the folder or the file.
      pictures: where each picture is, by its number; opaque.
      texts: where each text file is, by its name without folders; opaque.
    """

    path: Path
    pictures: dict[int, Any]
    texts: dict[str, Any]

    def name(self, number: int) -> str:
        """What messages call a picture."""
        return f"{number:06d}.jpg in {self.path}"

    def read(self, numbers: Iterable[int]) -> Iterator[bytes]:
        """The bytes of pictures, in the order asked for.

        Raises:
          DataError: one cannot be read whole; the message names it.
        """
        with ExitStack() as opened:
            content = _reader(self.path, opened)
            for number in numbers:
                try:
                    yield content(self.pictures[number])
                except (OSError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
                    raise DataError(
                        f"{self.name(number)} must be readable, but reading it failed: {error}; get "
                        f"{self.path.name} again"
                    ) from error

    def text(self, name: str) -> str:
        """The content of a text file inside it."""
        with ExitStack() as opened:
            return _reader(self.path, opened)(self.texts[name]).decode()


def listing(path: Path) -> Archive:
    """What a folder (not those inside it), a zip or an uncompressed tar holds.

    Raises:
      DataError: the file is a web page, is cut off, or holds two pictures of one number.
    """
    if not path.is_dir() and is_web_page(path):
        raise DataError(web_page_message(path))
    try:
        members = _members(path)
    except (OSError, zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        kind = "a whole zip file" if _is_zip(path) else "a whole, uncompressed tar file"
        raise DataError(
            f"{path} must be {kind}, but it holds {path.stat().st_size:,} bytes and listing it failed: "
            f"{error}; a download that broke off must be repeated, a compressed tar unpacked"
        ) from error
    pictures: dict[int, Any] = {}
    texts: dict[str, Any] = {}
    for full_name, where in members:
        name = full_name.rpartition("/")[2]
        if match := PICTURE.fullmatch(name):
            number = int(match[1])
            if number in pictures:
                raise DataError(
                    f"{path} must hold one picture of each number, but {name} is there twice; take one out"
                )
            pictures[number] = where
        elif TEXT.fullmatch(name):
            texts[name] = where
    return Archive(path, pictures, texts)


def has_pictures(folder: Path) -> bool:
    """Whether a folder itself, not those inside it, holds numbered pictures."""
    if not folder.is_dir():
        return False
    with os.scandir(folder) as entries:
        return any(PICTURE.fullmatch(entry.name) for entry in entries)


def largest(paths: Iterable[Path]) -> Path | None:
    """The one that holds the most pictures; None where none holds any.

    Raises:
      DataError: see `listing`.
    """
    counts = {path: len(listing(path).pictures) for path in sorted(paths)}
    most = max(counts, key=counts.get, default=None)
    return most if most is not None and counts[most] else None


def stamp(path: Path) -> dict[str, Any]:
    """What tells one state of a file, or of a folder's pictures, from another without reading them.

    The sha256 is of the names, sizes and times of change, not of the contents.
    """
    if path.is_dir():
        with os.scandir(path) as entries:
            files = [(e.name, e.stat()) for e in entries if PICTURE.fullmatch(e.name)]
    else:
        files = [(path.name, path.stat())]
    states = sorted((name, stat.st_size, stat.st_mtime_ns) for name, stat in files)
    digest = hashlib.sha256(repr(states).encode()).hexdigest()
    return {"name": path.name, "files": len(states), "bytes": sum(s[1] for s in states), "sha256": digest}


def is_web_page(path: Path) -> bool:
    """Whether a file begins as HTML does, whatever its name says."""
    with path.open("rb") as file:
        return file.read(64).lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def web_page_message(path: Path) -> str:
    """What to say of a web page under the name of an archive."""
    return (
        f"{path} is a web page of {path.stat().st_size:,} bytes, not the data set: that is what Google Drive "
        "answers when its quota for a file is used up; delete it and try again a day later, or elsewhere"
    )


def _is_zip(path: Path) -> bool:
    return path.suffix.lower() == ".zip"


def _members(path: Path) -> Iterable[tuple[str, Any]]:
    if path.is_dir():
        return [(entry.name, entry.name) for entry in os.scandir(path) if entry.is_file()]
    if _is_zip(path):
        with zipfile.ZipFile(path) as file:
            return [(name, name) for name in file.namelist()]
    with tarfile.open(path, "r:") as file:
        members = file.getmembers()
    if members:
        with path.open("rb") as file:
            # What comes next is zeros in a whole file; the reader takes a cut header for the end.
            file.seek(members[-1].offset_data + -(-members[-1].size // BLOCK) * BLOCK)
            if file.read(BLOCK) != bytes(BLOCK):
                raise EOFError(f"nothing marks its end after {members[-1].name}")
    return [(m.name, (m.offset_data, m.size)) for m in members if m.isfile()]


def _reader(path: Path, opened: ExitStack) -> Callable[[Any], bytes]:
    if path.is_dir():
        return lambda name: (path / name).read_bytes()
    if _is_zip(path):
        return opened.enter_context(zipfile.ZipFile(path)).read
    file = opened.enter_context(path.open("rb"))

    def content(where: tuple[int, int]) -> bytes:
        file.seek(where[0])
        return file.read(where[1])

    return content
