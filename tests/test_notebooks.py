"""The notebooks run from top to bottom, and are stored as they are written: without outputs."""

import importlib.metadata
import json
import os
import re
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from IPython.core.inputtransformer2 import TransformerManager
from nbclient import NotebookClient

from experiments import run
from experiments.configs import couae

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "notebooks"
NAMES = ("couae_celeba", "mmd_tour")
SMALL = "celeba:tiny"
NUMBER = r"-?\d+(?:\.\d+)?(?:e[-+]\d+)?"


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def executed(name, folder, monkeypatch):
    """The cells of a notebook, by id, after they ran in a folder at small settings."""
    monkeypatch.setenv("COULOMB_TINY", SMALL)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    # As a person's kernel has it: figures inline.
    monkeypatch.delenv("MPLBACKEND", raising=False)
    book = read(name)
    NotebookClient(book, timeout=300, resources={"metadata": {"path": str(folder)}}).execute()
    return {cell.id: cell.outputs for cell in book.cells if cell.cell_type == "code"}


def text(outputs):
    return "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stdout")


def pictures(outputs):
    return sum("image/png" in o.get("data", {}) for o in outputs)


def rows(outputs):
    """The numbers of every line that holds one, percentages as they are printed."""
    found = [re.findall(rf"(?<![\w.,])({NUMBER})(?![\w,])", line) for line in text(outputs).splitlines()]
    return [[float(number) for number in line] for line in found if line]


@pytest.mark.parametrize("name", NAMES)
def test_it_is_stored_valid_light_and_without_outputs(name):
    written = json.loads((FOLDER / f"{name}.ipynb").read_text())
    assert (written["nbformat"], written["nbformat_minor"]) == (4, 5)
    nbformat.validate(written)
    ids = [cell["id"] for cell in written["cells"]]
    assert len(set(ids)) == len(ids)
    for cell in written["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
    assert (FOLDER / f"{name}.ipynb").stat().st_size < 40_000


def test_both_install_in_the_same_way_and_link_to_themselves():
    first, second = (
        {cell.id: cell.source for cell in read(name).cells if cell.id in ("install", "title")}
        for name in NAMES
    )
    assert first["install"] == second["install"]
    repository = re.search(r'REPOSITORY = "https://github.com/(.+)"', first["install"])[1]
    for name, cells in zip(NAMES, (first, second), strict=True):
        assert f"/github/{repository}/blob/main/notebooks/{name}.ipynb)" in cells["title"]


@pytest.mark.parametrize(
    ("preinstalled", "devices", "jax"),
    [
        ({"jax", "jax-cuda12-plugin"}, ["nvidia0"], "jax[cuda12]"),
        ({"jax", "jax-cuda13-plugin"}, ["nvidia0"], "jax[cuda13]"),
        ({"jax"}, ["nvidia0"], "jax[cuda13]"),
        ({"jax", "jax-cuda12-plugin"}, [], "jax"),
        ({"jax", "libtpu"}, [], "jax[tpu]"),
    ],
)
def test_on_colab_it_asks_pip_for_the_plugin_of_the_runtime(preinstalled, devices, jax, monkeypatch):
    asked = []
    shell = SimpleNamespace(run_line_magic=lambda magic, line: asked.append((magic, line)))
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace())
    there = [SimpleNamespace(name=name) for name in preinstalled]
    monkeypatch.setattr(importlib.metadata, "distributions", lambda: there)
    monkeypatch.setattr(Path, "glob", lambda place, pattern: [place / name for name in devices])
    cell = next(cell.source for cell in read("mmd_tour").cells if cell.id == "install")
    exec(TransformerManager().transform_cell(cell), {"get_ipython": lambda: shell})
    assert len(asked) == 1
    # IPython fills in the braces of a magic's line from the cell's variables, which the shell here leaves.
    assert asked[0] == ("pip", 'install "coulomb-jax @ git+{REPOSITORY}" "{jax}"')


@pytest.fixture
def drive_cell(tmp_path, monkeypatch):
    """Runs the cell that copies from Drive, with folders of the test for Drive and the machine."""
    drive = SimpleNamespace(mount=lambda place: None)
    monkeypatch.setitem(sys.modules, "google", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "google.colab", SimpleNamespace(drive=drive))
    (tmp_path / "drive").mkdir()
    source = next(cell.source for cell in read("couae_celeba").cells if cell.id == "drive")
    assert '"/content/celeba"' in source
    cell = source.replace("/content/celeba", str(tmp_path / "here"))
    names = {"DRIVE": True, "SETTING": "celeba", "CELEBA": str(tmp_path / "drive"), "Path": Path}
    return lambda: exec(cell, names | {"OVERRIDES": {}})


