import functools
import math

import hypothesis
import hypothesis.strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import mmd
from coulomb_jax.mmd import sums
from coulomb_jax.mmd.radial import Kernel, register
from tests.mmd import reference
from tests.mmd.reference import cloud


def exact_between(formula, x, y):
    """Sum and its slopes in x and y, in float64, the kernel's slope by central differences."""
    x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
    differences = x[:, None, :] - y[None, :, :]
    r2 = (differences**2).sum(-1)
    kernel = np.vectorize(formula)
    slope = (kernel(r2 * (1 + 1e-5)) - kernel(r2 * (1 - 1e-5))) / (2e-5 * r2)
    pulls = 2 * slope[:, :, None] * differences
    return kernel(r2).sum(), pulls.sum(1), -pulls.sum(0)


def exact_distinct(formula, x):
    """The same over pairs i < j, one row at a time."""
    total, pulls = 0.0, np.zeros(x.shape)
    for i in range(len(x) - 1):
        value, of_row, of_others = exact_between(formula, x[i : i + 1], x[i + 1 :])
        total += value
        pulls[i] += of_row[0]
        pulls[i + 1 :] += of_others
    return total, pulls


@functools.partial(jax.jit, static_argnames="block_size")
def both(x, y, kernel, block_size):
    across = jax.value_and_grad(sums.sum_between, argnums=(0, 1))(x, y, kernel, block_size)
    return across, jax.value_and_grad(sums.sum_distinct)(x, kernel, block_size)


@pytest.mark.parametrize("name", reference.ONE_OF_EACH)
def test_tiles_match_the_float64_loop(name):
    kernel, dim, formula = reference.KERNELS[name]
    x, y = cloud(0, 23, dim), cloud(1, 17, dim, 0.5)
    (value, slopes), (value_within, slope_within) = both(x, y, kernel, 5)
    total, of_x, of_y = exact_between(formula, x, y)
    spread = abs(reference.gram(formula, x, y)).sum()
    assert float(value) == pytest.approx(total, rel=3e-5, abs=3e-6 * spread)
    for slope, exact in zip(slopes, (of_x, of_y)):
        np.testing.assert_allclose(slope, exact, atol=1e-4 * abs(exact).max())
    total, of_x = exact_distinct(formula, x)
    assert float(value_within) == pytest.approx(total, rel=3e-5, abs=3e-6 * spread)
    np.testing.assert_allclose(slope_within, of_x, atol=1e-4 * abs(of_x).max())


@pytest.mark.parametrize("dim", [2, 16])
@pytest.mark.parametrize(
    ("n", "m", "block_size"), [(9, 4, 1), (9, 4, 3), (30, 41, 7), (30, 41, 100), (64, 64, 16)]
)
def test_every_size_of_block_gives_the_same(n, m, block_size, dim):
    x, y, kernel = cloud(0, n, dim), cloud(1, m, dim), mmd.inverse_multiquadratic(1.0)
    ours, dense = (jax.tree.leaves(both(x, y, kernel, size)) for size in (block_size, None))
    for one, other in zip(ours, dense):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("dim", [2, 16])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_large_sets_are_cut_by_themselves(dim, offset, monkeypatch):
    """Offset 1e3 rounds the points to 6e-5: the reference sees the rounded points."""
    monkeypatch.setattr(sums, "CPU_BLOCK", 128)
    monkeypatch.setattr(sums, "DENSE_PAIRS", 128 * 128)
    x, y = cloud(0, 300, dim, offset), cloud(1, 140, dim, offset)
    kernel = mmd.inverse_multiquadratic(float(dim))

    def total(x, y):
        return sums.sum_between(x, y, kernel), sums.sum_distinct(x, kernel)

    across, within = jax.jit(total)(x, y)
    slope, slope_within = jax.jit(jax.jacrev(total))(x, y)

    def formula(r2):
        return dim / (dim + r2)

    exact, of_x, _ = exact_between(formula, x, y)
    assert float(across) == pytest.approx(exact, rel=1e-6)
    np.testing.assert_allclose(slope, of_x, atol=1e-5 * abs(of_x).max())
    exact, of_x = exact_distinct(formula, x)
    assert float(within) == pytest.approx(exact, rel=1e-6)
    np.testing.assert_allclose(slope_within, of_x, atol=1e-5 * abs(of_x).max())


def test_parameters_have_slopes_too():
    x, y = cloud(0, 40, 3), cloud(1, 30, 3, 1.0)

    def tiled(parameters, block_size=8):
        sigma, weight = parameters
        kernel = weight * mmd.gaussian(sigma) + mmd.energy()
        return sums.sum_between(x, y, kernel, block_size) + sums.sum_distinct(x, kernel, block_size)

    slopes = jax.jit(jax.grad(tiled))((1.3, 2.0))
    r2 = ((x[:, None, :].astype(np.float64) - np.concatenate([y, x])[None, :, :]) ** 2).sum(-1)
    times = np.ones(r2.shape)
    times[:, 30:] = np.triu(np.ones((40, 40)), 1)
    k = np.exp(-r2 / (2 * 1.3**2)) * times
    np.testing.assert_allclose(slopes, (2.0 * (k * r2).sum() / 1.3**3, k.sum()), rtol=1e-5)


