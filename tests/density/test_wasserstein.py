"""The gradient penalty against finite differences, value and gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax.density.wasserstein import gradient_penalty

RANDOM = np.random.default_rng(0)
W, V = RANDOM.normal(size=(6, 16)) * 0.5, RANDOM.normal(size=16)
X, Y = RANDOM.normal(size=(2, 5, 2, 3))
MIX = RANDOM.uniform(size=5)


def critic(w, points, module=np):
    return module.tanh(points.reshape(len(points), -1) @ w) @ V


def by_differences(w, step=1e-5):
    points = MIX[:, None, None] * X + (1 - MIX[:, None, None]) * Y
    total = 0.0
    for point in points:
        slope = np.zeros(6)
        for j in range(6):
            e = step * np.eye(6)[j].reshape(2, 3)
            slope[j] = (critic(w, (point + e)[None])[0] - critic(w, (point - e)[None])[0]) / (2 * step)
        total += (np.linalg.norm(slope) - 1.0) ** 2
    return total / len(points)


def penalty(w):
    x, y, mix = (jnp.asarray(a, jnp.float32) for a in (X, Y, MIX))
    return gradient_penalty(lambda points: critic(w, points, jnp), x, y, mix)


def test_the_penalty_is_that_of_finite_differences():
    np.testing.assert_allclose(penalty(jnp.asarray(W, jnp.float32)), by_differences(W), rtol=1e-4)


@pytest.mark.parametrize("entry", [(0, 0), (3, 7), (5, 15)])
def test_so_is_its_gradient_in_the_critics_weights(entry):
    e = np.zeros_like(W)
    e[entry] = 1e-4
    slope = (by_differences(W + e) - by_differences(W - e)) / 2e-4
    np.testing.assert_allclose(jax.grad(penalty)(jnp.asarray(W, jnp.float32))[entry], slope, rtol=2e-3)


def test_a_flat_critic_costs_1_and_gives_no_nan():
    with jax.debug_nans(True):
        x = jnp.zeros((4, 3))
        value, slope = jax.value_and_grad(
            lambda c: gradient_penalty(lambda p: c * jnp.sum(p, axis=1), x, x, jnp.full(4, 0.5))
        )(0.0)
    assert value == 1.0
    assert slope == 0.0
