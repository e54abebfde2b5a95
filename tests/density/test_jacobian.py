"""Volumes of maps against their dense Jacobians."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax.density import jacobian
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import Bound, initialize


def smooth(z):
    """A map of the plane into five dimensions, a row at a time."""
    w = jnp.arange(10.0).reshape(2, 5) / 7.0 - 0.5
    return jnp.sin(z @ w) + 0.3 * (z @ w) ** 2


def dense(f, z):
    """The Jacobian of each row, by reverse mode one output at a time."""
    return np.stack(
        [np.asarray(jax.jacrev(lambda r: f(r[None]).ravel())(row)) for row in z], dtype=np.float64
    )


@pytest.fixture(scope="module")
def decoder():
    """A decoder of our own convolutions, which have no forward mode."""
    arch = Architecture((8, 8, 1), 3, name="dcgan", hidden=(6,), x_range=(0.0, 1.0), gain=20.0)
    nets = {"decoder": arch.decoder()}
    return Bound(nets, *initialize(nets, jax.random.key(0))).decoder


def test_two_reverse_passes_are_the_forward_one():
    z, v = jax.random.normal(jax.random.key(0), (2, 6, 2))
    np.testing.assert_allclose(
        jacobian.jvp(smooth, z, v), jax.jvp(smooth, (z,), (v,))[1], rtol=1e-5, atol=1e-6
    )


def test_convolutions_have_no_forward_mode_but_a_double_reverse_one(decoder):
    z, v = jax.random.normal(jax.random.key(1), (2, 4, 3))
    with pytest.raises(TypeError, match="forward-mode"):
        jax.jvp(decoder, (z,), (v,))
    expected = np.einsum("bij,bj->bi", dense(decoder, z), v)
    np.testing.assert_allclose(jacobian.jvp(decoder, z, v).reshape(4, -1), expected, rtol=1e-4, atol=1e-6)


def test_the_log_volume_is_that_of_the_dense_jacobian_along_the_direction(decoder):
    z, v = jax.random.normal(jax.random.key(2), (2, 4, 3))
    unit = np.asarray(v) / np.linalg.norm(v, axis=1, keepdims=True)
    moved = np.einsum("bij,bj->bi", dense(decoder, z), unit)
    expected = 1.5 * np.log(np.sum(moved**2, axis=1))
    np.testing.assert_allclose(jacobian.log_volume(decoder, z, v), expected, rtol=1e-4)


def test_its_gradient_is_that_of_finite_differences(decoder):
    z, v = jax.random.normal(jax.random.key(3), (2, 2, 2))

    def volume(z):
        return jnp.sum(jacobian.log_volume(smooth, z, v))

    step = 1e-2
    for i, j in np.ndindex(2, 2):
        nudge = np.zeros((2, 2), np.float32)
        nudge[i, j] = step
        slope = (volume(z + nudge) - volume(z - nudge)) / (2 * step)
        np.testing.assert_allclose(jax.grad(volume)(z)[i, j], slope, rtol=2e-2, atol=2e-3)
    z = jax.random.normal(jax.random.key(4), (2, 3))
    grads = jax.grad(lambda z: jnp.sum(jacobian.log_volume(decoder, z, jnp.ones((2, 3)))))(z)
    assert np.isfinite(grads).all()
    assert np.abs(grads).max() > 0


def test_a_similarity_has_its_exact_volume_in_every_direction():
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(9, 4)))
    z, v = jax.random.normal(jax.random.key(5), (2, 6, 4))
    ours = jacobian.log_volume(lambda z: 3.0 * z @ jnp.asarray(turn.T, jnp.float32), z, v)
    np.testing.assert_allclose(ours, np.full(6, 4 * np.log(3.0)), rtol=1e-5)


def test_the_mean_over_directions_lies_between_the_determinant_and_the_bound_by_the_trace():
    # Stretches 1, 2 and 4: ln det(J'J) / 2 = ln 8; (d / 2) ln(tr / d) = 1.5 ln 7.
    stretches = jnp.asarray([1.0, 2.0, 4.0])
    z, v = jax.random.normal(jax.random.key(6), (2, 20_000, 3))
    values = np.asarray(jacobian.log_volume(lambda z: z * stretches[None], z, v), np.float64)
    error = values.std() / np.sqrt(len(values))
    assert np.log(8.0) + 5 * error < values.mean() < 1.5 * np.log(7.0) - 5 * error


def test_a_constant_map_has_a_finite_volume_and_no_gradient():
    z = jnp.ones((2, 3))

    def volume(z):
        return jnp.sum(jacobian.log_volume(lambda z: 0.0 * z, z, z))

    assert np.isfinite(volume(z))
    np.testing.assert_array_equal(jax.grad(volume)(z), np.zeros((2, 3)))