def test_what_a_plain_function_closes_over_has_a_slope():
    x, y = cloud(0, 40, 3), cloud(1, 30, 3, 1.0)

    def tiled(width):
        return sums.sum_between(x, y, lambda r2: jnp.exp(-r2 / width), 8)

    r2 = ((x[:, None, :].astype(np.float64) - y[None, :, :]) ** 2).sum(-1)
    expected = (np.exp(-r2 / 2.0) * r2 / 4.0).sum()
    assert float(jax.jit(jax.grad(tiled))(2.0)) == pytest.approx(expected, rel=1e-5)


def test_a_plain_function_may_have_a_program_of_its_own_inside():
    """`jnp.where` is one, made for the shape of a tile."""
    x = cloud(0, 41, 3)
    total = sums.sum_distinct(x, lambda r2: jnp.where(r2 > 1.0, 1.0 / r2, r2), 8)
    expected, _ = exact_distinct(lambda r2: 1.0 / r2 if r2 > 1.0 else r2, x)
    assert float(total) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("dim", [2, 16])
@pytest.mark.parametrize("twins", [False, True])
def test_squares_on_the_diagonal_are_as_exact_as_their_distances(dim, twins):
    """A point and itself are no near pair, a point and its twin are."""
    x = cloud(0, 300, dim)
    if twins:
        x[150:] = x[:150] + 1e-3
    value, slope = jax.jit(jax.value_and_grad(sums.sum_distinct))(x, mmd.inverse_multiquadratic(1e-4))
    total, exact = exact_distinct(lambda r2: 1e-4 / (1e-4 + r2), x)
    assert float(value) == pytest.approx(total, rel=1e-5)
    np.testing.assert_allclose(slope, exact, atol=1e-3 * abs(exact).max())


@pytest.mark.parametrize("name", ["gaussian", "coulomb 3", "energy", "matern 5/2"])
def test_second_derivatives_of_tiles_equal_those_of_the_dense_sum(name):
    kernel, dim, _ = reference.KERNELS[name]
    x, y, v = cloud(0, 13, dim), cloud(1, 11, dim), cloud(2, 13, dim)

    def total(block_size, x):
        return sums.sum_between(x, y, kernel, block_size) + sums.sum_distinct(x, kernel, block_size)

    def hessian_products(block_size):
        gradient = jax.grad(functools.partial(total, block_size))
        forward = jax.jvp(gradient, (x,), (v,))[1]
        backward = jax.grad(lambda x: jnp.vdot(gradient(x), v))(x)
        return forward, backward

    dense, _ = jax.jit(hessian_products, static_argnums=0)(None)
    for product in jax.jit(hessian_products, static_argnums=0)(4):
        np.testing.assert_allclose(product, dense, rtol=2e-3, atol=1e-4 * float(jnp.max(jnp.abs(dense))))


def test_tiles_under_vmap_equal_a_loop():
    x = jnp.stack([cloud(seed, 20, 3) for seed in range(3)])
    kernels = jnp.asarray([0.5, 1.0, 2.0])

    def one(x, sigma):
        return jax.value_and_grad(sums.sum_distinct)(x, mmd.gaussian(sigma), 6)

    values, slopes = jax.jit(jax.vmap(one))(x, kernels)
    for index in range(3):
        sigma = float(kernels[index])
        value, slope = exact_distinct(lambda r2, sigma=sigma: math.exp(-r2 / (2 * sigma**2)), x[index])
        assert float(values[index]) == pytest.approx(value, rel=1e-5)
        np.testing.assert_allclose(slopes[index], slope, atol=2e-5)


def test_float64_points_are_summed_in_float64():
    with jax.enable_x64(True):
        x = np.random.default_rng(0).normal(size=(20, 6))
        value, slope = jax.value_and_grad(sums.sum_distinct)(jnp.asarray(x), mmd.energy(), 6)
        total, exact = exact_distinct(lambda r2: -np.sqrt(r2), x)
        assert float(value) == pytest.approx(total, rel=1e-12)
        np.testing.assert_allclose(slope, exact, rtol=1e-7, atol=1e-9)


