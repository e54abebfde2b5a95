"""JointVAE: both divergences and their capacities in float64, and categories that are one-hot."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats

from coulomb_jax import families
from coulomb_jax.nets.architecture import Architecture
from tests.families.restated import identity_nets, losses

CATEGORIES, NORMAL = 3, 2
RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 5))
LOG_VAR, ODDS = 0.5 * RNG.normal(size=(12, NORMAL)), 2.0 * RNG.normal(size=(12, CATEGORIES))


def encoder(x):
    """The first numbers as the means; of other batches the first rows' spread and odds."""
    n = len(x)
    parts = (x[:, :NORMAL], jnp.asarray(LOG_VAR[:n], jnp.float32), jnp.asarray(ODDS[:n], jnp.float32))
    return jnp.concatenate(parts, axis=1)


def nets(**others):
    return identity_nets(encoder=encoder, decoder=lambda z: 0.9 * z, **others)


def family(**options):
    return families.make("joint_vae", Architecture((5,), 5), categories=CATEGORIES, **options)


def divergences():
    normal_kl = np.mean(np.sum(X[:, :NORMAL] ** 2 + np.exp(LOG_VAR) - 1.0 - LOG_VAR, axis=1) / 2.0)
    chances = special.softmax(ODDS, axis=1)
    category_kl = np.mean([stats.entropy(row, np.full(CATEGORIES, 1.0 / CATEGORIES)) for row in chances])
    return normal_kl, category_kl


def reconstruction(temperature, key=7):
    """The squared error at the code that the move draws with that key."""
    spread, choice = jax.random.split(jax.random.key(key))
    noise = np.asarray(jax.random.normal(spread, (12, NORMAL)), np.float64)
    gumbel = np.asarray(jax.random.gumbel(choice, (12, CATEGORIES)), np.float64)
    category = special.softmax((special.log_softmax(ODDS, axis=1) + gumbel) / temperature, axis=1)
    z = np.concatenate([X[:, :NORMAL] + np.exp(LOG_VAR / 2.0) * noise, category], axis=1)
    return np.mean(np.sum((X - 0.9 * z) ** 2, axis=1))


@pytest.mark.parametrize(
    ("step", "share"), [(0, 0.1), (4, 0.5), (9, 1.0), (500, 1.0)], ids=["first", "half", "last", "after"]
)
@pytest.mark.parametrize(("capacity", "of_category"), [(5.0, 0.8), (2.0, 10.0)])
def test_the_loss_is_the_papers_with_capacities_that_grow(step, share, capacity, of_category):
    options = {"categories": CATEGORIES, "weight": 3.0, "temperature": 0.5, "warm_up": 10, "variance": 2.0}
    options |= {"capacity": capacity, "category_capacity": of_category}
    loss, metrics = losses("joint_vae", nets(step=step), x=X, z_dim=5, **options)["elbo"]
    kl, category_kl = divergences()
    np.testing.assert_allclose(metrics["kl"], kl, rtol=1e-5)
    np.testing.assert_allclose(metrics["category_kl"], category_kl, rtol=1e-5)
    largest = min(of_category * share, np.log(CATEGORIES))
    distance = abs(capacity * share - kl) + abs(largest - category_kl)
    np.testing.assert_allclose(loss, reconstruction(0.5) / 4.0 + 3.0 * distance, rtol=1e-5)


def test_encoded_categories_are_one_hot_and_as_likely_as_their_odds():
    made, key = family(), jax.random.key(0)
    x = jnp.asarray(X[:1], jnp.float32)
    drawn = jax.vmap(lambda k: made.encode(nets(), x, k)[0])(jax.random.split(key, 20_000))
    found = np.asarray(drawn)
    np.testing.assert_array_equal(np.sort(found[:, NORMAL:], axis=1), [[0.0, 0.0, 1.0]] * 20_000)
    counts = found[:, NORMAL:].sum(axis=0)
    assert stats.chisquare(counts, 20_000 * special.softmax(ODDS[0])).pvalue > 1e-3
    np.testing.assert_allclose(found[:, :NORMAL].mean(axis=0), X[0, :NORMAL], atol=0.04)
    np.testing.assert_allclose(found[:, :NORMAL].std(axis=0), np.exp(LOG_VAR[0] / 2.0), rtol=0.03)
    likeliest = np.asarray(made.encode(nets(), jnp.asarray(X, jnp.float32), None))
    np.testing.assert_allclose(likeliest[:, :NORMAL], X[:, :NORMAL], rtol=1e-6)
    np.testing.assert_array_equal(likeliest[:, NORMAL:], np.eye(CATEGORIES)[ODDS.argmax(axis=1)])


def test_drawn_codes_are_normal_with_equally_likely_categories_that_are_their_clusters():
    made = family()
    z = np.asarray(made.draw(nets(), jax.random.key(0), 6_000))
    which = np.asarray(made.cluster(jnp.asarray(z)))
    np.testing.assert_array_equal(z[:, NORMAL:], np.eye(CATEGORIES)[which])
    assert stats.chisquare(np.bincount(which, minlength=CATEGORIES)).pvalue > 1e-3
    for axis in range(NORMAL):
        assert stats.kstest(z[:, axis], "norm").pvalue > 1e-3


def test_certain_odds_have_a_finite_loss_and_slope():
    sure = identity_nets(decoder=lambda z: 0.9 * z)
    objective = family(warm_up=0).stages[0].updates[0].objective

    def loss(scale):
        sure.encoder = lambda x: jnp.concatenate(
            [x[:, :NORMAL], jnp.zeros((12, NORMAL)), scale * jnp.eye(CATEGORIES)[jnp.arange(12) % 3]], axis=1
        )
        return objective(sure, jnp.asarray(X, jnp.float32), jax.random.key(0))[0]

    value, slope = jax.value_and_grad(loss)(1e4)
    assert np.isfinite([value, slope]).all()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"categories": 5}, "z_dim is 5 and categories 5; z_dim counts both"),
        ({"categories": 1}, "at least 2 categories"),
        ({"categories": 3, "temperature": 0.0}, "temperature must be positive"),
        ({"categories": 3, "capacity": -1.0}, "capacities at least 0"),
        ({"categories": 3, "likelihood": "logistic"}, "one of grey levels"),
    ],
)
def test_what_cannot_be_is_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        families.make("joint_vae", Architecture((5,), 5), **options)
