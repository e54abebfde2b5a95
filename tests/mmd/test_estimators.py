import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from coulomb_jax import mmd
from coulomb_jax.mmd.radial import Kernel, register
from tests.mmd import reference
from tests.mmd.reference import cloud

mmd2 = jax.jit(
    mmd.mmd2, static_argnames=("estimator", "block_size")
)  # compiled: eager runs compile each step


@pytest.mark.parametrize(
    ("name", "n", "m"),
    [(name, 7, 11) for name in reference.KERNELS] + [("coulomb 2", 12, 5), ("wae multiscale", 70, 5)],
)
def test_unbiased_matches_the_double_loop(name, n, m):
    kernel, dim, formula = reference.KERNELS[name]
    x, y = cloud(0, n, dim), cloud(1, m, dim, 0.5)
    expected = reference.mmd2(formula, x, y)
    scale = abs(reference.gram(formula, x, y)).mean()
    value = mmd2(jnp.asarray(x), jnp.asarray(y), kernel)
    assert value.shape == ()
    assert float(value) == pytest.approx(expected, rel=3e-5, abs=1e-5 * scale)


@pytest.mark.parametrize("name", ["gaussian", "energy", "matern 3/2", "plummer 2"])
def test_biased_matches_the_double_loop(name):
    kernel, dim, formula = reference.KERNELS[name]
    x, y = cloud(0, 9, dim), cloud(1, 6, dim, 0.5)
    value = mmd2(jnp.asarray(x), jnp.asarray(y), kernel, estimator="biased")
    expected = reference.mmd2(formula, x, y, biased=True)
    assert float(value) == pytest.approx(expected, abs=2e-6)


@pytest.mark.parametrize("block_size", [None, 2, 5])
@pytest.mark.parametrize("estimator", ["unbiased", "biased"])
def test_blocks_change_rounding_only(estimator, block_size):
    kernel, dim, formula = reference.KERNELS["coulomb 3"]
    x, y = cloud(0, 11, dim), cloud(1, 7, dim, 0.5)
    if estimator == "biased":  # k(0) of a Coulomb kernel drowns everything else
        kernel, formula = mmd.energy(), lambda r2: -math.sqrt(r2)
    value = mmd2(x, y, kernel, estimator=estimator, block_size=block_size)
    expected = reference.mmd2(formula, x, y, biased=estimator == "biased")
    assert float(value) == pytest.approx(expected, rel=2e-5)


@pytest.mark.parametrize("beta", [None, 2.0])
@pytest.mark.parametrize(("dim", "block_size"), [(64, None), (64, 16), (256, None), (1024, None), (1024, 16)])
def test_coulomb_in_many_dimensions(dim, beta, block_size):
    """Its own exponent turns one rounding of r into dim − 2 of them: the tolerance grows with it."""
    x, y = cloud(0, 40, dim), cloud(1, 30, dim)
    scale = math.sqrt(2 * dim)
    kernel = mmd.coulomb(dim, beta=beta, scale=scale)
    power = kernel.beta

    def in_float64(x):
        def mean(a, b, weight):
            difference = a[:, None, :] - b[None, :, :]
            r2 = (difference**2).sum(-1) / scale**2
            apart = r2 > 0
            log_k = np.minimum(-power / 2 * np.log(np.where(apart, r2, 1.0)), math.log(1e12))
            k = np.where(apart, np.exp(log_k), 0.0)
            moves = apart & (k < 0.999e12)  # no force inside the clamp
            slope = np.where(moves, -power * k / np.where(moves, r2 * scale**2, 1.0), 0.0)
            return weight * k.sum(), weight * (slope[:, :, None] * difference).sum(1)

        n, m = len(x), len(y)
        own, pull = mean(x, x, 1 / (n * (n - 1)))
        other, _ = mean(y, y, 1 / (m * (m - 1)))
        across, push = mean(x, y.astype(np.float64), -2 / (n * m))
        return own + other + across, 2 * pull + push, own + other - across

    expected, expected_slope, size = in_float64(x.astype(np.float64))
    value, slope = jax.value_and_grad(mmd2)(x, y, kernel, block_size=block_size)
    rounding = 3e-7 * max(power, 10)
    assert float(value) == pytest.approx(expected, abs=rounding * size)
    np.testing.assert_allclose(slope, expected_slope, atol=rounding * abs(expected_slope).max())
    assert float(jnp.max(jnp.abs(slope))) > 1e-6


