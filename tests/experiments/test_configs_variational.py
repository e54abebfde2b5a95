"""The published numbers of the VAEs with other priors."""

import pytest

from experiments import files


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
def test_vamp_paper_is_the_authors_code(dataset):
    # tomczak2018: K = 500 at N(-0.05, 0.01^2), layers of 300, latent 40, log-variance in [-6, 2], Adam 5e-4,
    # batch 100, 2000 epochs of 500 steps, 100 of them warm-up.
    config = files.read("vamp_vae.py:paper", dataset)[1]
    family, adam = config.family, config.optimizers.elbo
    assert (family.pseudo_inputs, family.start_mean, family.start_deviation) == (500, -0.05, 0.01)
    assert (family.least_log_var, family.largest_log_var) == (-6.0, 2.0)
    assert (family.warm_up, config.steps.train) == (100 * 500, 2000 * 500)
    # Gated layers, He's initial weights, and a discretised logistic law of grey levels.
    assert (config.arch.name, config.arch.hidden, config.arch.z_dim) == ("mlp", (300, 300), 40)
    assert (config.arch.activation, config.arch.gain) == ("glu", pytest.approx(2**0.5))
    assert family.likelihood == files.read("vamp_vae.py:logistic", dataset)[1].family.likelihood == "logistic"
    assert (adam.name, adam.learning_rate, adam.schedule, adam.b1) == ("adam", 5e-4, "constant", 0.9)
    assert config.batch == 100


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
def test_iop_paper_is_the_authors_code(dataset):
    # takahashi2019: three tanh layers of 500 everywhere, latent 40, dropout 0.5 before the ratio's last,
    # ten ratio moves to one, Adam 1e-4 and 1e-3, 1000 epochs of 500 steps, 100 of them warm-up.
    config = files.read("vae_iop.py:paper", dataset)[1]
    family = config.family
    assert family.likelihood == "bernoulli"
    assert files.read("vae_iop.py:diagonal", dataset)[1].family.likelihood == "diagonal"
    assert (config.arch.hidden, config.arch.activation, config.arch.z_dim) == ((500,) * 3, "tanh", 40)
    assert (family.ratio_hidden, family.dropout, family.ratio_moves) == ((500,) * 3, 0.5, 10)
    assert (family.warm_up, config.steps.train, config.batch) == (100 * 500, 1000 * 500, 100)
    rates = {name: (o.learning_rate, o.schedule) for name, o in config.optimizers.items()}
    assert rates == {"elbo": (1e-4, "constant"), "ratio": (1e-3, "constant")}


@pytest.mark.parametrize(
    ("dataset", "weight", "of_category", "rounds"),
    [("mnist", 30, 5, 25_000), ("fashion_mnist", 100, 10, 50_000)],
)
def test_joint_paper_is_the_authors_code(dataset, weight, of_category, rounds):
    # dupont2018: 32 pixels, ten numbers and ten categories, temperature 0.67, Adam 5e-4, 100 epochs of 64.
    config = files.read("joint_vae.py:paper", dataset)[1]
    family, adam = config.family, config.optimizers.elbo
    assert (config.data.side, config.data.fit, config.arch.name) == (32, "resize", "joint_vae")
    assert (config.arch.z_dim, family.categories, family.temperature) == (20, 10, 0.67)
    assert (family.weight, family.capacity, family.category_capacity) == (weight, 5, of_category)
    assert (family.warm_up, family.likelihood, family.reduction) == (rounds, "bernoulli", "sum")
    assert config.steps.train == 100 * -(-60_000 // 64)
    assert (adam.learning_rate, adam.schedule, config.batch) == (5e-4, "constant", 64)


def test_the_flows_presets_are_one_the_other_and_both():
    blocks = {}
    for preset in ("", ":prior", ":both"):
        family = files.read("vae_flow.py" + preset, "mnist")[1].family
        blocks[preset] = (family.posterior_blocks, family.prior_blocks)
        assert family.flow_hidden == (128, 128, 128)
    assert blocks == {"": (2, 0), ":prior": (0, 2), ":both": (2, 2)}


@pytest.mark.parametrize(
    "dataset", ["grid", "digits", "mnist", "fashion_mnist", "images", "celeba", "cifar10"]
)
@pytest.mark.parametrize("name", ["vamp_vae.py", "vae_iop.py"])
def test_the_warm_up_ends_in_the_first_quarter(name, dataset):
    config = files.read(name, dataset)[1]
    assert 0 < config.family.warm_up <= config.steps.train / 4


def test_inj_flow_with_a_mixture_is_the_same_autoencoder():
    plain, mixture = (files.read("inj_flow.py" + preset, "celeba")[1] for preset in ("", ":gmm"))
    assert mixture.sampler.name == "gmm"
    assert mixture.family == plain.family
    assert mixture.arch == plain.arch
