import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from coulomb_jax import mmd
from coulomb_jax.mmd.normal_prior import potential
from coulomb_jax.mmd.potentials import enclosed, smoothed_log
from tests.mmd import reference

V = np.array([0.0, 1e-6, 0.3, 1.0, 4.0, 20.0, 130.0, 150.0, 400.0])

# Kernels whose potential is a quadrature, and closed forms whose clamp is wide.
MORE = {
    "coulomb 1, epsilon": (mmd.coulomb(1, epsilon=0.5), 1, lambda r2: -max(math.sqrt(r2), 0.5)),
    "coulomb 3, epsilon": (mmd.coulomb(3, epsilon=1.0), 3, lambda r2: max(r2, 1.0) ** -0.5),
    "coulomb 2, beta 1": (mmd.coulomb(2, beta=1), 2, lambda r2: reference.coulomb_at(r2, 1)),
    "coulomb 5, beta 2": (mmd.coulomb(5, beta=2), 5, lambda r2: reference.coulomb_at(r2, 2)),
    "narrow multiquadratic": (
        mmd.inverse_multiquadratic(0.01),
        2,
        lambda r2: 0.01 / (0.01 + r2),
    ),
    "laplacian 1": (mmd.laplacian(0.1), 1, lambda r2: math.exp(-math.sqrt(r2) / 0.1)),
}
KERNELS = {**reference.KERNELS, **MORE}
STEEP = {"coulomb 64"}  # its expectation is that of the clamp, at pairs that never occur


@pytest.mark.parametrize("name", [name for name in KERNELS if name not in STEEP])
def test_potential_matches_quadrature_over_the_noncentral_chi_squared_law(name):
    kernel, dim, formula = KERNELS[name]
    sigma = 1.7 if name in ("energy", "laplacian", "coulomb 2", "coulomb 3, normalized") else 1.0
    expected = reference.potential(formula, V, dim, sigma)
    got = jax.jit(lambda v: potential(kernel, v, dim, sigma))(jnp.asarray(V, jnp.float32))
    unit = max(abs(formula(1.0)), 1e-3)
    assert (np.abs(got - expected) < 1e-5 * unit + 3e-7 * np.abs(expected)).all()


@pytest.mark.parametrize("name", ["coulomb 1", "coulomb 2", "coulomb 3", "coulomb 4", "gaussian"])
def test_closed_forms_and_quadrature_agree_in_float64(name):
    kernel, dim, formula = KERNELS[name]
    with jax.enable_x64(True):
        v = jnp.asarray(V)
        closed = potential(kernel, v, dim, 1.3)
        expected = reference.potential(formula, V, dim, 1.3)
        np.testing.assert_allclose(closed, expected, atol=2e-9)


def test_closed_forms_of_the_design_in_float64():
    with jax.enable_x64(True):
        v = np.array([1e-3, 0.5, 2.0, 5.9, 6.1, 30.0, 200.0])
        r, erf = np.sqrt(v), scipy.special.erf
        expected = {
            1: -(r * erf(r / math.sqrt(2)) + math.sqrt(2 / math.pi) * np.exp(-v / 2)),
            2: -(np.log(v) + scipy.special.exp1(v / 2)) / 2,
            3: erf(r / math.sqrt(2)) / r,
        }
        for dim in (4, 5, 9):
            inner = scipy.special.gammainc(dim / 2, v / 2) * r ** (2.0 - dim)
            edge = 2 ** (1 - dim / 2) * np.exp(-v / 2) / math.gamma(dim / 2)
            expected[dim] = inner + edge
        for dim, values in expected.items():
            kernel = mmd.coulomb(dim, epsilon=1e-6) if dim < 5 else mmd.coulomb(dim, epsilon=1e-4)
            np.testing.assert_allclose(potential(kernel, v, dim, 1.0), values, rtol=1e-8, atol=1e-9)
        centre = potential(mmd.coulomb(2), jnp.zeros(()), 2, 1.0)
        assert float(centre) == pytest.approx((np.euler_gamma - math.log(2)) / 2, abs=1e-12)


