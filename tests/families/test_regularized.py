"""The bridge: the families that are points of it, every pair of regularizer and prior, and refusals."""

import itertools
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import families, mmd
from coulomb_jax.density import distances
from coulomb_jax.families import regularized as module
from coulomb_jax.nets.architecture import Architecture

X = np.random.default_rng(0).normal(size=(12, 3)) * 2.0
ARCH = Architecture(x_shape=(3,), z_dim=3)
IMPOSSIBLE = {("none", "learned"), ("kl", "learned"), ("kl", "sphere"), ("kl", "uniform")}
PAIRS = list(itertools.product(module.REGULARIZERS, module.PRIORS))


def nets(encoder=lambda x: x):
    view = SimpleNamespace(
        encoder=encoder,
        decoder=lambda z: 0.9 * z,
        generator=lambda noise: 0.5 * noise + 1.0,
        critic=lambda z: jnp.tanh(z).sum(axis=1),
        gather=lambda z: z,
        share=lambda rows: rows,
        devices=1,
        step=0,
    )
    view.frozen = view
    return view


def spread(x):
    return jnp.concatenate([x, 0.3 * x - 0.5], axis=1)


def loss_of(family, move, seen=None):
    (update,) = (u for u in family.stages[0].updates if u.name == move)
    loss, metrics = update.objective(seen or nets(), jnp.asarray(X, jnp.float32), jax.random.key(7))
    return float(loss), {k: float(v) for k, v in metrics.items()}


@pytest.mark.parametrize(
    ("named", "options", "point"),
    [
        ("autoencoder", {}, {"regularizer": "none"}),
        ("couae", {}, {"regularizer": "coulomb"}),
        ("wae_mmd", {}, {"regularizer": "wae_multiscale", "weight": 10.0, "recon_scale": 0.05}),
        (
            "gmm_dae",
            {"components": 2},
            {
                "regularizer": "ks_covariance",
                "prior": "mixture",
                "components": 2,
                "distance": 0.0,
                "weight": 1.0,
                "recon_scale": 2000.0,
                "reduction": "mean",
            },
        ),
    ],
)
def test_the_named_families_are_points_of_it(named, options, point):
    one, other = families.make(named, ARCH, **options), families.make("regularized", ARCH, **point)
    (a, seen_a), (b, seen_b) = loss_of(one, "autoencoder"), loss_of(other, "autoencoder")
    np.testing.assert_allclose(a, b, rtol=1e-6)
    np.testing.assert_allclose(sorted(seen_a.values()), sorted(seen_b.values()), rtol=1e-6)
    draws = [family.draw(None, jax.random.key(3), 5) for family in (one, other)]
    np.testing.assert_array_equal(*draws)
    assert (one.cluster is None) == (other.cluster is None)
    if one.cluster is not None:
        np.testing.assert_array_equal(*(family.cluster(jnp.asarray(X)) for family in (one, other)))


def test_kl_and_the_normal_prior_are_the_vae():
    one = families.make("vae", ARCH, beta=0.7, variance=2.0)
    other = families.make("regularized", ARCH, regularizer="kl", weight=0.7, recon_scale=0.25)
    a, b = loss_of(one, "elbo", nets(spread)), loss_of(other, "autoencoder", nets(spread))
    np.testing.assert_allclose(a[0], b[0], rtol=1e-6)
    for key in (lambda: None, lambda: jax.random.key(1)):
        z = [f.encode(nets(spread), jnp.asarray(X, jnp.float32), key()) for f in (one, other)]
        np.testing.assert_array_equal(*z)