def test_half_precision_points_are_summed_in_float32():
    x, y = jnp.asarray(cloud(0, 50, 3), jnp.bfloat16), jnp.asarray(cloud(1, 50, 3), jnp.bfloat16)
    value = mmd2(x, y, mmd.coulomb(3))
    rounded = np.asarray(x, np.float32), np.asarray(y, np.float32)
    assert value.dtype == jnp.float32
    expected = reference.mmd2(lambda r2: reference.coulomb_at(r2, 1), *rounded)
    assert float(value) == pytest.approx(expected, abs=1e-5)


def test_float64_points_are_summed_in_float64():
    with jax.enable_x64(True):
        x = np.random.default_rng(0).normal(size=(20, 3))
        y = np.random.default_rng(1).normal(size=(15, 3))
        value = mmd2(jnp.asarray(x), jnp.asarray(y), mmd.energy())
        expected = reference.mmd2(lambda r2: -math.sqrt(r2), x, y)
        assert float(value) == pytest.approx(expected, rel=1e-12)


def test_energy_kernel_is_the_energy_distance_of_scipy():
    x, y = cloud(0, 40, 1), cloud(1, 60, 1, 0.7)
    value = mmd2(jnp.asarray(x), jnp.asarray(y), mmd.energy(), estimator="biased")
    expected = scipy.stats.energy_distance(x[:, 0], y[:, 0]) ** 2
    assert float(value) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_unbiased_for_coulomb_in_three_dimensions(shift):
    """E 1/|N(µ, 2I)| = erf(µ/2)/µ, and 1/√π at µ = 0."""
    repetitions, n, m = 20_000, 5, 8

    def once(key):
        of_x, of_y = jax.random.split(key)
        x = jax.random.normal(of_x, (n, 3))
        y = jax.random.normal(of_y, (m, 3)) + jnp.asarray([[shift, 0.0, 0.0]])
        return mmd.mmd2(x, y, mmd.coulomb(3))

    values = np.asarray(jax.jit(jax.vmap(once))(jax.random.split(jax.random.key(1), repetitions)))
    across = scipy.special.erf(shift / 2) / shift if shift else 1 / math.sqrt(math.pi)
    expected = 2 / math.sqrt(math.pi) - 2 * across
    error = float(values.std()) / math.sqrt(repetitions)
    assert error < 0.005
    assert abs(values.mean() - expected) < 4 * error
    assert 0.3 < (values < 0).mean() < 0.8 or shift  # unbiased: negative half of the time


def test_biased_bias_is_the_diagonal():
    """Equal laws: the mean is (1/n + 1/m)(k(0) − E k(X,X')), 1 − 1/√(1+2)^d for this Gaussian."""
    keys = jax.random.split(jax.random.key(0), 4000)

    def once(key):
        x, y = jnp.split(jax.random.normal(key, (20, 2)), [8])
        return mmd.mmd2(x, y, mmd.gaussian(1.0), estimator="biased")

    values = np.asarray(jax.jit(jax.vmap(once))(keys))
    expected = (1 / 8 + 1 / 12) * (1 - 1 / 3)
    assert values.mean() == pytest.approx(expected, abs=4 * float(values.std()) / math.sqrt(4000))
    assert values.min() >= -1e-6


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, jnp.float32) for name in reference.ONE_OF_EACH]
    + [(name, jnp.bfloat16) for name in ("coulomb 2", "coulomb 64, beta 2", "energy")],
)
def test_duplicated_points_have_finite_value_and_gradient(name, dtype):
    kernel, dim, _ = reference.KERNELS[name]
    x = jnp.asarray(np.repeat(cloud(0, 4, dim), 3, axis=0), dtype)
    y = jnp.concatenate([x[:5], jnp.asarray(cloud(1, 4, dim), dtype)])
    value, slope = jax.jit(jax.value_and_grad(lambda x: mmd.mmd2(x, y, kernel)))(x)
    assert math.isfinite(float(value))
    assert slope.dtype == dtype
    assert bool(jnp.all(jnp.isfinite(slope)))