@pytest.mark.parametrize("dim", [1, 2, 3, 5])
def test_force_is_the_charge_inside_by_gauss(dim):
    """−dφ/dr · r^(d−1) is the share of the prior inside radius r, times |d − 2| (1 for d = 2)."""
    kernel = mmd.coulomb(dim)
    pull = jax.jit(jax.grad(lambda r: potential(kernel, r * r, dim, 1.0)))
    for r in (1e-3, 0.5, 2.0, 6.0):
        slope = pull(r)
        share = scipy.stats.chi2.cdf(r * r, dim) * max(abs(dim - 2), 1)
        assert float(-slope) * r ** (dim - 1) == pytest.approx(share, rel=2e-5)


@pytest.mark.parametrize("name", ["coulomb 2", "coulomb 3", "energy", "wae multiscale", "laplacian"])
def test_slope_and_curvature_match_differences_in_float64(name):
    kernel, dim, _ = KERNELS[name]
    with jax.enable_x64(True):

        def value(v):
            return potential(kernel, v, dim, 1.0)

        v = jnp.asarray([1e-4, 0.5, 3.0, 60.0, 300.0])
        h = 1e-3 * v
        low, middle, high = np.asarray(jax.jit(value)(jnp.stack([v - h, v, v + h])))
        slope = jax.jit(jax.vmap(jax.grad(value)))(v)
        np.testing.assert_allclose(slope, (high - low) / (2 * h), rtol=2e-5, atol=1e-9)
        second = jax.jit(jax.vmap(jax.grad(jax.grad(value))))(v)
        np.testing.assert_allclose(second[1:], ((high - 2 * middle + low) / h**2)[1:], rtol=1e-2, atol=1e-9)


@pytest.mark.parametrize("dim", [1, 2, 3, 8])
def test_the_default_clamp_is_negligible_and_a_wide_one_is_not(dim):
    """Laplacian times ε²/2d at the centre: ε²·c/(2d·(2π)^(d/2)) relative to k of order 1."""
    bare, wide = mmd.coulomb(dim, epsilon=1e-4), mmd.coulomb(dim, epsilon=0.1)
    with jax.enable_x64(True):
        v = jnp.asarray([0.0, 0.5])
        effect = np.asarray(potential(wide, v, dim, 1.0) - potential(bare, v, dim, 1.0))
        area = 2 * math.pi ** (dim / 2) / math.gamma(dim / 2)
        charge = max(abs(dim - 2), 1) * area * (2 * math.pi) ** (-dim / 2) * np.exp(-v / 2)
        np.testing.assert_allclose(effect, -(0.1**2) / (2 * dim) * charge, rtol=2e-2)
    # The same law at the default radius, where the clamp is left out of the closed form:
    assert (1e-6) ** 2 / (2 * dim) * float(charge[0]) < 1e-12


@pytest.mark.parametrize(
    ("name", "sigma"),
    [
        ("coulomb 1", 1.0),
        ("coulomb 2", 1.0),
        ("coulomb 2", 2.0),
        ("coulomb 3", 2.0),
        ("gaussian", 2.0),
        ("energy", 2.0),
        ("sum", 1.0),
    ],
)
def test_mmd2_to_normal_matches_double_loop_and_quadrature(name, sigma):
    kernel, dim, formula = KERNELS[name]
    z = np.random.default_rng(0).normal(size=(12, dim)).astype(np.float32) + np.float32(0.5)
    within = np.mean([formula(reference.squared(z[i], z[j])) for i in range(12) for j in range(12) if i != j])
    norms = (z.astype(np.float64) ** 2).sum(1) / sigma**2
    across = reference.potential(formula, norms, dim, sigma).mean()
    prior = reference.potential(formula, 0.0, dim, math.sqrt(2) * sigma)
    value = jax.jit(lambda z: mmd.mmd2_to_normal(z, kernel, sigma=sigma))(z)
    assert float(value) == pytest.approx(within - 2 * across + prior, abs=1e-5)


@pytest.mark.parametrize("kernel", [mmd.coulomb(3), mmd.wae_multiscale(3), mmd.laplacian(1.0)])
def test_it_is_the_mean_of_the_sampled_estimate_with_less_noise(kernel):
    z = jax.random.normal(jax.random.key(0), (40, 3)) * 1.2

    def sampled(key):
        return mmd.mmd2(z, jax.random.normal(key, (40, 3)), kernel)

    values = np.asarray(jax.jit(jax.vmap(sampled))(jax.random.split(jax.random.key(1), 4000)))
    exact = float(mmd.mmd2_to_normal(z, kernel))
    assert exact == pytest.approx(values.mean(), abs=4 * float(values.std()) / math.sqrt(4000))
    assert values.std() > 0.003


