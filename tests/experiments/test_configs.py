"""Configs: what the layers merge to, the papers' numbers, and presets of one's own."""

import pytest

from coulomb_jax import data
from experiments import files
from experiments.configs import base, couae, wae_mmd


def test_every_key_that_the_design_names_is_there():
    config = couae.get_config("grid")
    for key in (
        *("seed", "batch", "repetitions", "devices", "dtype"),
        *("sampler.name", "data.name", "arch.width", "checkpoint.every", "checkpoint.keep"),
    ):
        node = config
        for part in key.split("."):
            assert part in node, key
            node = node[part]
    assert set(config.steps) == {"train"}
    assert set(config.optimizers) == {"autoencoder"}
    assert set(files.read("vae.py", "grid")[1].optimizers) == {"elbo"}
    assert "dir" in files.read("couae.py", "mnist")[1].data


def test_the_paper_preset_of_the_grid_is_the_paper_to_the_step():
    # sansone2019 section 4: h = 2, 128-128 at both sides, Adam 1e-3, 3e6 iterations, lambda 100,
    # ten repetitions, the prior sampled.
    for name, family in (("couae.py", "couae"), ("wae_mmd.py", "wae_mmd"), ("vae.py", "vae")):
        config = files.read(f"{name}:paper", "grid")[1]
        (optimizer,) = config.optimizers.values()
        assert config.family.name == family
        assert config.steps.train == 3_000_000
        assert config.repetitions == 10
        assert (optimizer.name, optimizer.learning_rate, optimizer.schedule) == ("adam", 1e-3, "constant")
        assert (config.arch.z_dim, config.arch.hidden, config.arch.x_scale) == (2, (128, 128), 1.0)
    config = couae.get_config("grid:paper")
    assert (config.family.weight, config.family.prior, config.family.reduction) == (100.0, "sampled", "sum")
    assert config.data.to_dict() == {"name": "grid"} | data.options("grid")


def test_the_paper_preset_of_mnist_has_the_published_weights():
    # tolstikhin2018, authors' code: latent 8, lambda 10, 0.05 x sum, Adam 1e-3 with beta1 0.5, 100 epochs.
    config = wae_mmd.get_config("mnist:paper")
    assert (config.arch.name, config.arch.z_dim, config.batch) == ("dcgan", 8, 100)
    assert (config.family.weight, config.family.recon_scale, config.family.sigma2) == (10.0, 0.05, 1.0)
    assert config.steps.train == 100 * 60_000 // config.batch
    assert (config.optimizers.autoencoder.learning_rate, config.optimizers.autoencoder.b1) == (1e-3, 0.5)


@pytest.mark.parametrize("name", files.names())
@pytest.mark.parametrize("dataset", data.names())
def test_every_config_has_every_setting(name, dataset):
    for preset in ("", *base.presets(dataset)):
        run, config = files.read(f"{name}:{preset}" if preset else name, dataset)
        assert run == name.removesuffix(".py") + (f"-{preset}" if preset else "")
        assert config.data.name == dataset
    assert "tiny" in base.presets(dataset)


def test_a_familys_table_comes_after_the_common_one_at_each_layer():
    table = {
        "": {"seed": 5, "batch": 7},
        "grid": {"batch": 8},
        "grid:mine": {"steps": 11, "optimizer.learning_rate": 0.5},
        ":any": {"eval.samples": 3},
    }
    plain = base.get("grid", "couae", table)
    assert (plain.seed, plain.batch) == (5, 8)
    mine = base.get("grid:mine", "couae", table)
    assert mine.steps.train == 11
    assert mine.optimizers.autoencoder.learning_rate == 0.5
    assert base.get("digits:any", "couae", table).eval.samples == 3
    assert base.presets("grid", table) == ["any", "mine", "paper", "tiny"]
    with pytest.raises(ValueError, match="no preset of grid 'min'; did you mean mine"):
        base.get("grid:min", "couae", table)


def test_a_mistyped_key_of_a_table_is_refused():
    with pytest.raises(ValueError, match=r"did you mean family\.weight"):
        base.get("grid", "couae", {"": {"family.wieght": 3.0}})


def test_ones_own_file_comes_before_the_packages(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "couae.py").write_text("def get_config(setting):\n    return setting\n")
    assert files.read("couae.py:x", "grid") == ("couae-x", "grid:x")
    (tmp_path / "empty.py").write_text("")
    with pytest.raises(ValueError, match="defines get_config"):
        files.read("empty.py", "grid")
