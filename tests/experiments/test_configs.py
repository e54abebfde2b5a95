"""Configs: what the layers merge to, the papers' numbers, and presets of one's own."""

import json

import jax.numpy as jnp
import pytest

from coulomb_jax import data, families
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.train import optimizers
from experiments import command, files, run
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
        optimizer = config.optimizers["elbo" if family == "vae" else "autoencoder"]
        assert not config.family.get("pretrain")
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


def test_the_celeba_setting_is_the_papers():
    # sansone2019: WAE's nets and data, 1e5 iterations, Adam 5e-5, lambda 100, 1 / r^2, a plain sum.
    config = couae.get_config("celeba")
    assert config.steps.train == 100_000
    assert (config.batch, config.arch.name, config.arch.z_dim, config.arch.width) == (100, "dcgan", 64, 1.0)
    family = config.family
    assert (family.weight, family.beta, family.recon_scale, family.reduction) == (100.0, 2.0, 1.0, "sum")
    adam = config.optimizers.autoencoder
    assert (adam.name, adam.learning_rate, adam.schedule, adam.b1) == ("adam", 5e-5, "constant", 0.9)
    assert (config.data.crop, config.data.size, config.data.range) == (140, 64, (-1.0, 1.0))
    assert couae.get_config("celeba:wae_sum").family.recon_scale == 0.05


def test_wae_on_celeba_is_its_code_and_its_paper():
    # tolstikhin2018, code: lambda 100, 0.05 x sum, beta1 0.5, 5e-4 down by 100 over 50 epochs of 1,826 steps.
    config = wae_mmd.get_config("celeba")
    assert (config.family.weight, config.family.recon_scale, config.family.sigma2) == (100.0, 0.05, 1.0)
    adam = config.optimizers.autoencoder
    by_step = optimizers.rate(adam.schedule, adam.learning_rate, config.steps.train, final=adam.final)
    assert adam.b1 == 0.5
    assert by_step(0) == pytest.approx(5e-4)
    assert by_step(50 * 1826) == pytest.approx(5e-6, rel=0.02)
    # The paper's schedule: 1e-3, half of it from epoch 30, a tenth from epoch 50; on its own random split.
    # Its encoder is brought to the prior's moments by up to 200 moves at a constant rate, and sees noise.
    assert (config.family.pretrain, config.family.jitter, config.steps.pretrain) == (True, 0.01, 200)
    assert config.optimizers.pretrain.schedule == "constant"
    config = wae_mmd.get_config("celeba:paper")
    adam = config.optimizers.autoencoder
    by_step = optimizers.rate(
        adam.schedule, adam.learning_rate, config.steps.train, at=adam.at, factors=adam.factors
    )
    rates = [by_step(epoch * 1826) for epoch in (29, 31, 49, 51)]
    assert rates == pytest.approx([1e-3, 5e-4, 5e-4, 1e-4])
    assert config.data.split == "wae"
    # Its prior has variance 2, and the kernels C = 2 * 64 * 2 * s: at r^2 = 256 they are s / (1 + s).
    arch = Architecture((64, 64, 3), config.arch.z_dim)
    kernel = families.make("wae_mmd", arch, sigma2=config.family.sigma2).mmd_loss.kernel
    expected = sum(s / (1.0 + s) for s in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0))
    assert float(kernel(jnp.float32(256.0))) == pytest.approx(expected, rel=1e-6)
    assert wae_mmd.get_config("celeba:plain_sum").family.recon_scale == 1.0


