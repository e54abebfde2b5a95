import itertools
import math

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tests.mmd.reference as reference
from coulomb_jax import mmd

NAMES = list(reference.KERNELS)
R2 = [1e-4, 0.01, 0.3, 1.0, 2.7, 30.0, 150.0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_values_match_the_float64_formula(name, dtype):
    kernel, _, formula = reference.KERNELS[name]
    r2 = jnp.asarray(R2, dtype)
    values = kernel(r2)
    assert values.dtype == jnp.float32
    expected = [formula(float(value)) for value in r2]
    np.testing.assert_allclose(values, expected, rtol=3e-5, atol=1e-7)


@pytest.mark.parametrize("name", NAMES)
def test_values_and_derivatives_in_float64(name):
    kernel, _, formula = reference.KERNELS[name]
    with jax.enable_x64(True):
        at = np.array([0.3, 2.7, 30.0])
        h = 1e-4 * at
        low, middle, high = ([formula(r2) for r2 in points] for points in (at - h, at, at + h))
        low, middle, high = np.array(low), np.array(middle), np.array(high)
        derivatives = kernel, jax.vmap(jax.grad(kernel)), jax.vmap(jax.grad(jax.grad(kernel)))
        value, slope, curvature = jax.jit(lambda r2: [f(r2) for f in derivatives])(at)
        np.testing.assert_allclose(value, middle, rtol=1e-13)
        np.testing.assert_allclose(slope, (high - low) / (2 * h), rtol=1e-5)
        np.testing.assert_allclose(curvature, (high - 2 * middle + low) / h**2, rtol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_bound_is_the_largest_value(name):
    kernel, _, _ = reference.KERNELS[name]
    values = np.asarray(kernel(jnp.asarray([0.0, *R2, 1e8])))
    bound = float(kernel.bound)
    if bound == math.inf:  # unbounded below: a logarithm, or a power of the distance
        assert values[-1] < -1.0
    else:
        assert values.max() == pytest.approx(bound, rel=1e-5)
        assert values.min() >= 0.0


COORDINATES = st.sampled_from([0.0, 1e-30, -1e-30, 1e-18, 1e-6, -1e-3, 1.0, -2.5, 1e18, -1e18])


@pytest.mark.parametrize(
    ("name", "dtype"),
    [(name, jnp.float32) for name in NAMES]
    + [(name, jnp.bfloat16) for name in ("coulomb 2", "coulomb 3", "laplacian", "energy")],
)
def test_values_and_two_derivatives_are_finite_everywhere(name, dtype):
    kernel, dim, _ = reference.KERNELS[name]
    dim = min(dim, 3)

    @jax.jit
    def all_of(x, y):
        def value(x):
            return kernel(jnp.sum((x - y).astype(jnp.float32) ** 2))

        return value(x), jax.grad(value)(x), jax.hessian(value)(x)

    points = st.lists(COORDINATES, min_size=dim, max_size=dim)

    @hypothesis.settings(max_examples=25, deadline=None, derandomize=True)
    @hypothesis.given(points, points)
    def finite(x, y):
        for result in all_of(jnp.asarray(x, dtype), jnp.asarray(y, dtype)):
            assert bool(jnp.all(jnp.isfinite(result)))

    finite()
    same = jnp.ones(dim, dtype)
    _, force, _ = all_of(same, same)
    assert not np.any(np.asarray(force, np.float32))


@pytest.mark.parametrize("name", NAMES)
def test_profile_is_finite_on_every_scale_of_float32(name):
    kernel, _, _ = reference.KERNELS[name]
    r2 = jnp.asarray([0.0, 1e-45, 1e-38, 1e-30, 1e-24, 1e-18, 1e-12, 1e18, 1e36])
    slope = jax.vmap(jax.grad(kernel))
    curvature = jax.vmap(jax.grad(jax.grad(kernel)))
    for result in jax.jit(lambda r2: (kernel(r2), slope(r2), curvature(r2)))(r2):
        assert bool(jnp.all(jnp.isfinite(result)))


@pytest.mark.parametrize("dim", [2, 3, 4, 5, 8])
def test_coulomb_is_harmonic_away_from_the_pole(dim):
    kernel, another = mmd.coulomb(dim), mmd.coulomb(dim, beta=dim - 1)
    of_coulomb = jax.jit(jax.hessian(lambda x: kernel(jnp.sum(x * x))))
    of_another_power = jax.jit(jax.hessian(lambda x: another(jnp.sum(x * x))))
    with jax.enable_x64(True):
        for x in np.random.default_rng(dim).normal(size=(5, dim)):
            hessian = np.asarray(of_coulomb(x))
            assert abs(np.trace(hessian)) < 1e-12 * np.linalg.norm(hessian)
            other = np.asarray(of_another_power(x))
            assert abs(np.trace(other)) > 0.1 * np.linalg.norm(other)


@pytest.mark.parametrize("scale", [1.0, 0.3])
@pytest.mark.parametrize("dim", [1, 2, 3, 4, 7])
def test_normalized_coulomb_has_unit_flux(dim, scale):
    kernel = mmd.coulomb(dim, normalized=True, scale=scale)
    area = 2 * math.pi ** (dim / 2) / math.gamma(dim / 2)
    for r in (0.5, 1.0, 3.0):
        force = jax.grad(lambda r: kernel(r * r))(r)
        assert float(force) * area * r ** (dim - 1) == pytest.approx(-1.0, rel=1e-5)


def test_dimension_64_does_not_underflow():
    r2 = jnp.asarray([100.0, 128.0, 160.0])
    assert not np.any(np.asarray(r2, np.float32) ** np.float32(-31))  # what a plain power gives
    values = np.asarray(mmd.coulomb(64, scale=math.sqrt(128.0))(r2))
    np.testing.assert_allclose(values, (128.0 / np.array([100.0, 128.0, 160.0])) ** 31, rtol=1e-4)


def test_high_dimension_with_the_default_scale_warns():
    with pytest.warns(UserWarning, match="scale"):
        mmd.coulomb(64)


@pytest.mark.parametrize("dim", [3, 4, 6, 64])
def test_default_epsilon_caps_the_kernel_at_1e12(dim):
    kernel = mmd.coulomb(dim, scale=2.0)
    expected = 10.0 ** min(6 * (dim - 2), 12)
    assert float(kernel.bound) == pytest.approx(expected, rel=1e-4)
    assert float(kernel(0.0)) == float(kernel(jnp.asarray(kernel.radius * 0.99) ** 2))
    assert float(jax.grad(kernel)(jnp.asarray((0.9 * kernel.radius) ** 2))) == 0.0


@pytest.mark.parametrize("kernel", [mmd.gaussian(0.8), mmd.inverse_multiquadratic(1.0), mmd.laplacian(1.0)])
def test_gram_matrix_is_positive_definite(kernel):
    x = jax.random.normal(jax.random.key(0), (30, 2))
    r2 = jnp.sum((x[:, None, :] - x[None, :, :]) ** 2, -1)
    assert float(jnp.linalg.eigvalsh(kernel(r2))[0]) > -1e-5


@pytest.mark.parametrize("kernel", [mmd.coulomb(2), mmd.energy(1.3), mmd.plummer(2, 0.1)])
def test_unbounded_kernels_are_conditionally_positive_definite(kernel):
    x = jax.random.normal(jax.random.key(1), (30, 2))
    r2 = jnp.sum((x[:, None, :] - x[None, :, :]) ** 2, -1) + 0.0
    centre = jnp.eye(30) - 1 / 30
    values = jnp.where(jnp.eye(30, dtype=bool), kernel(0.0), kernel(r2))
    assert float(jnp.linalg.eigvalsh(centre @ values @ centre)[0]) > -1e-4


def test_the_clamp_costs_positive_definiteness_and_plummer_does_not():
    # Points 0.8 apart on a line of the plane: all neighbours inside the clamp, none beyond it.
    x = jnp.asarray(np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), -1).reshape(-1, 2)) * 0.8
    cube = jnp.concatenate(
        [jnp.pad(x, ((0, 0), (0, 1))), jnp.pad(x, ((0, 0), (0, 1))) + jnp.asarray([[0.0, 0.0, 0.8]])]
    )
    r2 = jnp.sum((cube[:, None, :] - cube[None, :, :]) ** 2, -1)
    assert float(jnp.linalg.eigvalsh(mmd.coulomb(3, epsilon=1.0)(r2))[0]) < -1e-3
    assert float(jnp.linalg.eigvalsh(mmd.plummer(3, 1.0)(r2))[0]) > -1e-5


