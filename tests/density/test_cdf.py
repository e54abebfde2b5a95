"""Kolmogorov-Smirnov and covariance distances: double loops, and 1 on draws of the prior when normalised."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from coulomb_jax.density import cdf, centres, laws

Z = np.random.default_rng(0).normal(size=(40, 3)) * [1.0, 2.0, 0.5] + [0.0, 1.0, 0.0]
LAWS = {
    "normal": laws.normal(4),
    "sphere": laws.sphere(4),
    "uniform": laws.uniform(4),
    "one_hot": laws.mixture(centres.one_hot(3, 4)),
    "separated": laws.mixture(centres.separated(5, 4, 6.0)),
}


def test_ks_compares_sorted_codes_with_steps():
    total = 0.0
    for column in Z.T:
        for i, value in enumerate(sorted(column), start=1):
            total += (stats.norm.cdf(value) - i / 40) ** 2
    found = cdf.ks(jnp.asarray(Z, jnp.float32), laws.normal(3).cdf)
    np.testing.assert_allclose(found, total / Z.size, rtol=1e-5)


def test_the_covariance_gap_is_a_mean_over_all_entries():
    covariance = laws.mixture(np.eye(2, 3)).covariance
    # Two unit vectors, half each: scatter 1/4 and -1/4 around their mean, beside the identity.
    np.testing.assert_allclose(covariance, [[1.25, -0.25, 0], [-0.25, 1.25, 0], [0, 0, 1]])
    expected = np.mean((np.cov(Z.T, bias=True) - covariance) ** 2)
    found = cdf.covariance_gap(jnp.asarray(Z, jnp.float32), covariance)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_normalising_weights_are_the_published_ones():
    # From 64 simulated batches of 100, for 10 one-hot components in 10 dimensions: 593 and 77.
    law = laws.mixture(centres.one_hot(10, 10))
    assert 1 / cdf.ks_at_prior(100) == pytest.approx(593, rel=0.02)
    gap = cdf.covariance_gap_at_prior(100, law.covariance, law.fourth)
    assert 1 / gap == pytest.approx(77, rel=0.03)


@pytest.mark.parametrize("name", LAWS)
def test_both_are_1_on_draws_of_the_prior(name):
    law, n = LAWS[name], 20
    z = jax.vmap(lambda key: law.draw(key, n))(jax.random.split(jax.random.key(1), 1000))
    ks = jax.vmap(lambda z: cdf.ks(z, law.cdf))(z) / cdf.ks_at_prior(n)
    gap = jax.vmap(lambda z: cdf.covariance_gap(z, law.covariance))(z)
    gap = gap / cdf.covariance_gap_at_prior(n, law.covariance, law.fourth)
    for values in (np.asarray(ks, np.float64), np.asarray(gap, np.float64)):
        assert abs(values.mean() - 1.0) < 4 * values.std() / len(values) ** 0.5


@pytest.mark.parametrize("name", LAWS)
def test_moments_and_marginals_are_those_of_draws(name):
    law, n = LAWS[name], 50_000
    z = np.asarray(law.draw(jax.random.key(2), n), np.float64)
    centred = z - z.mean(axis=0)
    products = {(i, j): centred[:, i] * centred[:, j] for i, j in itertools.product(range(4), repeat=2)}
    for (i, j), p in products.items():
        assert abs(p.mean() - law.covariance[i, j]) < 5 * p.std() / n**0.5
        fourth = centred[:, i] ** 2 * centred[:, j] ** 2
        assert abs(fourth.mean() - law.fourth[i, j]) < 5 * fourth.std() / n**0.5
    heights = np.asarray(law.cdf(jnp.asarray(z[:5000], jnp.float32)))
    for column in heights.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-4


def test_an_empirical_law_is_its_sample():
    y = np.random.default_rng(3).normal(size=(500, 3)) * 2.0 + 1.0
    law = laws.empirical(jnp.asarray(y, jnp.float32))
    np.testing.assert_allclose(law.covariance, np.cov(y.T, bias=True), rtol=1e-4, atol=1e-5)
    at = np.random.default_rng(4).normal(size=(100, 3)) * 2.0 + 1.0
    shares = np.stack([[np.mean(y[:, j] <= t) for t in at[:, j]] for j in range(3)], axis=1)
    np.testing.assert_allclose(law.cdf(jnp.asarray(at, jnp.float32)), shares, atol=1 / 500)


def test_divergences_are_those_of_quadrature():
    mean, log_var = jnp.array([[0.7, -0.3]]), jnp.array([[-1.0, 0.4]])
    means = np.array([[0.0, 0.0], [2.0, -1.0]])
    sd = np.exp(np.asarray(log_var[0], np.float64) / 2)
    q = stats.multivariate_normal(np.asarray(mean[0]), np.diag(sd**2))
    axes = [np.linspace(m - 9 * s, m + 9 * s, 301) for m, s in zip(np.asarray(mean[0]), sd)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    cell = np.prod([a[1] - a[0] for a in axes])
    density = np.mean([stats.multivariate_normal(m, np.eye(2)).pdf(points) for m in means], axis=0)
    exact = np.sum(q.pdf(points) * (q.logpdf(points) - np.log(density))) * cell
    noise = jax.random.normal(jax.random.key(0), (50_000, 2))
    z = mean + jnp.exp(log_var / 2) * noise
    wide = jnp.broadcast_to(log_var, z.shape)
    values = np.asarray(laws.mixture(means).divergence(z, mean, wide), np.float64)
    assert abs(values.mean() - exact) < 4 * values.std() / len(values) ** 0.5
    closed = laws.normal(2).divergence(z[:1], mean, log_var)
    same = (
        np.sum(q.pdf(points) * (q.logpdf(points) - stats.multivariate_normal([0, 0]).logpdf(points))) * cell
    )
    np.testing.assert_allclose(closed, [same], rtol=1e-5)


def test_a_line_has_no_sphere():
    with pytest.raises(ValueError, match="at least 2 dimensions, not 1"):
        laws.sphere(1)
