"""The published numbers of the two-stage VAE."""

import pytest

from experiments import files
from experiments.configs import base


@pytest.mark.parametrize(
    ("dataset", "images", "epochs", "halved"),
    [
        ("mnist", 60_000, (400, 800), (150, 300)),
        ("fashion_mnist", 60_000, (400, 800), (150, 300)),
        ("cifar10", 50_000, (1000, 2000), (375, 750)),
        ("celeba", 162_770, (70, 70), (30, 30)),
    ],
)
def test_paper_is_the_authors_code(dataset, images, epochs, halved):
    # dai2019: batch 64, latent 64, Adam 1e-4 in both stages, halved every so many epochs.
    config = files.read("two_stage.py:paper", dataset)[1]
    for (stage, update), count, every in zip(
        [("train", "elbo"), ("second", "second")], epochs, halved, strict=True
    ):
        adam = config.optimizers[update]
        assert config.steps[stage] == pytest.approx(count * (images // 64), rel=2e-3)
        assert (adam.name, adam.learning_rate, adam.b1, adam.schedule) == ("adam", 1e-4, 0.9, "piecewise")
        assert adam.at == pytest.approx((every / count, 2 * every / count))
        assert adam.factors == (0.5, 0.5)
    assert (config.batch, config.arch.z_dim) == (64, 64)
    assert (config.sampler.hidden, config.sampler.gamma) == ((1024, 1024, 1024), 1.0)
    assert config.data.limit is None
    assert config.data.get("jpeg", False) == (dataset == "cifar10")
    if dataset == "celeba":
        data = config.data
        assert (data.crop, data.split, data.range) == (128, "official", (0.0, 1.0))
    assert config.arch.name == ("two_stage" if dataset == "celeba" else "infogan")


def test_resnet_is_the_other_command_of_the_authors_readme():
    # 100 epochs in both stages, halved every 40; base 32, latent 128; all else as with their other nets.
    config, other = (files.read(f"two_stage.py:{preset}", "celeba")[1] for preset in ("resnet", "paper"))
    assert (config.arch.name, config.arch.hidden) == ("residual", (32, 64, 128, 256, 512))
    assert config.arch.z_dim == 128
    for stage, update in (("train", "elbo"), ("second", "second")):
        assert config.steps[stage] == 100 * (162_770 // 64)
        adam = config.optimizers[update]
        assert (adam.learning_rate, adam.at, adam.factors) == (1e-4, (0.4, 0.8), (0.5, 0.5))
    for part in ("data", "family", "sampler", "batch"):
        assert config[part] == other[part]


@pytest.mark.parametrize(
    ("dataset", "preset"),
    [
        (dataset, preset)
        for dataset in ("grid", "digits", "mnist", "images", "celeba", "cifar10", "svhn")
        for preset in ("", ":tiny")
        if preset.removeprefix(":") in ("", *base.presets(dataset))
    ],
)
def test_the_second_stage_is_as_long_as_the_first(dataset, preset):
    config = files.read("two_stage.py" + preset, dataset)[1]
    assert config.steps.second == config.steps.train
    assert (config.family.name, config.family.likelihood) == ("vae", "learned")
    assert config.sampler.name == "second_vae"