def test_laplacian_is_the_roughest_matern_and_gaussian_the_limit_of_rational_quadratic():
    r2 = jnp.asarray(R2)
    np.testing.assert_allclose(mmd.laplacian(0.6)(r2), mmd.matern(0.5, 0.6)(r2), rtol=1e-6)
    limit = mmd.rational_quadratic(1e4, 2.0)(r2)
    np.testing.assert_allclose(limit, mmd.gaussian(2.0)(r2), rtol=1e-2, atol=1e-6)


def test_plummer_and_coulomb_agree_far_away():
    far = jnp.asarray([100.0, 1e4])
    for dim in (1, 2, 3, 5):
        np.testing.assert_allclose(mmd.plummer(dim, 0.01)(far), mmd.coulomb(dim)(far), rtol=1e-5)


def test_sums_and_multiples():
    r2 = jnp.asarray(R2)
    one, two = mmd.gaussian(1.0), mmd.energy()
    expected = 2.0 * one(r2) + 0.5 * two(r2)
    np.testing.assert_allclose((2.0 * one + two * 0.5)(r2), expected, rtol=1e-6)
    np.testing.assert_allclose((2.0 * (one + one))(r2), 4.0 * one(r2), rtol=1e-6)
    np.testing.assert_allclose(sum([one, one, one])(r2), 3.0 * one(r2), rtol=1e-6)
    np.testing.assert_allclose((np.float32(2) * one)(r2), 2.0 * one(r2), rtol=1e-6)
    assert (2.0 * one + mmd.inverse_multiquadratic(1.0)).bound == 3.0