def test_gradient_matches_the_double_loop():
    x, y = cloud(0, 9, 2), cloud(1, 7, 2, 0.5)
    slope = jax.grad(lambda x: mmd2(x, jnp.asarray(y), mmd.coulomb(2)))(jnp.asarray(x))
    expected = np.zeros((9, 2))
    for i in range(9):
        for j in range(9):
            if i != j:
                step = x[i].astype(float) - x[j]
                expected[i] -= 2 * step / (step @ step) / (9 * 8)
        for j in range(7):
            step = x[i].astype(float) - y[j]
            expected[i] += 2 * step / (step @ step) / (9 * 7)
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-6)


def test_jit_vmap_and_hessian():
    x, y = jnp.asarray(cloud(0, 6, 2)), jnp.asarray(cloud(1, 5, 2))
    kernel = mmd.coulomb(2)
    plain = mmd2(x, y, kernel)
    assert float(mmd.mmd2(x, y, kernel)) == pytest.approx(float(plain), abs=1e-6)
    batched = jax.vmap(lambda x: mmd2(x, y, kernel))(jnp.stack([x, x + 1.0]))
    expected = [float(plain), float(mmd2(x + 1.0, y, kernel))]
    np.testing.assert_allclose(batched, expected, atol=1e-6)
    sigmas = jnp.asarray([0.5, 2.0])
    swept = jax.vmap(lambda sigma: mmd2(x, y, mmd.gaussian(sigma)))(sigmas)
    np.testing.assert_allclose(swept, [mmd2(x, y, mmd.gaussian(float(sigma))) for sigma in sigmas], atol=1e-6)
    hessian = jax.jit(jax.hessian(lambda x: mmd.mmd2(x, y, kernel)))(x.at[1].set(x[0]))
    assert bool(jnp.all(jnp.isfinite(hessian)))


def test_the_sum_of_many_pairs_keeps_its_digits():
    x, y = cloud(0, 1500, 2), cloud(1, 1200, 2, 0.3)
    with jax.enable_x64(True):
        exact = mmd2(jnp.asarray(x, jnp.float64), jnp.asarray(y, jnp.float64), mmd.coulomb(2))
    assert float(mmd2(x, y, mmd.coulomb(2))) == pytest.approx(float(exact), abs=2e-6)


def test_witness_matches_the_double_loop_and_its_means_give_mmd2():
    points, x, y = cloud(0, 4, 2), cloud(1, 6, 2), cloud(2, 5, 2, 1.0)
    kernel, _, formula = mmd.gaussian(1.3), 2, reference.KERNELS["gaussian"][2]
    expected = reference.gram(formula, points, x).mean(1) - reference.gram(formula, points, y).mean(1)
    values = mmd.witness(jnp.asarray(points), jnp.asarray(x), jnp.asarray(y), kernel)
    np.testing.assert_allclose(values, expected, atol=1e-6)
    gap = jnp.mean(mmd.witness(x, x, y, kernel)) - jnp.mean(mmd.witness(y, x, y, kernel))
    biased = mmd2(x, y, kernel, estimator="biased")
    assert float(gap) == pytest.approx(float(biased), abs=1e-6)


def test_median_heuristic_is_the_median_of_all_pairs():
    x, y = cloud(0, 30, 3), cloud(1, 21, 3, 2.0)
    pooled = np.concatenate([x, y]).astype(np.float64)
    r2 = ((pooled[:, None, :] - pooled[None, :, :]) ** 2).sum(-1)
    expected = np.median(np.sqrt(r2[np.triu_indices(51, 1)]))
    assert float(mmd.median_heuristic(x, y)) == pytest.approx(expected, rel=1e-5)


