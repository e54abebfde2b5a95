"""GMM-DAE: the objective in float64, and the clusters of codes."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from coulomb_jax import families
from coulomb_jax.density import centres
from coulomb_jax.nets.architecture import Architecture

X = np.random.default_rng(0).normal(size=(20, 3)) * [1.5, 1.0, 0.6]
NETS = SimpleNamespace(encoder=lambda x: x, decoder=lambda z: 0.9 * z, gather=lambda z: z)


def null(statistic, draws, n, batches=2000):
    """The mean of a statistic over simulated batches, as the authors normalise."""
    values = [statistic(draws(n)) for _ in range(batches)]
    return np.mean(values), np.std(values) / np.sqrt(batches)


def test_the_objective_is_the_papers_with_simulated_weights():
    means, random = np.eye(2, 3), np.random.default_rng(1)
    apart = means - means.mean(axis=0)
    covariance = np.eye(3) + apart.T @ apart / 2

    def ks(z):
        z = np.sort(z, axis=0)
        heights = np.mean([stats.norm.cdf(z - m) for m in means], axis=0)
        return np.mean((heights - np.arange(1, len(z) + 1)[:, None] / len(z)) ** 2)

    def gap(z):
        return np.mean((np.cov(z.T, bias=True) - covariance) ** 2)

    def draws(n):
        return means[random.integers(2, size=n)] + random.standard_normal((n, 3))

    family = families.make("gmm_dae", Architecture(x_shape=(3,), z_dim=3), components=2)
    (update,) = family.stages[0].updates
    loss, metrics = update.objective(NETS, jnp.asarray(X, jnp.float32), jax.random.key(0))
    for name, statistic in (("ks", ks), ("covariance", gap)):
        weight, error = null(statistic, draws, 20)
        expected = statistic(X) / weight
        assert abs(metrics[name] - expected) < 4 * expected * error / weight, name
    recon = np.mean((0.1 * X) ** 2)
    np.testing.assert_allclose(loss, 2000 * recon + metrics["ks"] + metrics["covariance"], rtol=1e-5)


def test_what_is_drawn_has_the_modes_and_their_clusters():
    family = families.make("gmm_dae", Architecture(x_shape=(3,), z_dim=3), components=5, distance=8.0)
    z = np.asarray(family.draw(None, jax.random.key(0), 5000))
    which = np.asarray(family.cluster(jnp.asarray(z)))
    assert stats.chisquare(np.bincount(which, minlength=5)).pvalue > 1e-3
    means = centres.separated(5, 3, 8.0)
    nearest = np.linalg.norm(z[:, None] - np.asarray(means)[None], axis=2).argmin(axis=1)
    np.testing.assert_array_equal(which, nearest)
    for k in range(5):
        np.testing.assert_allclose(z[which == k].mean(axis=0), means[k], atol=0.15)
