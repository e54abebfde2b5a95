import hashlib
import json
import os
import shutil
from unittest import mock

import numpy as np
import pytest

from coulomb_jax.data import DataError, cache

ROWS = 50
IMAGES = np.random.default_rng(0).integers(0, 256, (ROWS, 4, 4, 3), np.uint8)
POINTS = np.random.default_rng(1).normal(size=(ROWS, 5, 2)).astype(np.float32)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch):
    monkeypatch.setattr(cache, "CHUNK", 8)


class Reader:
    """Notes what it is asked for, and stops where it is told to."""

    def __init__(self, stop_at=None):
        self.asked, self.stop_at = [], stop_at

    def __call__(self, start, stop):
        if start == self.stop_at:
            raise KeyboardInterrupt
        self.asked.append((start, stop))
        return {"images": IMAGES[start:stop], "points": POINTS[start:stop]}

    def plan(self):
        layout = {"images": ((4, 4, 3), "uint8"), "points": ((5, 2), "float32")}
        return cache.Plan(ROWS, layout, self, {"name": "x"})

    def cached(self, root, **recipe):
        return cache.cached("x", recipe, self.plan, root=root, workers=1)


CHUNKS = [(0, 8), (8, 16), (16, 24), (24, 32), (32, 40), (40, 48), (48, 50)]


def test_rows_come_back_as_they_were_computed(tmp_path):
    reader = Reader()
    kept = reader.cached(tmp_path)
    assert reader.asked == CHUNKS
    np.testing.assert_array_equal(kept.arrays["images"], IMAGES)
    np.testing.assert_array_equal(kept.arrays["points"], POINTS)
    assert isinstance(kept.arrays["images"], np.memmap)
    assert not kept.arrays["images"].flags.writeable
    assert kept.arrays["points"].dtype == np.float32
    assert kept.facts == {"name": "x"}


def test_a_second_start_computes_nothing_and_hashes_nothing(tmp_path):
    first = Reader().cached(tmp_path)
    with mock.patch.object(cache, "_hash", side_effect=AssertionError):
        second = cache.cached("x", {}, mock.Mock(side_effect=AssertionError), root=tmp_path)
    assert second.fingerprint == first.fingerprint
    np.testing.assert_array_equal(second.arrays["images"], IMAGES)


def test_the_manifest_holds_the_sha256_of_every_chunk(tmp_path):
    folder = Reader().cached(tmp_path, crop=140).folder
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["recipe"] == {"crop": 140}
    expected = [hashlib.sha256(IMAGES[a:b].tobytes() + POINTS[a:b].tobytes()).hexdigest() for a, b in CHUNKS]
    assert [chunk[2] for chunk in manifest["chunks"]] == expected
    assert sorted(path.name for path in folder.iterdir()) == [
        "images.npy",
        "lock",
        "manifest.json",
        "points.npy",
    ]


def test_what_was_finished_before_a_stop_is_kept(tmp_path):
    stopped = Reader(stop_at=24)
    with pytest.raises(KeyboardInterrupt):
        stopped.cached(tmp_path)
    resumed = Reader()
    kept = resumed.cached(tmp_path)
    assert stopped.asked == CHUNKS[:3]
    assert resumed.asked == CHUNKS[3:]
    np.testing.assert_array_equal(kept.arrays["images"], IMAGES)
    assert kept.fingerprint == Reader().cached(tmp_path / "other").fingerprint


@pytest.mark.parametrize(("cut", "again"), [(1, 1), (40, 1), (90, 2), (None, 3)])
def test_a_record_cut_by_a_kill_costs_its_chunk(tmp_path, cut, again):
    with pytest.raises(KeyboardInterrupt):
        Reader(stop_at=24).cached(tmp_path)
    (progress,) = tmp_path.glob("*/progress.jsonl")
    content = progress.read_bytes()
    progress.write_bytes(content[:-cut] if cut else b"")
    resumed = Reader()
    np.testing.assert_array_equal(resumed.cached(tmp_path).arrays["images"], IMAGES)
    assert resumed.asked == CHUNKS[3 - again :]


