"""Normal log-densities against scipy."""

import jax.numpy as jnp
import numpy as np
from scipy import stats
from scipy.special import logsumexp

from coulomb_jax.density import gaussian

RNG = np.random.default_rng(0)
Z, MEAN, LOG_VAR = RNG.normal(size=(7, 3)), RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))
EACH = np.stack([stats.norm.logpdf(Z, m, np.exp(v / 2)).sum(axis=1) for m, v in zip(MEAN, LOG_VAR)])


def test_the_log_density_is_scipys():
    for mean, log_var, expected in zip(MEAN, LOG_VAR, EACH):
        ours = gaussian.log_density(jnp.asarray(Z), mean[None], log_var[None])
        np.testing.assert_allclose(ours, expected, rtol=1e-5)


def test_the_mixture_is_the_mean_of_its_components():
    ours = gaussian.log_mixture(jnp.asarray(Z), jnp.asarray(MEAN), jnp.asarray(LOG_VAR))
    np.testing.assert_allclose(ours, logsumexp(EACH, axis=0) - np.log(5), rtol=1e-5)


def test_a_mixture_a_hundred_deviations_away_is_finite():
    far = gaussian.log_mixture(jnp.full((1, 3), 100.0), jnp.zeros((2, 3)), jnp.zeros((2, 3)))
    np.testing.assert_allclose(far, -0.5 * (3e4 + 3 * np.log(2 * np.pi)), rtol=1e-6)
