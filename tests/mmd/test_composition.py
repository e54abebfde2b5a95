import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import mmd
from coulomb_jax.mmd.kernels import average
from tests.mmd import reference
from tests.mmd.reference import cloud

SIGMAS = (0.5, 1.0, 3.0)


def gaussian_at(r2, sigma):
    return math.exp(-r2 / (2 * sigma**2))


def averaged(sigma):
    return average([mmd.gaussian(sigma), mmd.laplacian(2.0), 0.5 * mmd.gaussian(2.0 * sigma)])


def averaged_at(r2, sigma):
    others = math.exp(-math.sqrt(r2) / 2) + 0.5 * gaussian_at(r2, 2 * sigma)
    return (gaussian_at(r2, sigma) + others) / 3


def summed(sigma):
    return 2.0 * mmd.gaussian(sigma) + mmd.coulomb(2) + mmd.inverse_multiquadratic(sigma * sigma)


def summed_at(r2, sigma):
    others = reference.coulomb_at(r2, 0) + sigma**2 / (sigma**2 + r2)
    return 2 * gaussian_at(r2, sigma) + others


def double_loop(formula, sigma, x, y):
    return reference.mmd2(lambda r2: formula(r2, sigma), x, y)


COMPOSED = [pytest.param(averaged, averaged_at, id="average"), pytest.param(summed, summed_at, id="sum")]


def test_average_is_the_mean_of_the_kernels():
    kernel = average(mmd.gaussian(sigma) for sigma in SIGMAS)
    for r2 in (0.0, 0.3, 2.0, 50.0):
        expected = sum(gaussian_at(r2, sigma) for sigma in SIGMAS) / 3
        assert float(kernel(r2)) == pytest.approx(expected, rel=1e-6)
    assert isinstance(kernel, mmd.Kernel)


@pytest.mark.parametrize(("make", "formula"), COMPOSED)
def test_mmd2_of_a_composition_matches_the_double_loop(make, formula):
    x, y = cloud(0, 9, 2), cloud(1, 6, 2, 0.7)
    expected = double_loop(formula, 1.3, x, y)
    assert float(mmd.mmd2(x, y, make(1.3))) == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_the_bound_is_the_mean_of_the_bounds():
    kernel = average([mmd.gaussian(1.0), 4.0 * mmd.laplacian(1.0), mmd.wae_multiscale(2)])
    assert float(kernel.bound) == pytest.approx((1 + 4 + 7) / 3)
    assert average([mmd.gaussian(1.0), mmd.energy()]).bound == math.inf


def test_an_average_of_averages_and_of_one():
    one, two = mmd.gaussian(1.0), mmd.energy()
    r2 = jnp.asarray([0.5, 3.0])
    np.testing.assert_allclose(average([one])(r2), one(r2), rtol=1e-7)
    nested = average([average([one, two]), one])
    np.testing.assert_allclose(nested(r2), 0.75 * one(r2) + 0.25 * two(r2), rtol=1e-6)


def test_an_average_knows_the_dimension_of_its_kernels():
    x = jnp.asarray(cloud(0, 5, 2))
    with pytest.raises(ValueError, match="made for points of 3"):
        mmd.mmd2(x, x, average([mmd.gaussian(1.0), mmd.coulomb(3)]))


def test_the_closed_form_against_a_normal_prior_goes_term_by_term():
    codes = jnp.asarray(cloud(0, 30, 3, 0.2))
    value = mmd.mmd2_to_normal(codes, average([mmd.gaussian(1.0), mmd.coulomb(3)]))
    each = [float(mmd.mmd2_to_normal(codes, kernel)) for kernel in (mmd.gaussian(1.0), mmd.coulomb(3))]
    assert float(value) == pytest.approx(sum(each) / 2, abs=1e-6)


@pytest.mark.parametrize(("make", "formula"), COMPOSED)
def test_a_bandwidth_is_learned_by_grad(make, formula):
    x = np.random.default_rng(0).normal(size=(7, 2))
    y = np.random.default_rng(1).normal(size=(5, 2)) + 0.7
    h = 1e-5
    high, low = (double_loop(formula, sigma, x, y) for sigma in (1.3 + h, 1.3 - h))
    with jax.enable_x64(True):
        slope = jax.jit(jax.grad(lambda sigma: mmd.mmd2(x, y, make(sigma))))(1.3)
        assert float(slope) == pytest.approx((high - low) / (2 * h), rel=1e-7)


@pytest.mark.parametrize(("make", "formula"), COMPOSED)
def test_a_bandwidth_is_swept_by_vmap(make, formula):
    x, y = cloud(0, 7, 2), cloud(1, 5, 2, 0.7)
    swept = jax.jit(jax.vmap(lambda sigma: mmd.mmd2(x, y, make(sigma))))(jnp.asarray(SIGMAS))
    expected = [double_loop(formula, sigma, x, y) for sigma in SIGMAS]
    np.testing.assert_allclose(swept, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: average([]), ValueError, "at least one kernel, got none"),
        (lambda: average(mmd.gaussian(1.0)), TypeError, "must be several kernels"),
        (lambda: average(3.0), TypeError, "must be several kernels"),
        (lambda: average([mmd.gaussian(1.0), 2.0]), TypeError, "but one is 2.0"),
    ],
)
def test_bad_collections_are_refused_in_one_sentence(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