@pytest.mark.parametrize(("regularizer", "prior"), [pair for pair in PAIRS if pair not in IMPOSSIBLE])
def test_every_pair_pulls_the_codes_and_a_learned_prior(regularizer, prior):
    options = {"regularizer": regularizer, "prior": prior, "components": 2}
    family = families.make("regularized", ARCH, **options)
    seen = nets(spread if regularizer == "kl" else lambda x: x)
    loss, metrics = loss_of(family, "autoencoder", seen)
    recon = metrics.pop("reconstruction")
    assert (regularizer == "none") == (not metrics)
    np.testing.assert_allclose(loss, recon + 100.0 * sum(metrics.values()), rtol=1e-5)
    names = [u.name for u in family.stages[0].updates]
    expected = ["critic"] * (regularizer == "critic") + ["autoencoder"] + ["generator"] * (prior == "learned")
    assert names == expected
    if prior == "learned":
        np.testing.assert_allclose(loss_of(family, "generator")[0], sum(metrics.values()), rtol=1e-5)


@pytest.mark.parametrize("name", distances.NAMES)
def test_a_sampled_distance_is_that_of_the_draws(name):
    family = families.make("regularized", ARCH, regularizer=name, prior="learned")
    key, lines = jax.random.key(7), None
    if name == "sliced_energy":
        key, lines = jax.random.split(key)
    y = 0.5 * np.asarray(jax.random.normal(key, X.shape), np.float64) + 1.0
    if name == "sliced_energy":
        expected = mmd.sliced_energy(lines, jnp.asarray(X, jnp.float32), jnp.asarray(y, jnp.float32))
        np.testing.assert_allclose(loss_of(family, "generator")[0], expected, rtol=1e-5)
        return
    length2 = 6.0  # twice the dimension

    def k(a, b):
        r2 = np.sum((a - b) ** 2)
        return {
            "coulomb": r2**-0.5,
            "energy": -(r2**0.5),
            "gaussian": np.exp(-r2 / (2 * length2)),
            "inverse_multiquadratic": length2 / (length2 + r2),
            "laplacian": np.exp(-((r2 / length2) ** 0.5)),
            "matern": (1 + (3 * r2 / length2) ** 0.5) * np.exp(-((3 * r2 / length2) ** 0.5)),
            "plummer": (r2 + length2) ** -0.5,
            "rational_quadratic": 1 / (1 + r2 / (2 * length2)),
            "wae_multiscale": sum(s * 6 / (s * 6 + r2) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10)),
        }[name]

    pairs = [(i, j) for i in range(12) for j in range(12)]
    with np.errstate(divide="ignore"):
        within = [np.mean([k(a[i], a[j]) for i, j in pairs if i != j]) for a in (X, y)]
        across = np.mean([k(X[i], y[j]) for i, j in pairs])
    np.testing.assert_allclose(
        loss_of(family, "generator")[0], sum(within) - 2 * across, rtol=1e-3, atol=1e-5
    )


def test_the_critic_closes_the_gap_that_it_opens():
    family = families.make("regularized", ARCH, regularizer="critic", weight=3.0)
    y = np.asarray(jax.random.normal(jax.random.key(7), X.shape), np.float64)
    gap = np.tanh(y).sum(axis=1).mean() - np.tanh(X).sum(axis=1).mean()
    _, metrics = loss_of(family, "autoencoder")
    np.testing.assert_allclose(metrics["critic"], gap, rtol=1e-4)
    loss, seen = loss_of(family, "critic")
    np.testing.assert_allclose(loss, -seen["gap"] + 10 * seen["gradient_penalty"], rtol=1e-5)


@pytest.mark.parametrize(("regularizer", "prior"), sorted(IMPOSSIBLE))
def test_pairs_without_a_distance_are_refused(regularizer, prior):
    with pytest.raises(ValueError, match=f"{regularizer} is no distance from the prior {prior}"):
        families.make("regularized", ARCH, regularizer=regularizer, prior=prior)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"regularizer": "energie"}, "no regularizer 'energie'; did you mean energy"),
        ({"prior": "nomal"}, "no prior 'nomal'; did you mean normal"),
        ({"weight": -1.0}, "weight of coulomb is at least 0, not -1.0"),
        ({"prior": "mixture", "components": 4, "distance": 0.0}, "at most as many as the 3 latent"),
    ],
)
def test_wrong_options_are_answered_with_a_sentence(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        families.make("regularized", ARCH, **options)
