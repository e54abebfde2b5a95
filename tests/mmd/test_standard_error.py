import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import mmd
from tests.mmd import reference
from tests.mmd.reference import cloud

mmd2_with_error = jax.jit(mmd.mmd2_with_error)


def distinct_index_variance(k_xx, k_yy, k_xy):
    """T² minus the mean of products of kernels on disjoint points: the unbiased variance of T."""
    n, m = k_xy.shape
    pairs_x = list(itertools.permutations(range(n), 2))
    pairs_y = list(itertools.permutations(range(m), 2))
    across = list(itertools.product(range(n), range(m)))

    def mean(pairs, kernel):
        return np.mean([kernel[p] for p in pairs])

    def product(first, k_first, second, k_second, disjoint):
        return np.mean([k_first[p] * k_second[q] for p in first for q in second if disjoint(p, q)])

    def apart(p, q):
        return not set(p) & set(q)

    aa = product(pairs_x, k_xx, pairs_x, k_xx, apart)
    bb = product(pairs_y, k_yy, pairs_y, k_yy, apart)
    ab = mean(pairs_x, k_xx) * mean(pairs_y, k_yy)
    cc = product(across, k_xy, across, k_xy, lambda p, q: p[0] != q[0] and p[1] != q[1])
    ac = product(pairs_x, k_xx, across, k_xy, lambda p, q: q[0] not in p)
    bc = product(pairs_y, k_yy, across, k_xy, lambda p, q: q[1] not in p)
    value = mean(pairs_x, k_xx) + mean(pairs_y, k_yy) - 2 * k_xy.mean()
    squared_mean = aa + bb + 2 * ab + 4 * cc - 4 * ac - 4 * bc
    return value, value**2 - squared_mean


def doubly_centred_mean_square(kernel):
    """E k(1,2)² − 2 E k(1,2)k(1,3) + E k(1,2)k(3,4), by loops over distinct indices."""
    n = len(kernel)
    two = np.mean([kernel[i, j] ** 2 for i, j in itertools.permutations(range(n), 2)])
    three = np.mean([kernel[i, j] * kernel[i, k] for i, j, k in itertools.permutations(range(n), 3)])
    four = np.mean([kernel[i, j] * kernel[k, l] for i, j, k, l in itertools.permutations(range(n), 4)])
    return two - 2 * three + four


def doubly_centred_mean_square_across(k_xy):
    n, m = k_xy.shape
    rows = itertools.permutations(range(n), 2)
    pairs = [(p, q) for p in rows for q in itertools.permutations(range(m), 2)]
    one_row = np.mean([k_xy[p[0], q[0]] * k_xy[p[0], q[1]] for p, q in pairs])
    one_column = np.mean([k_xy[p[0], q[0]] * k_xy[p[1], q[0]] for p, q in pairs])
    neither = np.mean([k_xy[p[0], q[0]] * k_xy[p[1], q[1]] for p, q in pairs])
    return (k_xy**2).mean() - one_row - one_column + neither


@pytest.mark.parametrize("name", ["gaussian", "energy", "coulomb 3"])
def test_variance_is_the_unbiased_one_by_distinct_indices(name):
    kernel, dim, formula = reference.KERNELS[name]
    x, y = cloud(2, 7, dim), cloud(3, 6, dim, 2.0)
    k_xx, k_yy, k_xy = (
        reference.gram(lambda r2: formula(r2) if r2 else 0.0, a, b) for a, b in ((x, x), (y, y), (x, y))
    )
    expected_value, expected_variance = distinct_index_variance(k_xx, k_yy, k_xy)
    value, error = mmd2_with_error(jnp.asarray(x), jnp.asarray(y), kernel)
    assert float(value) == pytest.approx(expected_value, rel=1e-4)
    assert float(error) ** 2 == pytest.approx(expected_variance, rel=1e-3)


@pytest.mark.parametrize("name", ["gaussian", "energy", "coulomb 3"])
def test_variance_near_equality_is_the_second_order_part(name):
    kernel, dim, formula = reference.KERNELS[name]
    n, m = 7, 6
    x, y = cloud(0, n, dim), cloud(100, m, dim)
    k_xx, k_yy, k_xy = (
        reference.gram(lambda r2: formula(r2) if r2 else 0.0, a, b) for a, b in ((x, x), (y, y), (x, y))
    )
    second = (
        2 * doubly_centred_mean_square(k_xx) / (n * (n - 1))
        + 2 * doubly_centred_mean_square(k_yy) / (m * (m - 1))
        + 4 * doubly_centred_mean_square_across(k_xy) / (n * m)
    )
    _, unbiased = distinct_index_variance(k_xx, k_yy, k_xy)
    assert unbiased < second / 2  # by the choice of the seed
    _, error = mmd2_with_error(jnp.asarray(x), jnp.asarray(y), kernel)
    assert float(error) ** 2 == pytest.approx(second / 2, rel=1e-3)


@pytest.mark.parametrize("shift", [0.0, 0.3, 0.6, 1.0])
@pytest.mark.parametrize(
    ("kernel", "dim"),
    [(mmd.gaussian(2.0), 5), (mmd.coulomb(3), 3), (mmd.energy(), 3)],
)
def test_standard_error_matches_simulation(kernel, dim, shift):
    n, m, repetitions = 40, 30, 1500

    def once(key):
        of_x, of_y = jax.random.split(key)
        x = jax.random.normal(of_x, (n, dim))
        return mmd.mmd2_with_error(x, jax.random.normal(of_y, (m, dim)) + shift, kernel)

    keys = jax.random.split(jax.random.key(2), repetitions)
    values, errors = jax.jit(lambda keys: jax.lax.map(once, keys, batch_size=50))(keys)
    assert float(jnp.min(errors)) > 0.0
    assert float(jnp.mean(errors) / jnp.std(values)) == pytest.approx(1.0, abs=0.1)
    if not shift:
        assert abs(float(jnp.mean(values))) < 4 * float(jnp.std(values)) / math.sqrt(repetitions)


def test_error_is_finite_and_differentiable_where_all_points_coincide():
    x = jnp.ones((6, 2))
    value, error = mmd2_with_error(x, x, mmd.gaussian(1.0))
    assert abs(float(value)) < 1e-6
    assert float(error) == 0.0
    slope = jax.grad(lambda x: mmd2_with_error(x, jnp.ones((6, 2)), mmd.gaussian(1.0))[1])(x)
    assert bool(jnp.all(jnp.isfinite(slope)))
