"""The VampPrior: its objective, its divergence by Monte Carlo, and what it draws."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from coulomb_jax import families
from coulomb_jax.nets.architecture import Architecture
from tests.families.test_objectives import X, identity_nets, loss_of, prior_sample

PSEUDO = np.random.default_rng(5).normal(size=(4, 2)) * 3.0


def log_var(x, xp=np):
    """A log-variance that depends on the data, within the published bounds."""
    return -1.0 + 0.5 * xp.sin(x)


def encoder(x):
    return jnp.concatenate([x, log_var(x, jnp)], axis=1)


NETS = identity_nets(encoder=encoder, pseudo=lambda: jnp.asarray(PSEUDO, jnp.float32))


def log_normal(z, mean, log_var):
    return stats.norm.logpdf(z, mean, np.exp(log_var / 2)).sum(axis=-1)


def log_prior(z):
    """The mixture's log-density, in float64."""
    each = [log_normal(z, u, log_var(u)) for u in PSEUDO]
    return logsumexp(each, axis=0) - np.log(len(PSEUDO))


def test_the_loss_is_minus_the_evidence_bound_under_the_mixture():
    z = X + np.exp(log_var(X) / 2) * prior_sample(X.shape)
    kl = np.mean(log_normal(z, X, log_var(X)) - log_prior(z))
    recon = np.mean(np.sum((X - 0.9 * z) ** 2, axis=1))
    loss, metrics = loss_of("vamp_vae", nets=NETS, pseudo_inputs=4, variance=2.0, beta=0.7)
    np.testing.assert_allclose(metrics["kl"], kl, rtol=1e-4)
    np.testing.assert_allclose(loss, recon / 4.0 + 0.7 * kl, rtol=1e-4)


def test_its_divergence_is_an_independent_monte_carlo_estimate():
    rng = np.random.default_rng(6)
    z = X[None] + np.exp(log_var(X) / 2)[None] * rng.normal(size=(20_000, *X.shape))
    theirs = np.mean(log_normal(z, X, log_var(X)) - log_prior(z), axis=1)  # one value a draw of the batch
    objective = (
        families.make("vamp_vae", Architecture((2,), 2), pseudo_inputs=4).stages[0].updates[0].objective
    )
    keys = jax.random.split(jax.random.key(0), 4_000)
    ours = jax.vmap(lambda key: objective(NETS, jnp.asarray(X, jnp.float32), key)[1]["kl"])(keys)
    error = np.hypot(theirs.std() / np.sqrt(len(theirs)), np.std(ours) / np.sqrt(len(ours)))
    assert error < 0.02
    assert abs(theirs.mean() - np.mean(ours)) < 4 * error


def test_the_divergence_warms_up_with_the_rounds():
    x = jnp.asarray(X, jnp.float32)
    made = families.make("vamp_vae", Architecture((2,), 2), pseudo_inputs=4, warm_up=10, beta=2.0)
    objective = made.stages[0].updates[0].objective
    for step, factor in ((0, 0.2), (4, 1.0), (9, 2.0), (500, 2.0)):
        NETS.step = step
        loss, metrics = objective(NETS, x, jax.random.key(7))
        np.testing.assert_allclose(loss, metrics["reconstruction"] + factor * metrics["kl"], rtol=1e-5)
    NETS.step = 0


def test_log_variances_are_clipped_to_the_published_bounds():
    wild = identity_nets(
        encoder=lambda x: jnp.concatenate([x, jnp.where(x > 0, 50.0, -50.0)], axis=1), pseudo=NETS.pseudo
    )
    clipped = np.where(X > 0, 2.0, -6.0)
    z = X + np.exp(clipped / 2) * prior_sample(X.shape)
    recon = np.mean(np.sum((X - 0.9 * z) ** 2, axis=1))
    _, metrics = loss_of("vamp_vae", nets=wild, pseudo_inputs=4)
    np.testing.assert_allclose(metrics["reconstruction"], recon, rtol=1e-4)


def test_draws_are_of_the_posteriors_of_the_pseudo_inputs_in_equal_parts():
    family = families.make("vamp_vae", Architecture((2,), 2), pseudo_inputs=4)
    z = np.asarray(family.draw(NETS, jax.random.key(0), 20_000), np.float64)
    # The probability integral transform of each coordinate under the mixture is uniform.
    for axis in range(2):
        cdf = np.mean([stats.norm.cdf(z[:, axis], u[axis], np.exp(log_var(u)[axis] / 2)) for u in PSEUDO], 0)
        assert stats.kstest(cdf, "uniform").pvalue > 1e-3
    # The average log-density is minus the mixture's entropy, by a sample of numpy's.
    rng = np.random.default_rng(7)
    u = PSEUDO[rng.integers(0, 4, 20_000)]
    other = log_prior(u + np.exp(log_var(u) / 2) * rng.normal(size=u.shape))
    ours = log_prior(z)
    assert abs(ours.mean() - other.mean()) < 4 * np.hypot(ours.std(), other.std()) / np.sqrt(20_000)


def test_all_three_nets_learn_in_one_move():
    family = families.make("vamp_vae", Architecture((2,), 2))
    (stage,) = family.stages
    (update,) = stage.updates
    assert update.learns == ("encoder", "decoder", "pseudo")
    assert family.nets["pseudo"].takes is None
    assert family.nets["pseudo"].module.rows == 500


@pytest.mark.parametrize(
    ("options", "sentence"),
    [({"variance": 0.0}, "variance must be positive"), ({"pseudo_inputs": 0}, "at least 1 pseudo-input")],
)
def test_bad_numbers_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        families.make("vamp_vae", Architecture((2,), 2), **options)
