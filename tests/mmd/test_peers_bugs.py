"""The faults found in other MMD libraries, each with the wrong number it gives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import mmd
from coulomb_jax.mmd import pairwise
from tests.mmd import reference

mmd2 = jax.jit(mmd.mmd2, static_argnames="estimator")


def clouds(n=50, dim=3, seed=0):
    return jax.random.normal(jax.random.key(seed), (2, n, dim))


def full_gram(kernel, x):
    return kernel(jnp.sum((x[:, None, :] - x[None, :, :]) ** 2, -1))


def test_diagonal_kept_in_an_estimate_called_unbiased():
    """At equal laws such an estimate has mean 2/(n−1)·k(0); ours does not know k(0) at all."""
    n, kernel = 50, mmd.gaussian(3.0)

    def both(key):
        x, y = jax.random.normal(key, (2, n, 2))
        across = jnp.mean(kernel(jnp.sum((x[:, None, :] - y[None, :, :]) ** 2, -1)))
        kept = (jnp.sum(full_gram(kernel, x)) + jnp.sum(full_gram(kernel, y))) / (n * (n - 1))
        return mmd.mmd2(x, y, kernel), kept - 2 * across

    ours, kept = jax.jit(jax.vmap(both))(jax.random.split(jax.random.key(0), 1000))
    assert abs(float(jnp.mean(ours))) < 4 * float(jnp.std(ours)) / 1000**0.5
    assert float(jnp.mean(kept)) == pytest.approx(2 / (n - 1), rel=0.05)


@pytest.mark.parametrize("value_at_zero", [0.0, 1e6, float("nan")])
def test_the_value_at_zero_distance_is_never_used(value_at_zero):
    x, y = clouds()

    def spiked(r2):
        return jnp.where(r2 == 0.0, value_at_zero, jnp.exp(-r2 / 2))

    plain = mmd2(x, y, mmd.gaussian(1.0))
    assert float(jax.jit(lambda x, y: mmd.mmd2(x, y, spiked))(x, y)) == pytest.approx(float(plain), abs=1e-6)
    _, error = jax.jit(lambda x, y: mmd.mmd2_with_error(x, y, spiked))(x, y)
    _, plain_error = jax.jit(mmd.mmd2_with_error)(x, y, mmd.gaussian(1.0))
    assert float(error) == pytest.approx(float(plain_error), rel=1e-5)


def test_masking_the_diagonal_after_the_kernel_has_a_nan_gradient():
    x, y = clouds()

    def masked(x):
        r = jnp.sqrt(jnp.sum((x[:, None, :] - x[None, :, :]) ** 2, -1))
        return jnp.sum(jnp.where(jnp.eye(len(x), dtype=bool), 0.0, 1.0 / r))

    assert np.isnan(np.asarray(jax.jit(jax.grad(masked))(x))).all()
    slope = jax.jit(jax.grad(lambda x: mmd.mmd2(x, y, mmd.coulomb(3))))(x)
    assert bool(jnp.all(jnp.isfinite(slope)))


def test_sum_minus_diagonal_loses_every_digit():
    x, _ = clouds()
    kernel, n = mmd.coulomb(3), 50
    gram = full_gram(kernel, x)
    subtracted = (jnp.sum(gram) - jnp.sum(jnp.diagonal(gram))) / (n * (n - 1))
    exact = np.mean(reference.gram(lambda r2: r2**-0.5 if r2 else 0.0, x, x)) * n / (n - 1)
    assert abs(float(subtracted) - exact) > 1e-4  # the diagonal, 50 million, is all float32 keeps
    parts = pairwise.distinct_pairs(x)
    ours = sum(float(jnp.sum(kernel(part))) for part in parts) / (n * (n - 1) / 2)
    assert ours == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize(
    "kernel", [mmd.laplacian(1.0), mmd.matern(0.5, 1.0), mmd.matern(1.5, 1.0), mmd.energy()]
)
def test_equal_sets_have_a_finite_gradient_for_kernels_of_the_distance(kernel):
    x, _ = clouds()
    slope = jax.jit(jax.grad(lambda x: mmd.mmd2(x, jax.lax.stop_gradient(x), kernel)))(x)
    assert bool(jnp.all(jnp.isfinite(slope)))


def test_scales_are_not_ignored():
    x, y = clouds()
    y = y + 1.0
    seven = float(mmd2(x, y, mmd.wae_multiscale(3)))
    scales = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
    each = [float(mmd2(x, y, mmd.inverse_multiquadratic(6.0 * scale))) for scale in scales]
    assert seven == pytest.approx(sum(each), rel=1e-5)
    assert max(each) < 0.5 * seven


def test_the_weight_is_divided_by_the_number_of_pairs_once():
    x, y = clouds()
    repeated = mmd2(jnp.tile(x, (4, 1)), jnp.tile(y, (4, 1)), mmd.gaussian(1.0), estimator="biased")
    once = mmd2(x, y, mmd.gaussian(1.0), estimator="biased")
    assert float(repeated) == pytest.approx(float(once), rel=1e-4)
    tripled = mmd2(x, y, 3.0 * mmd.gaussian(1.0), estimator="biased")
    assert float(tripled) == pytest.approx(3 * float(once), rel=1e-5)


@pytest.mark.parametrize("dim", [3, 8])
def test_expanded_distances_go_negative_far_from_the_origin(dim):
    x = clouds(dim=dim)[0] + 3000.0
    norms = jnp.sum(x * x, -1)
    expanded = norms[:, None] + norms[None, :] - 2 * x @ x.T
    assert float(jnp.min(expanded)) < -1.0
    ours = np.asarray(pairwise.squared_distances(x, x))
    wide = np.asarray(x, np.float64)
    exact = ((wide[:, None, :] - wide[None, :, :]) ** 2).sum(-1)
    assert np.abs(ours - exact).max() < 1e-4
    moved = clouds(dim=dim)[0]
    shifted = mmd2(x, x[::-1] + 1.0, mmd.gaussian(1.0))
    assert float(shifted) == pytest.approx(float(mmd2(moved, moved[::-1] + 1.0, mmd.gaussian(1.0))), abs=1e-3)


def test_a_negative_estimate_is_not_clipped():
    x, _ = clouds()
    halves = mmd2(x[:25], x[25:], mmd.gaussian(1.0))
    alike = mmd2(x, x, mmd.gaussian(1.0))  # every distance 0 sits in the cross term
    assert float(alike) < -1e-3
    assert np.isfinite(float(halves))


def test_a_p_value_without_the_observed_statistic_rejects_too_often():
    """With 9 relabellings, #{null > observed}/9 <= 0.05 means 0 of 9: one time in ten, not in twenty."""

    def once(key):
        of_points, of_test = jax.random.split(key)
        x, y = jax.random.normal(of_points, (2, 12, 1))
        result = mmd.two_sample_test(of_test, x, y, mmd.gaussian(1.0), permutations=9)
        return jnp.mean(result.null > result.statistic) <= 0.05, result.p_value <= 0.05

    without, ours = jax.jit(jax.vmap(once))(jax.random.split(jax.random.key(5), 2000))
    assert float(jnp.mean(without)) == pytest.approx(0.1, abs=4 * (0.1 * 0.9 / 2000) ** 0.5)
    assert float(jnp.mean(ours)) <= 0.05