def test_what_the_disk_lost_is_computed_again(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        Reader(stop_at=24).cached(tmp_path)
    (images,) = tmp_path.glob("*/images.npy")
    np.load(images, mmap_mode="r+")[9] = 0  # listed as finished, never written before the power went
    resumed = Reader()
    np.testing.assert_array_equal(resumed.cached(tmp_path).arrays["images"], IMAGES)
    assert resumed.asked == [CHUNKS[1], *CHUNKS[3:]]


def test_another_recipe_is_computed_beside(tmp_path):
    Reader().cached(tmp_path, crop=140)
    other = Reader()
    other.cached(tmp_path, crop=128)
    assert other.asked == CHUNKS
    again = Reader()
    again.cached(tmp_path, crop=140)
    assert again.asked == []
    assert len(list(tmp_path.iterdir())) == 2


def test_a_copied_cache_is_checked_and_taken(tmp_path):
    folder = Reader().cached(tmp_path / "a").folder
    shutil.copytree(folder, tmp_path / "b" / folder.name, copy_function=shutil.copyfile)
    reader = Reader()
    with mock.patch.object(cache, "_hash", wraps=cache._hash) as hashed:
        reader.cached(tmp_path / "b")
    assert reader.asked == []
    assert hashed.call_count == len(CHUNKS)
    with mock.patch.object(cache, "_hash", side_effect=AssertionError):
        reader.cached(tmp_path / "b")


def test_a_change_in_the_files_is_repaired(tmp_path):
    folder = Reader().cached(tmp_path).folder
    np.load(folder / "points.npy", mmap_mode="r+")[49] = 0
    os.utime(folder / "points.npy")
    reader = Reader()
    np.testing.assert_array_equal(reader.cached(tmp_path).arrays["points"], POINTS)
    assert reader.asked == CHUNKS[-1:]


@pytest.mark.parametrize("length", [0, 100, 1000])
def test_a_file_cut_off_is_made_again(tmp_path, length):
    folder = Reader().cached(tmp_path).folder
    os.truncate(folder / "images.npy", length)
    reader = Reader()
    np.testing.assert_array_equal(reader.cached(tmp_path).arrays["images"], IMAGES)
    assert reader.asked == CHUNKS


def test_a_damaged_header_is_made_again(tmp_path):
    folder = Reader().cached(tmp_path).folder
    with (folder / "images.npy").open("r+b") as file:
        file.write(b"no array")
    reader = Reader()
    np.testing.assert_array_equal(reader.cached(tmp_path).arrays["images"], IMAGES)
    assert reader.asked == CHUNKS


@pytest.mark.parametrize("content", ["", "{", "{}", "[]", None])
def test_a_damaged_manifest_is_made_again(tmp_path, content):
    folder = Reader().cached(tmp_path).folder
    (folder / "manifest.json").unlink() if content is None else (folder / "manifest.json").write_text(content)
    reader = Reader()
    np.testing.assert_array_equal(reader.cached(tmp_path).arrays["images"], IMAGES)
    assert reader.asked == CHUNKS


def test_the_fingerprint_is_of_the_contents(tmp_path):
    first = Reader().cached(tmp_path, crop=140).fingerprint
    assert Reader().cached(tmp_path, crop=128).fingerprint == first
    changed = Reader()
    with mock.patch.dict(globals(), IMAGES=IMAGES[::-1]):
        assert changed.cached(tmp_path, crop=148).fingerprint != first


def test_a_disk_without_room_is_noticed_before_any_work(tmp_path):
    usage = shutil.disk_usage(tmp_path)._replace(free=100)
    reader = Reader()
    with (
        mock.patch("shutil.disk_usage", return_value=usage),
        pytest.raises(DataError, match=r"0.00 GB are free; make room, or name another .* COULOMB_CACHE"),
    ):
        reader.cached(tmp_path)
    assert reader.asked == []


def test_a_place_that_cannot_be_written_is_explained(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"must be written to .*file/x-[0-9a-f]{16}, but that failed"):
        Reader().cached(tmp_path / "file")


def test_the_usual_place(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("COULOMB_CACHE", raising=False)
    assert str(cache.default_root()) == "/home/someone/.cache/coulomb_jax"
    monkeypatch.setenv("XDG_CACHE_HOME", "/big")
    assert str(cache.default_root()) == "/big/coulomb_jax"
    monkeypatch.setenv("COULOMB_CACHE", str(tmp_path))
    assert Reader().cached(None).folder.parent == tmp_path
