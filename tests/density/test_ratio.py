"""The logistic loss of a density ratio."""

import jax.numpy as jnp
import numpy as np
from scipy import optimize, stats

from coulomb_jax.density.ratio import logistic_loss


def test_no_knowledge_costs_two_bits_of_nats():
    np.testing.assert_allclose(logistic_loss(jnp.zeros(3), jnp.zeros(5)), 2 * np.log(2), rtol=1e-6)


def test_it_is_the_cross_entropy_of_telling_apart():
    rng = np.random.default_rng(0)
    above, below = rng.normal(size=9) * 3, rng.normal(size=4) * 3
    expected = -np.log(1 / (1 + np.exp(-above))).mean() - np.log(1 - 1 / (1 + np.exp(-below))).mean()
    np.testing.assert_allclose(logistic_loss(jnp.asarray(above), jnp.asarray(below)), expected, rtol=1e-5)


def test_its_minimiser_is_the_log_ratio():
    # p = N(1, 0.6^2), q = N(0, 1): ln p - ln q = -ln 0.6 - (x - 1)^2 / 0.72 + x^2 / 2, a quadratic. Points at
    # the quantiles of both laws in place of a sample: no sampling error, but tails cut at 1 / 4000.
    at = (np.arange(2000) + 0.5) / 2000
    p, q = stats.norm(1.0, 0.6), stats.norm(0.0, 1.0)
    x, y = p.ppf(at), q.ppf(at)

    def loss(c):
        return float(logistic_loss(jnp.asarray(np.polyval(c, x)), jnp.asarray(np.polyval(c, y))))

    found = optimize.minimize(
        loss, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-4, "maxiter": 900}
    )
    expected = np.array([0.5 - 1 / 0.72, 2 / 0.72, -np.log(0.6) - 1 / 0.72])
    np.testing.assert_allclose(found.x, expected, atol=0.03)


def test_huge_logits_are_finite():
    assert float(logistic_loss(jnp.full(2, -1e4), jnp.full(2, 1e4))) == 2e4
