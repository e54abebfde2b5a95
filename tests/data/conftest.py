"""Places of its own for what a test of data looks for and writes."""

import pytest


@pytest.fixture
def own_places(tmp_path, monkeypatch):
    monkeypatch.setenv("COULOMB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "own"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"