def test_what_is_copied_from_drive_again_is_not_decoded_again(drive_cell, tmp_path):
    names = ["a.zip", "b.tar", "c.txt", "d.csv"]
    for name in [*names, "e.pdf"]:
        (tmp_path / "drive" / name).write_text(name)
        os.utime(tmp_path / "drive" / name, ns=(10**18, 10**18))
    for _ in range(2):
        drive_cell()
        assert sorted(path.name for path in (tmp_path / "here").iterdir()) == names
        # The cache tells a file from another by its time of change.
        assert {path.stat().st_mtime_ns for path in (tmp_path / "here").iterdir()} == {10**18}


def test_a_drive_folder_without_pictures_is_named(drive_cell, tmp_path):
    (tmp_path / "drive" / "list_attr_celeba.txt").write_text("")
    with pytest.raises(
        FileNotFoundError, match=f"{tmp_path / 'drive'} .CELEBA. must hold img_align_celeba.zip"
    ):
        drive_cell()


@pytest.mark.slow
def test_the_autoencoder_goes_on_where_a_run_was_cut_off_and_is_drawn(tmp_path, monkeypatch):
    folder = tmp_path / "runs" / f"couae-{SMALL.replace(':', '-')}"
    config = couae.get_config(SMALL)
    config.checkpoint.every = 20
    config.devices = 1
    whole = run.train(config, folder)["metrics"]
    first, last = sorted((int(place.name), place) for place in (folder / "checkpoints").iterdir())
    shutil.rmtree(last[1])
    (folder / "results.json").unlink()

    cells = executed("couae_celeba", tmp_path, monkeypatch)
    assert SMALL in text(cells["settings"])
    assert cells["install"] == cells["drive"] == []
    metrics = json.loads((folder / "results.json").read_text())["metrics"]
    # Samples are kept as 8 bits, so the last bit of a float may move a level, and the sharpness of a picture
    # that has next to none.
    assert metrics.keys() == whole.keys()
    for name in metrics.keys() - {"sharpness"}:
        assert metrics[name] == pytest.approx(whole[name], rel=1e-4), name
    assert metrics["sharpness"] == pytest.approx(whole["sharpness"], abs=1e-4 * whole["sharpness_test"])
    steps = [json.loads(line)["step"] for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert steps.count(first[0]) == 1
    assert steps[-1] == last[0]
    assert f"{first[0]}/{last[0]}" in "".join(o.text for o in cells["train"] if o.name == "stderr")
    value, error = re.search(rf"latent MMD²\s+({NUMBER}) ± ({NUMBER})", text(cells["mmd"])).groups()
    assert float(value) == pytest.approx(metrics["latent_mmd2"], rel=1e-3)
    assert float(error) == pytest.approx(metrics["latent_mmd2_error"], rel=0.1)
    drawn = {name: pictures(outputs) for name, outputs in cells.items() if pictures(outputs)}
    assert drawn == {"codes": 2, "reconstructions": 1, "samples": 1, "interpolations": 1}


@pytest.mark.slow
def test_the_tour_shows_what_it_says(tmp_path, monkeypatch):
    cells = executed("mmd_tour", tmp_path, monkeypatch)
    assert cells["install"] == []
    drawn = {name for name, outputs in cells.items() if pictures(outputs) == 1}
    assert drawn == {"potential", "field", "ways", "unbiased", "test"}

    wide, narrow, coulomb = (row[-3:] for row in rows(cells["field"]))
    assert wide[:2] == [1, 0]
    assert narrow[:2] == coulomb[:2] == [5, 5]
    assert narrow[2] < 1e-6 < 1e-2 < coulomb[2]

    harmonic, not_harmonic = (row[-2:] for row in rows(cells["minima"])[-2:])
    assert harmonic[0] < 1e-4
    assert not_harmonic[0] > 1

    _, coulomb, *gaussians = rows(cells["flow"])
    assert coulomb == [10, 10, 0]
    assert gaussians[-1][-1] >= 5

    equal, _, apart, _ = (row[-4:] for row in rows(cells["unbiased"])[-4:])
    for mean, spread, truth, _ in (equal, apart):
        assert abs(mean - truth) < 4 * spread
    for *_, deviation, error in rows(cells["error"]):
        assert error == pytest.approx(deviation, rel=0.4)
    assert all(row[2] < 200 for row in rows(cells["large"]))
    sharded, alone = rows(cells["sharded"])[-2:]
    assert sharded == pytest.approx(alone, abs=2e-7)
