"""Flows in the VAE: with affine maps everything is normal and known in closed form."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import families
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import Bound, initialize
from tests.families.test_objectives import X, identity_nets, loss_of, prior_sample

SPREAD = np.random.default_rng(2).normal(size=X.shape) * 0.3
H = np.random.default_rng(3).normal(size=(len(X), 2))


def encoder(x):
    return jnp.concatenate([x, jnp.asarray(SPREAD, jnp.float32), jnp.asarray(H, jnp.float32)], axis=1)


def posterior(inputs):
    """z' = 2 z + h."""
    return 2.0 * inputs[:, :2] + inputs[:, 2:], jnp.full(len(inputs), 2 * np.log(2.0))


def prior(z, inverse=False):
    """u = (z - 1) / 3."""
    if inverse:
        return 3.0 * z + 1.0, jnp.full(len(z), 2 * np.log(3.0))
    return (z - 1.0) / 3.0, jnp.full(len(z), -2 * np.log(3.0))


FORMS = {"posterior": (2, 0), "prior": (0, 2), "both": (2, 2), "neither": (0, 0)}


def nets_of(form):
    context, _ = FORMS[form]
    plain = identity_nets(encoder=encoder if context else lambda x: encoder(x)[:, :4])
    plain.posterior, plain.prior = posterior, prior
    return plain


def options(form):
    return {"posterior_blocks": FORMS[form][0], "prior_blocks": FORMS[form][1], "context": 2}


def laws(form):
    """Mean and variance of q(z|x), and of p(z): by hand from the two affine maps."""
    mean, variance, center, width = X, np.exp(SPREAD), 0.0, 1.0
    if FORMS[form][0]:
        mean, variance = 2 * X + H, 4 * variance
    if FORMS[form][1]:
        center, width = 1.0, 9.0
    return mean, variance, center, width


@pytest.mark.parametrize("form", FORMS)
def test_the_loss_is_minus_the_evidence_bound_at_the_drawn_code(form):
    mean, variance, center, width = laws(form)
    noise = prior_sample(X.shape)
    z = mean + np.sqrt(variance) * noise
    log_q = -0.5 * np.sum(noise**2 + np.log(variance), axis=1)
    log_p = -0.5 * np.sum((z - center) ** 2 / width + np.log(width), axis=1)
    recon = np.mean(np.sum((X - 0.9 * z) ** 2, axis=1))
    kl = np.mean(log_q - log_p)
    loss, metrics = loss_of("vae_flow", nets=nets_of(form), variance=2.0, beta=0.7, **options(form))
    np.testing.assert_allclose(metrics["kl"], kl, rtol=1e-4)
    np.testing.assert_allclose(loss, recon / 4.0 + 0.7 * kl, rtol=1e-4)


@pytest.mark.parametrize("form", FORMS)
def test_the_mean_of_the_divergence_is_the_closed_one(form):
    mean, variance, center, width = laws(form)
    ratio = variance / width
    closed = np.mean(np.sum((mean - center) ** 2 / width + ratio - 1 - np.log(ratio), axis=1) / 2)
    family = families.make("vae_flow", Architecture((2,), 2), **options(form))
    objective, nets = family.stages[0].updates[0].objective, nets_of(form)
    keys = jax.random.split(jax.random.key(0), 4_000)
    ours = jax.vmap(lambda key: objective(nets, jnp.asarray(X, jnp.float32), key)[1]["kl"])(keys)
    error = np.std(ours) / np.sqrt(len(ours))
    assert error < 0.06
    assert abs(np.mean(ours) - closed) < 4 * error


@pytest.mark.parametrize("form", FORMS)
def test_draws_are_of_the_prior_and_codes_of_the_posterior(form):
    mean, _, center, width = laws(form)
    family = families.make("vae_flow", Architecture((2,), 2), **options(form))
    z = np.asarray(family.draw(nets_of(form), jax.random.key(0), 40_000))
    np.testing.assert_allclose(z.mean(axis=0), center, atol=5 * np.sqrt(width / 40_000))
    np.testing.assert_allclose(z.var(axis=0), width, rtol=0.05)
    codes = family.encode(nets_of(form), jnp.asarray(X, jnp.float32), None)
    np.testing.assert_allclose(codes, mean, rtol=1e-5)


def test_what_is_drawn_maps_back_to_the_noise():
    family = families.make("vae_flow", Architecture((2,), 5), prior_blocks=2, flow_hidden=(16, 16))
    params, stats = jax.jit(lambda key: initialize(family.nets, key))(jax.random.key(0))
    params["prior"] = jax.tree.map(
        lambda a: a + 0.2 * np.random.default_rng(0).normal(size=a.shape).astype(np.float32), params["prior"]
    )
    nets = Bound(family.nets, params, stats)
    z = jax.jit(lambda key: family.draw(nets, key, 50))(jax.random.key(1))
    u, _ = jax.jit(nets.prior)(z)
    np.testing.assert_allclose(u, jax.random.normal(jax.random.key(1), (50, 5)), atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_there_are_no_nets_but_those_that_learn(form):
    family = families.make("vae_flow", Architecture((2,), 2), **options(form))
    (update,) = family.stages[0].updates
    flows = [name for name, blocks in zip(("posterior", "prior"), FORMS[form]) if blocks]
    assert update.learns == tuple(family.nets) == ("encoder", "decoder", *flows)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"variance": 0.0}, "variance must be positive"),
        ({"prior_blocks": -1}, "at least 0, not 2, -1 and 16"),
    ],
)
def test_bad_numbers_are_refused(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        families.make("vae_flow", Architecture((2,), 2), **wrong)