def test_parameters_of_another_kind_than_the_points():
    @register()
    class Power(Kernel):
        scale: float
        degree: int

        def profile(self, r2):
            return (1.0 + r2 / self.scale) ** -self.degree

    x, y = cloud(0, 9, 3), cloud(1, 8, 3)
    r2 = ((x[:, None, :].astype(np.float64) - y[None, :, :]) ** 2).sum(-1)
    with jax.enable_x64(True):
        scale = jnp.asarray(2.0, jnp.float64)

        def total(scale):
            return sums.sum_between(jnp.asarray(x), jnp.asarray(y), Power(scale, jnp.asarray(3)), 4)

        value, slope = jax.value_and_grad(total)(scale)
    assert float(value) == pytest.approx(((1 + r2 / 2) ** -3.0).sum(), rel=1e-5)
    assert float(slope) == pytest.approx((3 * r2 / 4 * (1 + r2 / 2) ** -4.0).sum(), rel=1e-5)


def test_only_the_slopes_asked_for_are_computed():
    """Three products of W and points for both slopes, one for one: counted in the program."""
    x, y, kernel = cloud(0, 2000, 8), cloud(1, 2000, 8), mmd.energy()

    def flops(argnums):
        program = jax.jit(jax.grad(sums.sum_between, argnums=argnums)).lower(x, y, kernel).compile()
        return program.cost_analysis()["flops"]

    assert flops((0, 1)) - flops(0) > 2000 * 2000 * 8 * 2 * 0.9


@pytest.mark.parametrize("gradient", [False, True])
def test_thirty_thousand_points_fit_into_fixed_memory(gradient):
    points = jax.ShapeDtypeStruct((30_000, 16), jnp.float32)
    function = mmd.mmd2 if not gradient else jax.value_and_grad(mmd.mmd2, argnums=(0, 1))
    program = jax.jit(function).lower(points, points, mmd.gaussian(4.0)).compile()
    assert program.memory_analysis().temp_size_in_bytes < 300e6


@pytest.mark.parametrize(
    "estimate",
    [
        mmd.mmd2,
        mmd.mmd2_with_error,
        mmd.mmd2_sharded,
        lambda x, y, kernel: mmd.mmd2(x, y, kernel, estimator="biased"),
        lambda x, y, kernel: mmd.mmd2(x, y, kernel, estimator="block"),
        lambda x, y, kernel: mmd.mmd2(x, y, kernel, estimator="linear"),
        lambda x, y, kernel: mmd.mmd2_to_normal(x, kernel),
        lambda x, y, kernel: mmd.sliced_energy(jax.random.key(0), x, y),
        lambda x, y, kernel: mmd.two_sample_test(jax.random.key(0), x, y, kernel, permutations=9).p_value,
        lambda x, y, kernel: (
            mmd.two_sample_test(
                jax.random.key(0), x, y, kernel, permutations=9, method="wild_bootstrap"
            ).p_value
        ),
    ],
)
def test_a_million_points_can_be_planned(estimate):
    """10^12 pairs are no int32."""
    points = jax.ShapeDtypeStruct((1_000_000, 3), jnp.float32)
    result = jax.eval_shape(lambda x, y: estimate(x, y, mmd.gaussian(4.0)), points, points)
    assert jax.tree.leaves(result)[0].shape == ()


COORDINATES = st.sampled_from([0.0, 1e-30, -1e-30, 1e-18, 1e-6, -1e-3, 1.0, -2.5, 1e18, -1e18])


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("block_size", [None, 2])
@pytest.mark.parametrize("name", reference.ONE_OF_EACH)
def test_value_and_gradient_are_finite_for_every_finite_points(name, block_size, dtype):
    kernel, dim, _ = reference.KERNELS[name]

    @jax.jit
    def all_of(x, y):
        return jax.value_and_grad(functools.partial(mmd.mmd2, block_size=block_size), argnums=(0, 1))(
            x, y, kernel
        )

    points = st.lists(st.lists(COORDINATES, min_size=dim, max_size=dim), min_size=5, max_size=5)

    @hypothesis.settings(max_examples=20, deadline=None, derandomize=True)
    @hypothesis.given(points, points)
    def finite(x, y):
        for result in jax.tree.leaves(all_of(jnp.asarray(x, dtype), jnp.asarray(y, dtype))):
            assert bool(jnp.all(jnp.isfinite(result)))

    finite()


def test_what_a_plain_function_closes_over_has_a_slope_in_a_shard_map():
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:4]), ("device",))
    x, y = cloud(0, 48, 3), cloud(1, 48, 3, 0.5)

    def loss(width, x, y):
        return mmd.mmd2(x, y, lambda r2: jnp.exp(-r2 / width), block_size=5)

    def mine(width, x, y):
        return jax.lax.pmean(loss(jax.lax.pcast(width, "device", to="varying"), x, y), "device")

    parts = (jax.P(), jax.P("device"), jax.P("device"))
    mapped = jax.shard_map(mine, mesh=mesh, in_specs=parts, out_specs=jax.P())
    alone = jax.jit(jax.grad(loss))
    each = [alone(2.0, x[i : i + 12], y[i : i + 12]) for i in range(0, 48, 12)]
    assert float(jax.jit(jax.grad(mapped))(2.0, x, y)) == pytest.approx(float(np.mean(each)), rel=1e-5)