@pytest.mark.parametrize("kernel", [mmd.coulomb(2), mmd.gaussian(1.0) + mmd.energy()])
def test_mean_is_zero_when_the_codes_follow_the_prior(kernel):
    def once(key):
        return mmd.mmd2_to_normal(2.0 * jax.random.normal(key, (10, 2)), kernel, sigma=2.0)

    values = np.asarray(jax.jit(jax.vmap(once))(jax.random.split(jax.random.key(3), 4000)))
    assert abs(values.mean()) < 4 * values.std() / math.sqrt(4000)


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, jnp.float32) for name in [*reference.ONE_OF_EACH, "coulomb 5", "coulomb 3, epsilon"]]
    + [(name, jnp.bfloat16) for name in ("coulomb 2", "coulomb 64, beta 2")],
)
def test_value_and_gradient_are_finite_at_collapsed_tiny_and_huge_codes(name, dtype):
    kernel, dim, _ = KERNELS[name]
    step = jax.jit(jax.value_and_grad(lambda z: mmd.mmd2_to_normal(z, kernel)))
    for size in (0.0, 1e-30, 1e-6, 1.0, 1e3, 1e18):
        z = jnp.full((5, dim), size, dtype).at[0].multiply(-1.0)
        value, slope = step(z)
        assert math.isfinite(float(value))
        assert bool(jnp.all(jnp.isfinite(slope)))
    assert not np.any(np.asarray(step(jnp.zeros((5, dim), dtype))[1], np.float32))


@pytest.mark.parametrize("kernel", [mmd.coulomb(2), mmd.energy(), mmd.laplacian(2.0)])
def test_hessian_at_the_centre_is_a_multiple_of_the_identity(kernel):
    z = jnp.asarray([[0.0, 0.0], [3.0, 0.0], [-3.0, 0.0], [0.0, 3.0], [0.0, -3.0]])
    cross = jax.jit(jax.hessian(lambda z: potential(kernel, jnp.sum(z * z), 2, 1.0)))(z[0])
    slope = jax.jit(jax.grad(lambda v: potential(kernel, v, 2, 1.0)))(0.0)
    np.testing.assert_allclose(cross, 2 * float(slope) * np.eye(2), rtol=1e-5, atol=1e-6)
    full = jax.jit(jax.hessian(lambda z: mmd.mmd2_to_normal(z, kernel)))(z)
    assert bool(jnp.all(jnp.isfinite(full)))


@pytest.mark.parametrize(("kernel", "pull"), [(mmd.coulomb(2), -1e-3), (mmd.energy(), -1.0)])
def test_far_codes_still_feel_the_prior(kernel, pull):
    """At ρ = 1,000 a difference of two potentials would have lost the slope to rounding."""
    slope = jax.jit(jax.grad(lambda r: potential(kernel, r * r, 2, 1.0)))(1000.0)
    assert float(slope) == pytest.approx(pull, rel=1e-4)


@pytest.mark.parametrize(
    "make",
    [
        lambda p: (mmd.coulomb(2, scale=p), 1.0),
        lambda p: (mmd.coulomb(2, epsilon=p), 1.0),
        lambda p: (mmd.gaussian(p), 1.0),
        lambda p: (p * mmd.inverse_multiquadratic(p), 1.0),
        lambda p: (mmd.coulomb(2), p),
        lambda p: (mmd.energy(), p),
    ],
)
def test_parameters_are_learned_through_the_prior(make):
    with jax.enable_x64(True):
        z = jnp.asarray(np.random.default_rng(0).normal(size=(20, 2)) * 1.5)

        def value(p):
            kernel, sigma = make(p)
            return mmd.mmd2_to_normal(z, kernel, sigma=sigma)

        compiled, h = jax.jit(value), 1e-5
        difference = (float(compiled(0.7 + h)) - float(compiled(0.7 - h))) / (2 * h)
        slope = float(jax.jit(jax.grad(value))(0.7))
        assert slope == pytest.approx(difference, rel=1e-5, abs=1e-9)


def test_a_parameter_is_swept_by_vmap():
    z = jax.random.normal(jax.random.key(0), (20, 2)) * 1.5

    def value(c):
        return mmd.mmd2_to_normal(z, mmd.inverse_multiquadratic(c))

    swept = jax.jit(jax.vmap(value))(jnp.asarray([0.5, 2.0]))
    np.testing.assert_allclose(swept, [value(0.5), value(2.0)], atol=1e-6)


