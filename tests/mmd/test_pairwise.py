import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import tests.mmd.reference as reference
from coulomb_jax.mmd import pairwise
from tests.mmd.reference import cloud

squared_distances = jax.jit(pairwise.squared_distances)
distinct_pairs = jax.jit(pairwise.distinct_pairs)


def exact(x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)
    return ((x[:, None, :] - y[None, :, :]) ** 2).sum(-1)


@pytest.mark.parametrize("dim", [1, 2, 4, 5, 64])
def test_squared_distances_match_float64(dim):
    x, y = cloud(0, 30, dim), cloud(1, 20, dim)
    r2 = squared_distances(x, y)
    assert r2.dtype == jnp.float32
    np.testing.assert_allclose(r2, exact(x, y), rtol=2e-5, atol=1e-6 * dim)
    assert r2[3, 4] == pytest.approx(reference.squared(x[3], y[4]), rel=1e-5)


@pytest.mark.parametrize("dim", [2, 3, 8, 64])
def test_points_at_offset_1000_keep_four_digits(dim):
    x, y = cloud(0, 40, dim, 1e3), cloud(1, 50, dim, 1e3)
    r2 = np.asarray(squared_distances(x, y))
    far = exact(x, y) > 0.01 * dim
    assert np.abs(r2 / exact(x, y) - 1)[far].max() < 1e-4


@pytest.mark.parametrize("offset", [0.0, 300.0, 3000.0])
def test_product_form_stays_inside_its_stated_bound(offset):
    dim = 64
    x, y = cloud(0, 60, dim, offset), cloud(1, 50, dim, offset)
    r2 = np.asarray(squared_distances(x, y))
    centre = (x.mean(0, dtype=np.float64) + y.mean(0, dtype=np.float64)) / 2
    radius_x = np.linalg.norm(x - centre, axis=1)
    radius_y = np.linalg.norm(y - centre, axis=1)
    bound = (dim + 6) * 2.0**-24 * (radius_x[:, None] + radius_y[None, :]) ** 2
    error = np.abs(r2 - exact(x, y))
    assert (error <= bound).all()
    assert error.max() < 3e-6 * (radius_x**2).mean()  # "in practice a few 1e-7 R²"


def test_product_form_gives_zero_for_the_same_point_and_a_finite_slope():
    x = jnp.asarray(cloud(0, 12, 16, 10.0))
    r2 = squared_distances(x, x)
    assert float(jnp.min(r2)) >= 0.0
    assert float(jnp.max(jnp.diagonal(r2))) < 1e-4
    slope = jax.grad(lambda x: jnp.sum(squared_distances(x, x)))(x)
    others = np.asarray(x, np.float64)
    expected = 4 * (len(others) * others - others.sum(0)[None, :])
    np.testing.assert_allclose(slope, expected, rtol=1e-4, atol=1e-3)


def test_float64_points_keep_float64():
    with jax.enable_x64(True):
        x = np.random.default_rng(0).normal(size=(9, 6)) + 1e6
        r2 = pairwise.squared_distances(jnp.asarray(x), jnp.asarray(x[:4]))
        assert r2.dtype == jnp.float64
        np.testing.assert_allclose(r2, exact(x, x[:4]), rtol=1e-9, atol=1e-9)


def test_half_precision_is_summed_in_float32():
    x = jnp.asarray(cloud(0, 20, 8), jnp.bfloat16)
    r2 = squared_distances(x, x)
    assert r2.dtype == jnp.float32
    wide = np.asarray(x, np.float32)
    np.testing.assert_allclose(r2, exact(wide, wide), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize(
    ("n", "dim"),
    [(2, 1), (3, 2), (4, 5), (5, 1), (63, 2), (64, 5), (128, 2), (129, 5), (257, 2), (301, 1)],
)
def test_every_pair_is_there_exactly_once(n, dim):
    x = cloud(n, n, dim)
    parts = distinct_pairs(x)
    found = np.sort(np.concatenate([np.ravel(part) for part in parts]))
    pairs = exact(x, x)[np.triu_indices(n, 1)]
    assert len(found) == n * (n - 1) // 2
    np.testing.assert_allclose(found, np.sort(pairs), rtol=1e-5, atol=2e-5)


def test_distinct_pairs_of_integers_by_hand():
    points = jnp.asarray([[0.0], [1.0], [10.0], [100.0]])
    found = sorted(itertools.chain(*[np.ravel(p).tolist() for p in pairwise.distinct_pairs(points)]))
    assert found == [1.0, 81.0, 100.0, 8100.0, 9801.0, 10000.0]


@pytest.mark.parametrize("dim", [2, 7])
def test_gradient_of_the_pairs_matches_the_double_loop(dim):
    x = cloud(3, 70, dim)
    slope = jax.grad(lambda x: sum(jnp.sum(1 / (1 + part)) for part in pairwise.distinct_pairs(x)))(
        jnp.asarray(x)
    )
    wide = x.astype(np.float64)
    difference = wide[:, None, :] - wide[None, :, :]
    weight = -2 / (1 + (difference**2).sum(-1)) ** 2
    np.testing.assert_allclose(slope, (weight[:, :, None] * difference).sum(1), rtol=1e-4, atol=1e-5)


def test_distinct_pairs_under_vmap_equal_a_loop():
    x = jnp.asarray(np.stack([cloud(seed, 10, 2) for seed in range(3)]))
    batched = jax.vmap(distinct_pairs)(x)
    for index in range(3):
        for part, single in zip(batched, distinct_pairs(x[index])):
            np.testing.assert_allclose(part[index], single, rtol=1e-6)


@pytest.mark.parametrize("n", [2, 3, 8])
def test_off_diagonal_drops_the_diagonal_of_each_row(n):
    square = np.arange(n * n, dtype=np.float32).reshape(n, n)
    expected = [[square[i, j] for j in range(n) if j != i] for i in range(n)]
    np.testing.assert_array_equal(pairwise.off_diagonal(jnp.asarray(square)), expected)
