"""Exported models: run by a process that has none of our code, equal to the model they come from."""

import json
import subprocess
import sys

import jax
import numpy as np
import pytest

from coulomb_jax.model import Model
from coulomb_jax.train.state import init_model
from tests.families import table

STRANGER = """
import sys
for name in ("coulomb_jax", "flax", "optax", "orbax"):
    sys.modules[name] = None  # importing it fails
from pathlib import Path
import jax, numpy
for folder in map(Path, sys.argv[1:]):
    given = dict(numpy.load(folder / "given.npz"))
    for name in ("encoder", "decoder"):
        function = jax.export.deserialize(bytearray((folder / f"{name}.stablehlo").read_bytes()))
        rows = given[name]
        results = {f"{name}{n}": numpy.asarray(function.call(rows[:n])) for n in (1, 7)}
        numpy.savez(folder / f"{name}.npz", **results)
assert all(sys.modules.get(name) is None for name in ("coulomb_jax", "flax", "optax", "orbax"))
"""


def held(name, dataset, net):
    """A model whose batch statistics are those of some training: none of them 0 or 1."""
    row = table.row(name, dataset, net=net)
    params, stats = init_model(row.family, jax.random.key(0))
    leaves, tree = jax.tree.flatten(stats)
    rng = np.random.default_rng(1)
    leaves = [leaf + 0.03 * rng.uniform(size=leaf.shape).astype(np.float32) for leaf in leaves]
    assert bool(leaves) == (net == "dcgan")
    return Model(row.family, params, jax.tree.unflatten(tree, leaves), pixel_range=row.x_range)


@pytest.mark.slow
def test_a_process_without_this_package_runs_what_was_exported(tmp_path):
    models = {
        "vectors": held("couae.py", "grid", "mlp"),
        "posterior": held("vae.py", "digits", "mlp"),
        "convolutions": held("vae.py", "digits", "dcgan"),
    }
    rng, given = np.random.default_rng(0), {}
    for name, model in models.items():
        folder = model.export(tmp_path / "exports" / name)
        x, z = rng.uniform(size=(7, *model.x_shape)), rng.normal(size=(7, model.z_dim))
        given[name] = {"encoder": x.astype(np.float32), "decoder": z.astype(np.float32)}
        np.savez(folder / "given.npz", **given[name])
    folders = [str(tmp_path / "exports" / name) for name in models]
    subprocess.run([sys.executable, "-c", STRANGER, *folders], check=True, cwd=tmp_path)
    for name, model in models.items():
        for side, run in (("encoder", model.encode), ("decoder", model.decode)):
            results = np.load(tmp_path / "exports" / name / f"{side}.npz")
            expected = run(given[name][side])
            scale = np.abs(expected).max()
            assert np.ptp(expected, axis=0).max() > 1e-3 * scale  # rows differ: a constant would not do
            for n in (1, 7):
                got = results[f"{side}{n}"]
                np.testing.assert_allclose(got, expected[:n], rtol=1e-5, atol=1e-6 * scale)


def test_the_manifest_says_how_to_call_it_and_its_example_runs(tmp_path, monkeypatch):
    model = held("couae.py", "digits", "mlp")
    manifest = json.loads((model.export(tmp_path) / "manifest.json").read_text())
    assert manifest["functions"]["encoder"]["input"] == {
        "name": "x",
        "shape": ["n", 8, 8, 1],
        "dtype": "float32",
        "range": [0.0, 1.0],
    }
    assert manifest["functions"]["decoder"]["input"] == {"name": "z", "shape": ["n", 8], "dtype": "float32"}
    assert set(manifest["platforms"]) >= {"cpu", "cuda", "tpu"}
    assert manifest["versions"]["jax"] == jax.__version__
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 1), np.uint8)
    low, high = 0.0, 1.0
    scope = {"pixels": pixels, "low": low, "high": high}
    exec(manifest["uint8"].partition(",")[0], scope)
    scope["x"] = scope["x"].astype(np.float32)
    monkeypatch.chdir(tmp_path)
    exec("\n".join(manifest["functions"]["encoder"]["example"]), scope)
    np.testing.assert_allclose(scope["z"], model.encode(pixels), rtol=1e-5, atol=1e-6)


def test_the_files_are_lowered_for_every_platform_and_any_number_of_rows(tmp_path):
    folder = held("vae.py", "digits", "dcgan").export(tmp_path)
    for name, shapes in (("encoder", ("(n, 8, 8, 1)", "(n, 8)")), ("decoder", ("(n, 8)", "(n, 8, 8, 1)"))):
        function = jax.export.deserialize(bytearray((folder / f"{name}.stablehlo").read_bytes()))
        assert {"cpu", "cuda", "rocm", "tpu"} == set(function.platforms)
        assert (str(function.in_avals[0].shape), str(function.out_avals[0].shape)) == shapes


def test_no_path_of_this_machine_is_in_the_files(tmp_path):
    folder = held("couae.py", "digits", "dcgan").export(tmp_path)
    blobs = [path.read_bytes() for path in folder.glob("*.stablehlo")]
    assert len(blobs) == 2
    assert not any(b".py" in blob for blob in blobs)


def test_an_export_overwrites_nothing(tmp_path):
    model = held("couae.py", "grid", "mlp")
    (tmp_path / "mine").write_text("kept")
    for path in (tmp_path, tmp_path / "mine"):
        with pytest.raises(ValueError, match="new or empty folder"):
            model.export(path)
    assert [p.name for p in tmp_path.iterdir()] == ["mine"]