@pytest.mark.parametrize(
    ("kernel", "text"),
    [
        (mmd.coulomb(2), "coulomb(2)"),
        (mmd.coulomb(64, beta=2, scale=8.0), "coulomb(64, beta=2, scale=8)"),
        (mmd.coulomb(3, epsilon=0.1, normalized=True), "coulomb(3, epsilon=0.1, normalized=True)"),
        (mmd.gaussian(1.5), "gaussian(1.5)"),
        (mmd.energy(), "energy()"),
        (mmd.wae_multiscale(64), "wae_multiscale(64)"),
        (3.0 * (mmd.gaussian(1.0) + mmd.energy(1.5)), "3 * (gaussian(1) + energy(exponent=1.5))"),
    ],
)
def test_a_kernel_names_itself_as_it_is_called(kernel, text):
    assert repr(kernel) == text
    assert eval(text, vars(mmd)) == kernel


def test_a_bandwidth_is_learned_by_grad_and_swept_by_vmap():
    r2 = jnp.asarray([0.5, 2.0])
    slope = jax.grad(lambda sigma: jnp.sum(mmd.gaussian(sigma)(r2)))(1.5)
    expected = sum(math.exp(-v / (2 * 2.25)) * v / 1.5**3 for v in (0.5, 2.0))
    assert float(slope) == pytest.approx(expected, rel=1e-5)
    sigmas = jnp.asarray([0.5, 1.0, 2.0])
    swept = jax.vmap(lambda sigma: mmd.gaussian(sigma)(r2))(sigmas)
    np.testing.assert_allclose(swept, [mmd.gaussian(float(s))(r2) for s in sigmas], rtol=1e-6)
    stacked = jax.vmap(mmd.gaussian)(sigmas)
    np.testing.assert_allclose(jax.vmap(lambda k: k(r2))(stacked), swept, rtol=1e-6)


