"""The implicit optimal prior: both objectives, the ratio it finds, and the posteriors it draws from."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from coulomb_jax import families
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import Bound, initialize
from tests.families.test_objectives import X, identity_nets, loss_of

SPREAD = np.random.default_rng(2).normal(size=X.shape) * 0.3


def encoder(x):
    return jnp.concatenate([x, jnp.asarray(SPREAD, jnp.float32)], axis=1)


def ratio(z, keep=None):
    """0.1 |z|^2 - 0.3, times the mean of the dropout factors where there are some."""
    value = 0.1 * jnp.sum(z**2, axis=1) - 0.3
    return value if keep is None else value * keep.mean(axis=1)


NETS = identity_nets(encoder=encoder, ratio=ratio)


def normal(key, shape):
    return np.asarray(jax.random.normal(key, shape), np.float64)


def test_the_bound_has_the_ratio_taken_off_the_divergence():
    z = X + np.exp(SPREAD / 2) * normal(jax.random.key(7), X.shape)
    recon = np.mean(np.sum((X - 0.9 * z) ** 2, axis=1))
    standard = np.sum(X**2 + np.exp(SPREAD) - 1 - SPREAD, axis=1) / 2
    kl = np.mean(standard - (0.1 * np.sum(z**2, axis=1) - 0.3))
    loss, metrics = loss_of("vae_iop", nets=NETS, variance=2.0, beta=0.7)
    np.testing.assert_allclose(metrics["kl"], kl, rtol=1e-4)
    np.testing.assert_allclose(loss, recon / 4.0 + 0.7 * kl, rtol=1e-4)


def test_the_ratio_tells_codes_from_the_prior_under_dropout():
    family = families.make("vae_iop", Architecture((2,), 2), dropout=0.25, ratio_hidden=(9, 5))
    loss, _ = family.stages[0].updates[1].objective(NETS, jnp.asarray(X, jnp.float32), jax.random.key(7))
    spread, prior, drop = jax.random.split(jax.random.key(7), 3)
    z, u = X + np.exp(SPREAD / 2) * normal(spread, X.shape), normal(prior, X.shape)
    keep = np.asarray(jax.random.bernoulli(drop, 0.75, (2, len(X), 5))).mean(axis=2) / 0.75
    above, below = ((0.1 * np.sum(a**2, axis=1) - 0.3) * k for a, k in zip((z, u), keep))
    expected = np.mean(np.log1p(np.exp(-above))) + np.mean(np.log1p(np.exp(below)))
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(("dropout", "tolerance"), [(0.0, 0.15), (0.5, 0.3)])
def test_the_ratio_net_finds_the_ratio_of_two_normal_laws(dropout, tolerance):
    # The tolerance is of the root mean square error, in nats; no net at all is off by about one.
    # Codes N(m, s^2) with m = (1, 0) and s = (0.6, 1.2) against N(0, I).
    mean, deviation = np.array([1.0, 0.0]), np.array([0.6, 1.2])
    arch = Architecture((2,), 2)
    family = families.make("vae_iop", arch, dropout=dropout, ratio_hidden=(32, 32))
    held = {"ratio": family.nets["ratio"]}
    params, stats = jax.jit(lambda key: initialize(held, key))(jax.random.key(0))
    optimizer = optax.adam(optax.cosine_decay_schedule(3e-3, 1500))

    def narrow(x):
        return jnp.concatenate([x, jnp.full_like(x, -60.0)], axis=1)

    def step(carry, key):
        params, opt = carry
        draw, own = jax.random.split(key)
        x = mean[None] + deviation[None] * jax.random.normal(draw, (1000, 2))

        def loss(params):
            nets = identity_nets(encoder=narrow, ratio=Bound(held, params, stats, learns=("ratio",)).ratio)
            return family.stages[0].updates[1].objective(nets, x, own)[0]

        change, opt = optimizer.update(jax.grad(loss)(params), opt)
        return (optax.apply_updates(params, change), opt), None

    keys = jax.random.split(jax.random.key(1), 1500)
    (params, _), _ = jax.jit(lambda p: jax.lax.scan(step, (p, optimizer.init(p)), keys))(params)
    rng = np.random.default_rng(0)
    z = np.concatenate([mean + deviation * rng.normal(size=(2000, 2)), rng.normal(size=(2000, 2))])
    found = np.asarray(Bound(held, params, stats).ratio(jnp.asarray(z, jnp.float32)))
    true = np.sum(z**2 / 2 - ((z - mean) / deviation) ** 2 / 2 - np.log(deviation), axis=1)
    near = true > -4.0  # beyond, one point in a hundred thousand of the codes lies, and none is seen
    assert near.mean() > 0.85
    assert true[near].std() > 0.9
    assert np.sqrt(np.mean((found - true)[near] ** 2)) < tolerance


def test_draws_are_of_the_posteriors_of_what_was_kept():
    family = families.make("vae_iop", Architecture((2,), 2), bank=40)
    _, fit = family.stages
    codes = jnp.asarray(np.random.default_rng(4).normal(size=(500, 2)) * 9.0, jnp.float32)
    kept = fit.fit(codes, jax.random.key(0))
    assert kept["mean"].shape == (40, 2)
    nets = identity_nets(
        encoder=lambda x: jnp.concatenate([0.0 * x, jnp.full_like(x, 2 * np.log(1e-3))], axis=1), codes=kept
    )
    z = np.asarray(family.draw(nets, jax.random.key(1), 3000))
    apart = np.abs(z[:, None] - np.asarray(codes)[None]).max(axis=2)
    source = apart.argmin(axis=1)
    assert apart.min(axis=1).max() < 6e-3
    assert len(np.unique(source)) in range(35, 41)  # 40 of 500 with replacement: 1.6 repeats are expected
    away = (z - np.asarray(codes)[source]) / 1e-3
    assert abs(away.std() - 1.0) < 0.05


def test_the_number_kept_does_not_depend_on_the_data():
    _, fit = families.make("vae_iop", Architecture((2,), 2), bank=7).stages
    for n in (2, 7, 100):
        kept = fit.fit(jnp.ones((n, 2)) * jnp.arange(n)[:, None], jax.random.key(0))["mean"]
        assert kept.shape == (7, 2)
        assert kept.max() < n


def test_one_move_of_the_bound_and_ten_of_the_ratio_a_round():
    elbo, tell_apart = families.make("vae_iop", Architecture((2,), 2)).stages[0].updates
    assert (elbo.name, elbo.learns, elbo.repeat) == ("elbo", ("encoder", "decoder"), 1)
    assert (tell_apart.name, tell_apart.learns, tell_apart.repeat) == ("ratio", ("ratio",), 10)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"variance": 0.0}, "variance must be positive"),
        ({"dropout": 1.0}, "dropout is a chance"),
        ({"ratio_moves": 0}, "ratio_moves and bank are at least 1, not 0 and 10000"),
    ],
)
def test_bad_numbers_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        families.make("vae_iop", Architecture((2,), 2), **options)
