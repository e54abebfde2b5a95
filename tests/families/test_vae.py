"""The VAE's likelihoods and the constant-variance VAE, against scipy's densities in float64."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from coulomb_jax import families
from coulomb_jax.nets.architecture import Architecture
from experiments import files
from tests.families.restated import X, identity_nets, losses, normal

SPREAD = np.random.default_rng(2).normal(size=X.shape) * 0.3


def nets(**others):
    def encoder(x):
        return jnp.concatenate([x, jnp.asarray(SPREAD, jnp.float32)], axis=1)

    return identity_nets(encoder=encoder, **others)


def divergence(mean, deviation):
    """KL(N(mean, deviation^2) || N(0, 1)), as cross-entropy minus entropy."""
    cross = 0.5 * np.log(2.0 * np.pi) + 0.5 * (mean**2 + deviation**2)
    return np.mean(np.sum(cross - stats.norm.entropy(scale=deviation), axis=1))


Z = X + np.exp(SPREAD / 2.0) * normal(X.shape)
KL = divergence(X, np.exp(SPREAD / 2.0))


def test_a_learned_variance_is_the_normal_density_but_for_its_constant():
    log_gamma = -0.4
    found = losses("vae", nets(gamma=lambda: jnp.float32(log_gamma)), likelihood="learned", beta=0.7)
    nats = -np.sum(stats.norm.logpdf(X, 0.9 * Z, np.exp(log_gamma)), axis=1) - np.log(2.0 * np.pi)
    loss, metrics = found["elbo"]
    np.testing.assert_allclose(metrics["gamma"], np.exp(log_gamma), rtol=1e-6)
    np.testing.assert_allclose(metrics["kl"], KL, rtol=1e-5)
    np.testing.assert_allclose(loss, np.mean(nats) + 0.7 * KL, rtol=1e-5)


def test_the_best_learned_variance_is_the_mean_squared_error():
    recon = np.mean((X - 0.9 * Z) ** 2)
    at = [
        losses("vae", nets(gamma=lambda g=g: jnp.float32(g)), likelihood="learned", reduction=reduction)
        for reduction in ("sum", "mean")
        for g in 0.5 * np.log(recon) + np.array([-0.1, 0.0, 0.1])
    ]
    a, b, c, d, e, f = (found["elbo"][0] for found in at)
    assert b < min(a, c)
    assert e < min(d, f)


def test_cross_entropy_is_the_bernoulli_likelihood_of_gray_pixels():
    x = np.random.default_rng(3).uniform(size=X.shape)
    x[0] = 0.0, 1.0
    decoder = {"decoder": lambda z: 1.0 / (1.0 + jnp.exp(-z))}
    z = x + np.exp(SPREAD / 2.0) * normal(X.shape)
    y = 1.0 / (1.0 + np.exp(-z))
    # The expected log-probability of a coin of weight x under one of weight y.
    nats = -(x * stats.bernoulli.logpmf(1, y) + (1.0 - x) * stats.bernoulli.logpmf(0, y))
    for reduction, total in (("sum", 1.0), ("mean", 0.5)):
        loss, metrics = losses(
            "vae", nets(**decoder), x=x, x_range=(0.0, 1.0), likelihood="bernoulli", reduction=reduction
        )["elbo"]
        expected = total * np.mean(np.sum(nats, axis=1))
        np.testing.assert_allclose(metrics["cross_entropy"], expected, rtol=1e-5)
        np.testing.assert_allclose(loss, expected + divergence(x, np.exp(SPREAD / 2.0)), rtol=1e-5)


def test_certain_and_wrong_pixels_cost_a_finite_amount():
    certain = nets(decoder=lambda z: jnp.zeros_like(z).at[:, 0].set(1.0))
    x = np.ones_like(X)
    found = losses("vae", certain, x=x, x_range=(0.0, 1.0), likelihood="bernoulli")
    np.testing.assert_allclose(found["elbo"][1]["cross_entropy"], -np.log(1e-6), rtol=1e-4)


def test_deviations_keep_to_their_limit():
    found = losses("vae", nets(), deviation_limit=5.0, variance=0.5)
    deviation = np.exp(5.0 * np.tanh(SPREAD))
    z = X + deviation * normal(X.shape)
    loss, metrics = found["elbo"]
    np.testing.assert_allclose(metrics["kl"], divergence(X, deviation), rtol=1e-5)
    recon = np.mean(np.sum((X - 0.9 * z) ** 2, axis=1))
    np.testing.assert_allclose(loss, recon + metrics["kl"], rtol=1e-5)


def test_a_softplus_gives_the_deviation_itself():
    # log(1 + e^s) + 1e-6, dai2019; with s = -50, where it is all but 0, the divergence is finite.
    deviation = np.log1p(np.exp(SPREAD)) + 1e-6
    z = X + deviation * normal(X.shape)
    loss, metrics = losses("vae", nets(), softplus=True)["elbo"]
    np.testing.assert_allclose(metrics["kl"], divergence(X, deviation), rtol=1e-5)
    recon = np.mean(np.sum((X - 0.9 * z) ** 2, axis=1))
    np.testing.assert_allclose(loss, recon + metrics["kl"], rtol=1e-5)
    certain = identity_nets(encoder=lambda x: jnp.concatenate([x, jnp.full_like(x, -50.0)], axis=1))
    _, metrics = losses("vae", certain, softplus=True)["elbo"]
    np.testing.assert_allclose(metrics["kl"], divergence(X, np.full_like(X, 1e-6)), rtol=1e-5)


def test_only_the_learned_variance_has_a_net():
    arch = Architecture((2,), 2, x_range=(0.0, 1.0))
    for likelihood, learns in (
        ("normal", {"encoder", "decoder"}),
        ("bernoulli", {"encoder", "decoder"}),
        ("learned", {"encoder", "decoder", "gamma"}),
    ):
        family = families.make("vae", arch, likelihood=likelihood)
        (update,) = family.stages[0].updates
        assert set(update.learns) == set(family.nets) == learns


def test_cv_vae_adds_one_noise_and_pulls_the_mean():
    z = X + 0.7 * normal(X.shape)
    recon = np.mean(np.sum((X - 0.9 * z) ** 2, axis=1))
    kl = divergence(X, np.full_like(X, 0.7))
    loss, metrics = losses("cv_vae", beta=0.3)["autoencoder"]
    np.testing.assert_allclose(metrics["reconstruction"], recon, rtol=1e-5)
    np.testing.assert_allclose(metrics["kl"], kl, rtol=1e-5)
    np.testing.assert_allclose(loss, recon + 0.3 * kl, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("vae", {"likelihood": "bernouli"}, "no likelihood 'bernouli'; did you mean bernoulli"),
        ("vae", {"likelihood": "bernoulli"}, r"takes data in \[0, 1\], not in the range None"),
        ("vae", {"likelihood": "bernoulli", "x_range": (-1.0, 1.0)}, r"data\.range=\(0\.0,1\.0\)"),
        ("vae", {"deviation_limit": 0.0}, "must be positive, not 0.0; None is no limit"),
        ("vae", {"deviation_limit": 5.0, "softplus": True}, "a softplus has no limit"),
        ("cv_vae", {"sigma": 0.0}, "sigma must be positive"),
        ("cv_vae", {"beta": -1.0}, "beta at least 0"),
    ],
)
def test_wrong_options_are_refused(name, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        losses(name, **options)


@pytest.mark.parametrize(
    ("dataset", "steps", "net"),
    [
        ("mnist", 400 * 60_000 // 64, "infogan"),
        ("cifar10", 1000 * (50_000 // 64), "infogan"),
        ("celeba", 70 * (162_770 // 64), "two_stage"),
    ],
)
@pytest.mark.parametrize(
    ("preset", "family"),
    [
        ("cross_entropy", {"likelihood": "bernoulli"}),
        ("fixed", {"likelihood": "normal", "variance": 1.0}),
        ("learned", {"likelihood": "learned"}),
    ],
)
def test_presets_are_the_first_stage_of_the_two_stage_vae(dataset, steps, net, preset, family):
    config = files.read(f"vae.py:{preset}", dataset)[1]
    assert family.items() <= config.family.to_dict().items()
    assert (config.family.beta, config.family.deviation_limit) == (1.0, None)
    assert config.family.softplus == (net == "infogan")
    assert (config.arch.name, config.arch.z_dim, config.batch) == (net, 64, 64)
    assert abs(config.steps.train / steps - 1.0) < 2e-3
    adam = config.optimizers.elbo
    assert (adam.learning_rate, adam.b1, adam.factors) == (1e-4, 0.9, (0.5, 0.5))


def test_the_constant_variance_has_the_published_weights_times_the_channels():
    # ghosh2020, code: sigma 0.7; 0.039, 9e-4 and 0.01 against a squared error averaged over channels.
    for dataset, beta in (("mnist", 0.039), ("cifar10", 3 * 9e-4), ("celeba", 3 * 0.01)):
        family = files.read("cv_vae.py", dataset)[1].family
        assert (family.sigma, family.beta, family.reduction) == (0.7, pytest.approx(beta), "sum")