def test_two_kernels_are_never_one_tree():
    """jit keeps a program per tree: with equal ones a kernel now and then ran as another."""
    kinds = {type(kernel): kernel for kernel, _, _ in reference.KERNELS.values()}
    trees = [jax.tree.structure(kernel) for kernel in kinds.values()]
    trees += [jax.tree.structure(kernel) for kernel in (mmd.gaussian(1.0) + mmd.energy(), mmd.coulomb(4))]
    trees += [jax.tree.structure(mmd.average([mmd.gaussian(1.0), mmd.energy()]))]
    assert len(trees) > 8
    for one, other in itertools.combinations(trees, 2):
        assert one != other


@pytest.mark.parametrize("name", NAMES)
def test_every_kernel_is_a_pytree_that_jit_grad_and_copying_accept(name):
    kernel, _, formula = reference.KERNELS[name]
    leaves, tree = jax.tree_util.tree_flatten(kernel)
    assert jax.tree_util.tree_unflatten(tree, leaves) == kernel
    value = jax.jit(lambda kernel, r2: kernel(r2))(kernel, jnp.asarray(2.0))
    assert float(value) == pytest.approx(formula(2.0), rel=1e-4)
    slopes = jax.tree_util.tree_leaves(jax.grad(lambda kernel: kernel(2.0))(kernel))
    assert len(slopes) == len(leaves)
    assert all(math.isfinite(slope) for slope in slopes)


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: mmd.gaussian(-1.0), ValueError, "gaussian: sigma must be greater than 0"),
        (lambda: mmd.gaussian(0), ValueError, "greater than 0"),
        (lambda: mmd.gaussian(math.inf), ValueError, "finite"),
        (lambda: mmd.gaussian(math.nan), ValueError, "got nan"),
        (lambda: mmd.gaussian("1"), TypeError, "real number"),
        (lambda: mmd.gaussian(jnp.ones(3)), ValueError, "vmap"),
        (lambda: mmd.laplacian(0.0), ValueError, "laplacian: scale"),
        (lambda: mmd.inverse_multiquadratic(-2.0), ValueError, "inverse_multiquadratic: c"),
        (lambda: mmd.rational_quadratic(0.0, 1.0), ValueError, "alpha"),
        (lambda: mmd.energy(2.0), ValueError, "less than 2"),
        (lambda: mmd.energy(0.0), ValueError, "greater than 0"),
        (lambda: mmd.matern(1.0, 1.0), ValueError, "0.5, 1.5 or 2.5"),
        (lambda: mmd.wae_multiscale(0), ValueError, "at least 1"),
        (lambda: mmd.wae_multiscale(8, scales=()), ValueError, "at least one factor"),
        (lambda: mmd.coulomb(2.5), TypeError, "whole number"),
        (lambda: mmd.coulomb(0), ValueError, "at least 1"),
        (lambda: mmd.coulomb(2, beta=2), ValueError, "between -2 and dim = 2"),
        (lambda: mmd.coulomb(3, beta=-2), ValueError, "between -2"),
        (lambda: mmd.coulomb(64, beta=2, normalized=True), ValueError, "beta = dim - 2 = 62"),
        (lambda: mmd.coulomb(3, scale=0.0), ValueError, "scale"),
        (lambda: mmd.coulomb(3, epsilon=0.0), ValueError, "epsilon"),
        (lambda: mmd.coulomb(8, epsilon=1e-6), ValueError, "larger epsilon"),
        (lambda: mmd.coulomb(3, scale=1e-12), ValueError, "smaller unit"),
        (lambda: mmd.plummer(3, 0.0), ValueError, "plummer: epsilon"),
        (lambda: mmd.plummer(64, 0.01), ValueError, "larger epsilon"),
        (lambda: -1.0 * mmd.energy(), ValueError, "weight"),
        (lambda: mmd.energy() * mmd.energy(), TypeError, "unsupported operand"),
        (lambda: mmd.energy() + 1.0, TypeError, "unsupported operand"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(make, error, words):
    with pytest.raises(error, match=words) as caught:
        make()
    assert "\n" not in str(caught.value)
