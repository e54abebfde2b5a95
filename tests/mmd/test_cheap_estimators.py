"""Estimates in linear time and by blocks."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import mmd
from tests.mmd import reference
from tests.mmd.reference import cloud

mmd2 = jax.jit(
    mmd.mmd2, static_argnames=("estimator", "block_size")
)  # compiled: eager runs compile each step


@pytest.mark.parametrize(("n", "m"), [(8, 8), (9, 6), (5, 12), (2, 3)])
def test_linear_matches_a_loop_over_neighbours(n, m):
    kernel, dim, formula = reference.KERNELS["matern 3/2"]
    x, y = cloud(0, n, dim), cloud(1, m, dim, 0.5)
    within = [
        np.mean([formula(reference.squared(points[i], points[i + 1])) for i in range(0, len(points) - 1, 2)])
        for points in (x, y)
    ]
    across = [formula(reference.squared(x[i % n], y[(i + 1) % m])) for i in range(max(n, m))]
    assert float(mmd2(x, y, kernel, estimator="linear")) == pytest.approx(
        sum(within) - 2 * np.mean(across), abs=1e-6
    )


@pytest.mark.parametrize(("n", "m", "size"), [(12, 12, 4), (13, 20, 4), (20, 9, 3), (16, 25, None)])
def test_block_is_the_mean_of_unbiased_estimates(n, m, size):
    kernel, dim, formula = reference.KERNELS["gaussian"]
    x, y = cloud(0, n, dim), cloud(1, m, dim, 0.5)
    count = min(n, m) // (size or 4)  # 4 is the root of 16
    of_x, of_y = n // count, m // count
    expected = [
        reference.mmd2(formula, x[i * of_x : (i + 1) * of_x], y[i * of_y : (i + 1) * of_y])
        for i in range(count)
    ]
    value = mmd2(x, y, kernel, estimator="block", block_size=size)
    assert float(value) == pytest.approx(np.mean(expected), abs=1e-6)


@pytest.mark.parametrize("estimator", ["linear", "block"])
def test_cheap_estimators_are_unbiased_and_noisier(estimator):
    """N(0, 1) against N(1, 1), σ = 1: E k is the Gaussian density with variances 1 + 1 + 1 added."""
    repetitions, n = 4000, 36

    def both(key):
        x, y = jax.random.normal(key, (2, n, 1))
        cheap = mmd.mmd2(x, y + 1.0, mmd.gaussian(1.0), estimator=estimator)
        return cheap, mmd.mmd2(x, y + 1.0, mmd.gaussian(1.0))

    cheap, full = jax.jit(jax.vmap(both))(jax.random.split(jax.random.key(0), repetitions))
    exact = 2 / math.sqrt(3) * (1 - math.exp(-1 / 6))
    for values in (cheap, full):
        error = float(jnp.std(values)) / math.sqrt(repetitions)
        assert abs(float(jnp.mean(values)) - exact) < 4 * error
    assert float(jnp.std(cheap)) > 1.1 * float(jnp.std(full))


@pytest.mark.parametrize("estimator", ["linear", "block"])
def test_cheap_estimators_have_finite_gradients_at_coincident_points(estimator):
    x = jnp.zeros((9, 2))
    slope = jax.grad(lambda x: mmd2(x, jnp.ones((9, 2)), mmd.energy(), estimator=estimator))(x)
    assert bool(jnp.all(jnp.isfinite(slope)))
    assert float(jnp.min(slope)) < 0.0  # towards y