def test_median_heuristic_of_many_points_uses_both_sets():
    x, y = cloud(0, 6000, 2), cloud(1, 3000, 2, 1.0)
    pooled = np.concatenate([x[:1200], y[:600]]).astype(np.float64)
    r2 = ((pooled[:, None, :] - pooled[None, :, :]) ** 2).sum(-1)
    expected = np.median(np.sqrt(r2[np.triu_indices(1800, 1)]))
    assert float(mmd.median_heuristic(x, y)) == pytest.approx(expected, rel=0.05)


X = jnp.zeros((3, 2)) + jnp.asarray([[0.0], [1.0], [2.0]])


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: mmd.mmd2(X[:1], X, mmd.energy()), ValueError, "x must hold at least 2 points"),
        (lambda: mmd.mmd2(X, X[:, :0], mmd.energy()), ValueError, "y must hold"),
        (lambda: mmd.mmd2(X[0], X, mmd.energy()), ValueError, "two axes"),
        (lambda: mmd.mmd2(X, X[:, :1], mmd.energy()), ValueError, "x has 2, y has 1"),
        (lambda: mmd.mmd2(X.astype(int), X, mmd.energy()), TypeError, "dtype int32"),
        (lambda: mmd.mmd2(X, np.ones((3, 2), complex), mmd.energy()), TypeError, "complex"),
        (lambda: mmd.mmd2(X.at[0, 0].set(jnp.nan), X, mmd.energy()), ValueError, "1 NaN or infin"),
        (lambda: mmd.mmd2(X, X.at[1].set(jnp.inf), mmd.energy()), ValueError, "in 1 rows"),
        (lambda: mmd.mmd2(X, X, mmd.energy(), estimator="cubic"), ValueError, "unbiased, biased"),
        (lambda: mmd.mmd2(X, X, mmd.energy(), block_size=0), ValueError, "at least 1"),
        (lambda: mmd.mmd2(X, X, mmd.energy(), block_size=2.0), TypeError, "whole number"),
        (lambda: mmd.mmd2(X, X, mmd.energy(), estimator="linear", block_size=2), ValueError, "no meaning"),
        (lambda: mmd.mmd2(X, X, mmd.energy(), estimator="block", block_size=4), ValueError, "2 and 3"),
        (lambda: mmd.mmd2(X, X, "gaussian"), TypeError, "must be a kernel"),
        (lambda: mmd.mmd2(X, X, mmd.coulomb(3)), ValueError, "made for points of 3"),
        (lambda: mmd.mmd2(X, X, 2.0 * mmd.plummer(3, 1.0)), ValueError, "made for points of 3"),
        (lambda: mmd.mmd2_with_error(X, X, mmd.energy()), ValueError, "at least 4 points"),
        (lambda: mmd.witness(X[:, 0], X, X, mmd.energy()), ValueError, "points must have two"),
        (lambda: mmd.median_heuristic(X, X[:, :1]), ValueError, "same number of coordinates"),
    ],
)
def test_bad_input_gets_one_clear_sentence(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_a_second_call_with_the_same_shapes_does_not_trace_again():
    traced = []

    @register()
    class Counted(Kernel):
        width: float

        def profile(self, r2):
            traced.append(r2.shape)
            return jnp.exp(-r2 / self.width)

    for shift in (0.0, 1.0, 2.0):
        mmd.mmd2(X, X + shift, Counted(1.0 + shift))
        mmd.mmd2_with_error(jnp.tile(X, (2, 1)), jnp.tile(X, (2, 1)) + shift, Counted(1.0 + shift))
        calls = len(traced) if not shift else calls
    assert len(traced) == calls > 0


def test_a_plain_function_of_squared_distances_will_do():
    value = mmd.mmd2(X, X + 1.0, lambda r2: jnp.exp(-r2 / 2))
    assert float(value) == pytest.approx(float(mmd.mmd2(X, X + 1.0, mmd.gaussian(1.0))), abs=1e-6)


def test_non_finite_points_pass_inside_jit_and_show():
    value = jax.jit(lambda x: mmd.mmd2(x, X, mmd.energy()))(X.at[0, 0].set(jnp.nan))
    assert math.isnan(float(value))
