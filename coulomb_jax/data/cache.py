"""Arrays computed once from a recipe, kept on disk and mapped into memory.

A cache is a folder named by the sha256 of its recipe. It holds one .npy file an array and, once it is
finished, manifest.json: the recipe, the facts, and the sha256 of every chunk of rows. At a start, files
of the size and time of change that the manifest records are taken as they are; where these differ
(copied, cut off, written to) every chunk is hashed, and those that do not match are computed again. So
are, after a kill, the chunks that progress.jsonl does not list or lists with another sha256. A recipe
that changes has another folder; the old one stays and may be deleted.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from coulomb_jax.data import processes
from coulomb_jax.data.source import DataError

try:
    import fcntl
except ModuleNotFoundError:  # on Windows, where two first starts at once are not kept apart
    fcntl = None

CHUNK = 1024
MANIFEST, PROGRESS = "manifest.json", "progress.jsonl"
Row = tuple[tuple[int, ...], str]
Chunk = tuple[int, int]


class Plan(NamedTuple):
    """What a cache is computed by.

    Attributes:
      rows: how many rows every array has.
      layout: shape of one row and dtype of each array, by its name.
      read: gives rows [start, stop) of all arrays by their names; run in several processes.
      facts: kept in the manifest, plain values.
    """

    rows: int
    layout: Mapping[str, Row]
    read: Callable[[int, int], Mapping[str, np.ndarray]]
    facts: Mapping[str, Any]


class Cached(NamedTuple):
    """A finished cache.

    Attributes:
      arrays: read-only and mapped into memory, by name.
      facts: those of the plan.
      fingerprint: sha256 of the arrays' dtypes, shapes and values, from the manifest.
      folder: where it is.
    """

    arrays: Mapping[str, np.ndarray]
    facts: Mapping[str, Any]
    fingerprint: str
    folder: Path


def cached(
    name: str,
    recipe: Mapping[str, Any],
    prepare: Callable[[], Plan],
    *,
    root: str | PathLike | None = None,
    workers: int = 0,
) -> Cached:
    """The arrays of a recipe: from disk where they are finished, otherwise computed or completed first.

    Processes that start at once wait for one another, and one of them computes.

    Args:
      name: begins the folder's name.
      recipe: all that the arrays depend on, as plain values.
      prepare: called where something is to be computed.
      root: folder of the caches; None for `default_root()`.
      workers: processes to compute with; 0 for one a core.

    Raises:
      DataError: the disk is full or not writable; also whatever `prepare` and `read` raise.
    """
    recipe = json.loads(json.dumps(recipe))
    digest = hashlib.sha256(json.dumps(recipe, sort_keys=True).encode()).hexdigest()
    root = Path(root).expanduser() if root is not None else default_root()
    folder = root / f"{name}-{digest[:16]}"
    if found := _finished(folder):
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / "lock"):
            if not (found := _finished(folder)):
                _build(folder, name, recipe, prepare(), workers)
                found = _finished(folder)
    except OSError as error:
        raise DataError(
            f"the cache of {name} must be written to {folder}, but that failed: {error}; make room, or name "
            "another folder as cache or in the environment variable COULOMB_CACHE"
        ) from error
    assert found, f"{folder} changed while it was opened"
    return found


def default_root() -> Path:
    """Where caches are kept: COULOMB_CACHE, or coulomb_jax in XDG_CACHE_HOME or ~/.cache."""
    if chosen := os.environ.get("COULOMB_CACHE"):
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "coulomb_jax"


def _finished(folder: Path) -> Cached | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        files = {name: folder / f"{name}.npy" for name in manifest["layout"]}
        if manifest["files"] != {name: _state(path) for name, path in files.items()}:
            return None
        arrays = {name: np.load(path, mmap_mode="r") for name, path in files.items()}
        return Cached(arrays, manifest["facts"], manifest["fingerprint"], folder)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _build(folder: Path, name: str, recipe: Mapping[str, Any], plan: Plan, workers: int) -> None:
    recorded = _recorded(folder)
    _reserve(folder, plan)
    chunks = [(at, min(at + CHUNK, plan.rows)) for at in range(0, plan.rows, CHUNK)]
    done = {c: recorded[c] for c in chunks if c in recorded and _hash(folder, plan, c) == recorded[c]}
    missing = [chunk for chunk in chunks if chunk not in done]
    _replace(folder / PROGRESS, "".join(map(_line, done, done.values())))
    (folder / MANIFEST).unlink(missing_ok=True)
    with (
        (folder / PROGRESS).open("a") as progress,
        tqdm(total=plan.rows, initial=_rows(done), desc=name, unit=" images") as bar,
    ):
        for chunk, sha in processes.run(_Writer(folder, plan), missing, workers):
            done[chunk] = sha
            progress.write(_line(chunk, sha))
            progress.flush()
            bar.update(_rows([chunk]))
    ordered = [[*chunk, done[chunk]] for chunk in chunks]
    manifest = {
        "recipe": recipe,
        "facts": plan.facts,
        "rows": plan.rows,
        "layout": plan.layout,
        "chunks": ordered,
        "fingerprint": hashlib.sha256(json.dumps([plan.layout, ordered]).encode()).hexdigest(),
        "files": {array: _state(folder / f"{array}.npy") for array in plan.layout},
    }
    _replace(folder / MANIFEST, json.dumps(manifest, indent=1))
    (folder / PROGRESS).unlink()


class _Writer(NamedTuple):
    """Computes a chunk and writes it to its place; in a process of its own."""

    folder: Path
    plan: Plan

    def __call__(self, start: int, stop: int) -> tuple[Chunk, str]:
        rows = self.plan.read(start, stop)
        for name, (shape, dtype) in self.plan.layout.items():
            expected = (stop - start, *shape)
            if rows[name].shape != expected or rows[name].dtype != dtype:
                raise AssertionError(f"{name} is {rows[name].dtype}{rows[name].shape}, not {dtype}{expected}")
            path = self.folder / f"{name}.npy"
            # Not through a mapping: where the disk is full, that ends in SIGBUS and not in an error.
            with path.open("r+b") as file:
                file.seek(path.stat().st_size - (self.plan.rows - start) * _row_bytes(shape, dtype))
                file.write(np.ascontiguousarray(rows[name]).data)
        return (start, stop), _hash(self.folder, self.plan, (start, stop))


def _reserve(folder: Path, plan: Plan) -> None:
    """Makes the files at their full size, keeping those that have it."""
    need = plan.rows * sum(_row_bytes(*row) for row in plan.layout.values())
    held = sum(getattr(path.stat(), "st_blocks", 0) * 512 for path in folder.glob("*.npy"))
    free = shutil.disk_usage(folder).free + held
    if free < need:
        raise OSError(f"it takes {need / 1e9:.2f} GB, and {free / 1e9:.2f} GB are free")
    for name, (shape, dtype) in plan.layout.items():
        path = folder / f"{name}.npy"
        unfinished = folder / f"{name}.npy.part"
        np.lib.format.open_memmap(unfinished, "w+", dtype, (plan.rows, *shape))
        if path.exists() and _form(path) == _form(unfinished):
            unfinished.unlink()
        else:
            os.replace(unfinished, path)


def _form(path: Path) -> tuple[int, bytes]:
    """Size and header of an .npy file."""
    with path.open("rb") as file:
        return path.stat().st_size, file.read(128)


def _recorded(folder: Path) -> dict[Chunk, str]:
    """The chunks that an earlier run says it finished, each with the sha256 it had."""
    try:
        lines = json.loads((folder / MANIFEST).read_text())["chunks"]
    except (OSError, ValueError, KeyError, TypeError):
        lines = _progress(folder)
    return {(start, stop): sha for start, stop, sha in lines}


def _progress(folder: Path) -> list[list]:
    try:
        # A kill may cut the last line.
        whole = (folder / PROGRESS).read_text().rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in whole]
    except (OSError, ValueError):
        return []


def _hash(folder: Path, plan: Plan, chunk: Chunk) -> str:
    """The sha256 of a chunk as it is on disk, array after array in the order of the layout."""
    digest = hashlib.sha256()
    for name in plan.layout:
        rows = np.load(folder / f"{name}.npy", mmap_mode="r")[slice(*chunk)]
        digest.update(rows.data)
    return digest.hexdigest()


def _line(chunk: Chunk, sha: str) -> str:
    return json.dumps([*chunk, sha]) + "\n"


def _replace(path: Path, text: str) -> None:
    unfinished = path.with_name(f"{path.name}.part")
    unfinished.write_text(text)
    os.replace(unfinished, path)


def _rows(chunks: Any) -> int:
    return sum(stop - start for start, stop in chunks)


def _row_bytes(shape: tuple[int, ...], dtype: str) -> int:
    return int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize


def _state(path: Path) -> list[int]:
    return [path.stat().st_size, path.stat().st_mtime_ns]


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Waits for, and keeps out, every other process that asks for the same file; a kill frees it."""
    with path.open("a") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
