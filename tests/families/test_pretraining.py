"""The first stage of a Wasserstein autoencoder, and the noise on what its encoder sees."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import families
from coulomb_jax.families import terms
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import Bound
from coulomb_jax.train import optimizers
from coulomb_jax.train.loop import Plan, train
from tests.families.restated import X, identity_nets, losses, normal

ARCH = Architecture(x_shape=(2,), z_dim=2, hidden=(16,))


def gap(z, y):
    means = np.mean((z.mean(0) - y.mean(0)) ** 2)
    return means + np.mean((np.cov(z.T) - np.cov(y.T)) ** 2)


def test_the_gap_is_that_of_means_and_covariances():
    random = np.random.default_rng(0)
    z, y = 2.0 * random.normal(size=(50, 3)) + 1.0, random.normal(size=(40, 3))
    found = terms.moments_gap(jnp.asarray(z, jnp.float32), jnp.asarray(y, jnp.float32))
    np.testing.assert_allclose(found, gap(z, y), rtol=1e-5)


@pytest.mark.parametrize(("name", "sigma2"), [("wae_mmd", 1.0), ("wae_gan", 2.0)])
def test_the_stage_before_the_others_moves_the_encoder_alone_towards_draws_of_the_prior(name, sigma2):
    first, then = families.make(name, ARCH, pretrain=True).stages
    assert (first.name, first.until, then.name) == ("pretrain", ("pretrain/loss", 0.1), "train")
    assert [u.learns for u in first.updates] == [("encoder",)]
    (loss,) = losses(name, pretrain=True, sigma2=sigma2).values()
    np.testing.assert_allclose(loss[0], gap(X, sigma2**0.5 * normal(X.shape)), rtol=1e-5)


def test_codes_have_the_priors_moments_when_it_ends():
    data = np.random.default_rng(0).normal(size=(2000, 2)).astype(np.float32) * 3.0 + 5.0
    family = families.make("wae_mmd", ARCH, pretrain=True)
    family = family._replace(stages=family.stages[:1])
    adam = {"pretrain": optimizers.make("adam", 1e-2, 200)}
    seen = []

    def codes(state, step):
        seen.append(family.encode(Bound(family.nets, state.params, state.stats), data, None))
        return {}

    state = train(
        family,
        adam,
        data,
        Plan({"pretrain": 500}, 200, [0], 1, 1000, 1),
        check=codes,
        devices=jax.local_devices()[:1],
    )
    assert len(seen) < 500  # it ended by itself
    assert state.step == 500
    prior = np.random.default_rng(1).normal(size=(5000, 2))
    assert gap(np.float64(seen[0]), prior) > 0.3
    assert gap(np.float64(seen[-1]), prior) < 0.15


@pytest.mark.parametrize("name", ["wae_mmd", "wae_gan"])
def test_jitter_moves_what_the_encoder_sees_and_not_what_is_rebuilt(name):
    critic = {"critic": lambda z: jnp.zeros(z.shape[0])}
    seen = []

    def encoder(x):
        seen.append(np.asarray(x))
        return x

    found = losses(name, identity_nets(encoder=encoder, **critic), jitter=0.5)["autoencoder"]
    noise = (seen[-1] - X) / 0.5
    assert 0.5 < noise.std() < 1.0
    assert np.abs(noise).max() <= 2.0 + 1e-5
    recon = np.mean(np.sum((X - 0.9 * seen[-1]) ** 2, axis=1))
    np.testing.assert_allclose(found[1]["reconstruction"], recon, rtol=1e-4)


def test_jitter_is_a_normal_law_cut_off_at_two_deviations():
    x = jnp.zeros((100_000, 1))
    drawn = np.asarray(terms.jittered(identity_nets(), jax.random.key(0), x, 3.0))
    # Variance of a standard normal law between -2 and 2: 1 - 4 phi(2) / (2 Phi(2) - 1).
    assert drawn.std() == pytest.approx(3.0 * np.sqrt(0.7737413), rel=0.01)
    assert terms.jittered(identity_nets(), jax.random.key(0), x, 0.0) is x