@pytest.mark.parametrize("kernel", [mmd.coulomb(3), mmd.coulomb(3, beta=2), mmd.wae_multiscale(3)])
def test_traced_and_known_parameters_give_the_same_number(kernel):
    z = jax.random.normal(jax.random.key(0), (20, 3))
    known = jax.jit(lambda z: mmd.mmd2_to_normal(z, kernel))(z)
    traced = jax.jit(mmd.mmd2_to_normal)(z, kernel)
    assert float(traced) == pytest.approx(float(known), abs=2e-6)


def test_functions_against_scipy_in_float32():
    v = np.array([0.0, 1e-20, 1e-5, 0.01, 1.0, 5.99, 6.01, 20.0, 150.0, 1e6], np.float32)
    wide = np.maximum(v.astype(np.float64), 1e-30)
    expected = np.log(wide) + scipy.special.exp1(wide / 2)
    np.testing.assert_allclose(smoothed_log(jnp.asarray(v)), expected, rtol=3e-7, atol=3e-7)
    for order in (0.5, 1.0, 1.5, 2.0, 2.5, 5.0, 20.0):
        got = enclosed(jnp.asarray(v), jnp.asarray(2 * order, jnp.float32), order)
        with np.errstate(all="ignore"):
            exact = (wide / (2 * order)) ** -order * scipy.special.gammainc(order, wide / 2)
        limit = order**order / math.gamma(order + 1)  # P(a, x) → x^a/Γ(a+1)
        exact = np.where(wide < 1e-4, limit, exact)
        np.testing.assert_allclose(got, exact, rtol=2e-5, atol=1e-37)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda z: mmd.mmd2_to_normal(z[:1], mmd.energy()), ValueError, "z must hold at least 2"),
        (lambda z: mmd.mmd2_to_normal(z, mmd.coulomb(3)), ValueError, "made for points of 3"),
        (lambda z: mmd.mmd2_to_normal(z, mmd.energy(), sigma=0.0), ValueError, "sigma"),
        (lambda z: mmd.mmd2_to_normal(z * jnp.nan, mmd.energy()), ValueError, "finite"),
        (lambda z: mmd.mmd2_to_normal(z.astype(int), mmd.energy()), TypeError, "int32"),
    ],
)
def test_bad_input_gets_one_clear_sentence(call, error, words):
    with pytest.raises(error, match=words):
        call(jnp.ones((3, 2)))


@pytest.mark.parametrize("kernel", [mmd.coulomb(2), mmd.wae_multiscale(2)])
def test_it_is_the_same_inside_a_scan_inside_pmap(kernel):
    """The table of the quadrature is made at trace time: it must not leak out of any trace."""
    z = jax.random.normal(jax.random.key(0), (2, 10, 2))

    def descend(z):
        def step(z, _):
            value, slope = jax.value_and_grad(lambda z: mmd.mmd2_to_normal(z, kernel))(z)
            return z - slope, value

        return jax.lax.scan(step, z, None, length=3)[1]

    together = jax.pmap(descend, devices=jax.devices()[:2])(z)
    np.testing.assert_allclose(together, [descend(z[0]), descend(z[1])], atol=1e-6)


@pytest.mark.parametrize(
    ("kernel", "dim"), [(mmd.coulomb(2), 2), (mmd.coulomb(8, beta=2.0), 8), (mmd.wae_multiscale(8), 8)]
)
def test_the_integrated_prior_is_twice_as_quiet_as_a_sampled_one(kernel, dim):
    """At equal laws Var is 2ζ·(2/(n(n−1)) + 2/n²) sampled, and 2ζ/(n(n−1)) integrated."""
    n, repetitions = 30, 3000

    def both(key):
        z, prior = jax.random.normal(key, (2, n, dim))
        return mmd.mmd2(z, prior, kernel), mmd.mmd2_to_normal(z, kernel)

    keys = jax.random.split(jax.random.key(0), repetitions)
    sampled, exact = jax.jit(lambda keys: jax.lax.map(both, keys, batch_size=100))(keys)
    ratio = float(jnp.var(sampled) / jnp.var(exact))
    # The spread of a ratio of two variances, with room for tails heavier than normal.
    assert ratio == pytest.approx(4 - 2 / n, rel=6 * 2 / repetitions**0.5)
