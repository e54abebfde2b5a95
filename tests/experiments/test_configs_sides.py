"""Which systems see MNIST on 32 pixels, and a run on them."""

import gzip
import json

import numpy as np
import pytest

import coulomb_jax
from coulomb_jax.data.idx import FILES
from coulomb_jax.nets import rae
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.dcgan import HIDDEN, halvings
from experiments import command, files, run


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
@pytest.mark.parametrize("name", ["rae.py:paper", "cv_vae.py:paper", "wae_mmd.py:rae", "vae.py:rae"])
def test_the_raes_protocol_has_mnist_padded_to_32_pixels(name, dataset):
    # ghosh2020: zeros around the 28 pixels, 16 dimensions, a decoder that begins at 8 x 8.
    config = files.read(name, dataset)[1]
    assert (config.data.side, config.data.fit) == (32, "pad")
    assert (config.arch.name, config.arch.z_dim, config.validation.examples) == ("rae", 16, 10_000)
    arch = Architecture((32, 32, 1), 16, name="rae", hidden=config.arch.hidden)
    assert arch.layers(HIDDEN) == (128, 256, 512, 1024)
    assert 32 // 2 ** halvings(arch, rae.FORM) == 8
    plain = files.read(name.partition(":")[0], dataset)[1]
    assert (plain.data.side, plain.data.fit) == (28, "pad")


@pytest.fixture
def folder(tmp_path):
    random = np.random.default_rng(0)
    for name, shape in zip(FILES, ((60, 28, 28), (60,), (20, 28, 28), (20,)), strict=True):
        header = np.array([2051 if len(shape) == 3 else 2049, *shape], ">u4").tobytes()
        body = random.integers(0, 10, shape, np.uint8).tobytes()
        (tmp_path / name).write_bytes(gzip.compress(header + body))
    return tmp_path


@pytest.mark.slow
def test_a_run_on_32_pixels_trains_evaluates_and_draws(folder):
    flags = [f"data.dir={folder}", "data.side=32", "batch=20", "devices=1", "steps.train=3"]
    flags = [f"--config.{flag}" for flag in (*flags, "eval.samples=20", "eval.codes=20")]
    config = command.parse("mnist", ["--config=couae.py:tiny", *flags]).config
    workdir = folder / "run"
    results = run.train(config, workdir)
    assert results["protocol"]["data_details"] == {"side": 32, "fit": "pad"}
    assert results["metrics"]["reconstruction_error"] > 0
    assert json.loads((workdir / "model.json").read_text())["arch"]["x_shape"] == [32, 32, 1]
    for figure in ("samples", "reconstructions", "codes", "curves"):
        assert (workdir / "figures" / f"{figure}.png").is_file()
    assert coulomb_jax.load(workdir).sample(0, 2).shape == (2, 32, 32, 1)