@pytest.mark.parametrize(("dataset", "z_dim", "images"), [("cifar10", 128, 50_000), ("svhn", 32, 73_257)])
def test_small_pictures_follow_the_rae(dataset, z_dim, images):
    config = files.read("autoencoder.py", dataset)[1]
    assert (config.arch.name, config.arch.z_dim, config.batch) == ("rae", z_dim, 100)
    assert config.optimizers.autoencoder.learning_rate == 5e-4
    assert config.steps.train == 100 * (images // 100)
    # ghosh2020 weighs its KL by 0.024 against the error summed over pixels, averaged over three channels.
    for name, beta in (("vae.py", 1.0), ("beta_vae.py", 0.2)):
        family = files.read(name, dataset)[1].family
        assert family.beta == beta
        assert 1.0 / (2.0 * family.variance) == pytest.approx((1.0 / 3.0) / 0.024)


@pytest.mark.parametrize("name", files.names())
@pytest.mark.parametrize("preset", ["standin", "tiny"])
def test_presets_that_need_no_faces_use_the_stand_in(name, preset):
    config = files.read(f"{name}:{preset}", "celeba")[1]
    assert config.data.source == "standin"
    assert config.arch.width <= 0.25
    rounds = {stage: n for stage, n in config.steps.items() if stage != "pretrain"}
    assert rounds == dict.fromkeys(rounds, 1000 if preset == "standin" else 30)


def test_mask_aae_on_mnist_is_the_authors_script():
    # MaskAAE_MNIST.py: four layers of 1024, batch 64, 500,000 steps, RMSProp at 1e-4 and five times that; its
    # capacity of 64 is that of the slides.
    config = files.read("mask_aae.py:paper", "mnist")[1]
    assert (config.batch, config.steps.train, config.arch.z_dim) == (64, 500_000, 64)
    assert config.arch.hidden == config.family.critic == (1024,) * 4
    assert (config.family.likelihood, config.family.reduction) == ("cross_entropy", "mean")
    family = config.family
    assert (family.critic_moves, family.gradient_penalty, family.spread, family.fidelity) == (
        5,
        10,
        100,
        1000,
    )
    rates = {move: (o.learning_rate, o.b1, o.schedule) for move, o in config.optimizers.items()}
    assert rates == {
        "autoencoder": (5e-4, 0.0, "constant"),
        "critic": (1e-4, 0.0, "constant"),
        "encoder": (1e-4, 0.0, "constant"),
        "mask": (5e-4, 0.0, "constant"),
    }


def test_flex_ae_on_mnist_is_the_authors_script():
    # FlexAESR.py: batch 128, 130,001 steps, latent 32, nets of 1024, rates in units of 1e-4.
    config = files.read("flex_ae.py:paper", "mnist")[1]
    assert (config.batch, config.steps.train, config.arch.z_dim) == (128, 130_001, 32)
    assert config.family.generator == config.family.critic == (1024,) * 4
    assert (config.family.critic_moves, config.family.reduction, config.family.smoothing) == (5, "sum", False)
    adam = {move: (o.learning_rate, o.b1, o.b2) for move, o in config.optimizers.items()}
    assert adam == {
        "autoencoder": (2e-4, 0.9, 0.999),
        "critic": (1e-4, 0.0, 0.9),
        "picture_critic": (2e-4, 0.5, 0.9),
        "smoothing": (2e-4, 0.5, 0.9),
        "generator": (2e-4, 0.0, 0.9),
        "encoder": (pytest.approx(1e-5), 0.0, 0.9),
    }
    assert files.read("flex_ae.py:smoothing", "mnist")[1].family.smoothing


def test_gmm_dae_is_the_authors_table():
    # config.ini: d / K of 10 / 10 for 28 pixels, 64 / 20 for faces; 2e-4 constant, 2e-3 down every 7 epochs.
    config = files.read("gmm_dae.py:paper", "mnist")[1]
    assert (config.arch.z_dim, config.family.components, config.family.distance) == (10, 10, 0.0)
    assert config.arch.name == "gmm_dae"
    assert (config.family.recon_scale, config.family.reduction, config.batch) == (2000.0, "mean", 100)
    adam = config.optimizers.autoencoder
    assert (adam.learning_rate, adam.schedule, config.steps.train) == (2e-4, "constant", 60_000)
    config = files.read("gmm_dae.py", "celeba")[1]
    assert (config.arch.z_dim, config.family.components, config.data.crop) == (64, 20, 140)
    assert config.arch.name == "gmm_dae"
    adam = config.optimizers.autoencoder
    by_step = optimizers.rate(
        adam.schedule, adam.learning_rate, config.steps.train, at=adam.at, factors=adam.factors
    )
    rates = [by_step(epoch * 1627) for epoch in (6.9, 7.1, 14.1, 21.1)]
    assert rates == pytest.approx([2e-3, 2e-4, 2e-5, 2e-6])


@pytest.mark.parametrize("preset", ["kl", "critic", "ks_covariance", "learned"])
def test_the_bridge_has_a_preset_for_each_kind_of_regularizer(preset):
    config = files.read(f"regularized.py:{preset}", "digits")[1]
    assert config.family.regularizer == preset.replace("learned", "energy")
    assert config.family.prior == ("learned" if preset == "learned" else "normal")
    assert set(config.optimizers) == {"autoencoder", "critic", "generator"}


def test_a_sampler_brings_its_options_and_the_steps_and_optimizer_of_its_stage():
    flags = ["--config=couae.py:tiny", "--config.sampler.name=flow", "--config.sampler.blocks=3"]
    config = command.parse("digits", [*flags, "--config.optimizers.flow.learning_rate=0.1"]).config
    assert config.sampler.to_dict() == {"name": "flow", "blocks": 3, "hidden": (128, 128, 128)}
    assert config.steps.to_dict() == {"train": 60, "flow": 60}
    assert config.optimizers.flow.learning_rate == 0.1
    with pytest.raises(ValueError, match="did you mean flow"):
        command.parse("digits", ["--config=couae.py", "--config.sampler.name=flwo"])


@pytest.mark.slow
def test_a_sampler_that_is_trained_is_a_stage_of_the_run(tmp_path):
    flags = ["--config=couae.py:tiny", "--config.sampler.name=flow", "--config.dispatch=5"]
    config = command.parse("digits", [*flags, "--config.devices=1"]).config
    results = run.train(config, tmp_path / "run")
    assert results["step"] == 60 + 1 + 60  # a Fit is one step
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    nats = [line["flow/loss"] for line in lines if "flow/loss" in line]
    assert nats[-1] < nats[0]
