import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.spatial
import scipy.stats

from coulomb_jax import mmd
from tests.mmd import reference
from tests.mmd.reference import cloud

test = jax.jit(mmd.two_sample_test, static_argnames=("permutations", "method"))
test.__test__ = False


def fresh(seed=0):
    return jax.random.key(seed)


@pytest.mark.parametrize("name", ["gaussian", "coulomb 3", "energy", "coulomb 2"])
@pytest.mark.parametrize(("n", "m"), [(7, 7), (9, 5), (4, 11)])
def test_the_statistic_is_the_unbiased_mmd2(name, n, m):
    kernel, dim, formula = reference.KERNELS[name]
    x, y = cloud(0, n, dim), cloud(1, m, dim, 0.5)
    result = test(fresh(), x, y, kernel, permutations=9)
    assert float(result.statistic) == pytest.approx(reference.mmd2(formula, x, y), rel=3e-5)
    assert result.null.shape == (9,)


def test_the_null_is_that_of_all_relabellings():
    """Of 3 + 4 points there are 35: every value of ours is one of them, and each is there."""
    kernel, dim, formula = reference.KERNELS["gaussian"]
    x, y = cloud(0, 3, dim), cloud(1, 4, dim, 0.5)
    pooled = np.concatenate([x, y])
    exact = []
    for chosen in itertools.combinations(range(7), 3):
        others = [i for i in range(7) if i not in chosen]
        exact.append(reference.mmd2(formula, pooled[list(chosen)], pooled[others]))
    found = np.asarray(test(fresh(), x, y, kernel, permutations=999).null)
    distance = np.abs(found[:, None] - np.array(exact)[None, :])
    assert distance.min(1).max() < 1e-6
    assert distance.min(0).max() < 1e-6
    counts = np.bincount(distance.argmin(1), minlength=35)
    assert scipy.stats.chisquare(counts).pvalue > 1e-3


def test_signs_swap_the_points_of_a_pair():
    kernel, dim, formula = reference.KERNELS["gaussian"]
    n = 4
    x, y = cloud(0, n, dim), cloud(1, n, dim, 0.5)
    k_xx, k_yy, k_xy = (reference.gram(formula, a, b) for a, b in ((x, x), (y, y), (x, y)))
    h = k_xx + k_yy - k_xy - k_xy.T
    np.fill_diagonal(h, 0.0)
    exact = [np.array(s) @ h @ np.array(s) / (n * (n - 1)) for s in itertools.product([-1, 1], repeat=n)]
    result = test(fresh(), x, y, kernel, permutations=199, method="wild_bootstrap")
    assert float(result.statistic) == pytest.approx(h.sum() / (n * (n - 1)), abs=1e-6)
    distance = np.abs(np.asarray(result.null)[:, None] - np.array(exact)[None, :])
    assert distance.min(1).max() < 1e-6
    assert distance.min(0).max() < 1e-6


@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_p_values_agree_with_scipy(shift):
    x, y = cloud(2, 5, 1), cloud(3, 6, 1, shift)
    formula = reference.KERNELS["energy"][2]

    def statistic(a, b):
        return reference.mmd2(formula, a[:, None], b[:, None])

    exact = scipy.stats.permutation_test(
        (x[:, 0], y[:, 0]), statistic, alternative="greater", n_resamples=np.inf, vectorized=False
    ).pvalue
    found = float(test(fresh(), x, y, mmd.energy(), permutations=4000).p_value)
    assert found == pytest.approx(exact, abs=4 * math.sqrt(exact * (1 - exact) / 4000) + 1e-3)


def test_p_values_count_the_observed_statistic():
    x, y = cloud(0, 30, 2), cloud(1, 40, 2, 0.2)
    kernels = [mmd.gaussian(0.3), mmd.gaussian(1.0), mmd.energy()]
    result = test(fresh(), x, y, kernels, permutations=99)
    above = (np.asarray(result.null) >= np.asarray(result.statistic)[:, None]).sum(1)
    np.testing.assert_allclose(result.p_values, (1 + above) / 100, rtol=1e-6)
    everything = np.concatenate([np.asarray(result.statistic)[:, None], np.asarray(result.null)], 1)
    by_rank = np.array([[(row >= value).mean() for value in row] for row in everything])
    least = by_rank.min(0)
    assert float(result.p_value) == pytest.approx((least <= least[0]).mean(), rel=1e-6)
    for index, kernel in enumerate(kernels):
        alone = test(fresh(), x, y, kernel, permutations=99)
        assert float(alone.p_value) == pytest.approx(float(result.p_values[index]))
        np.testing.assert_allclose(alone.null, result.null[index], rtol=1e-4, atol=1e-6)


def test_no_p_value_is_zero():
    x = cloud(0, 30, 2)
    assert float(test(fresh(), x, x + 100.0, mmd.energy(), permutations=9).p_value) == pytest.approx(0.1)


def test_equal_sets_and_coincident_points_are_ties():
    x = cloud(0, 20, 2)
    assert float(test(fresh(), x, x, mmd.coulomb(2), permutations=99).p_value) > 0.9
    same = jnp.ones((6, 2))
    result = test(fresh(), same, same, mmd.laplacian(1.0), permutations=19)
    assert float(result.p_value) == 1.0
    assert bool(jnp.all(jnp.isfinite(result.null)))


def test_a_kernel_without_a_value_at_zero():
    x, y = cloud(0, 9, 3), cloud(1, 8, 3)

    def bare(r2):
        return 1 / jnp.sqrt(r2)

    result = mmd.two_sample_test(fresh(), x, y, bare, permutations=19)
    assert float(result.statistic) == pytest.approx(reference.mmd2(lambda r2: r2**-0.5, x, y), rel=1e-4)
    assert bool(jnp.all(jnp.isfinite(result.null)))


def test_half_precision_points():
    x, y = (jnp.asarray(cloud(seed, 30, 2), jnp.bfloat16) for seed in (0, 1))
    result = test(fresh(), x, y, mmd.gaussian(1.0), permutations=9)
    assert result.statistic.dtype == jnp.float32
    wide = [np.asarray(points, np.float32) for points in (x, y)]
    expected = reference.mmd2(reference.KERNELS["gaussian"][2], *wide)
    assert float(test(fresh(), x, y, mmd.gaussian(1.3), permutations=9).statistic) == pytest.approx(
        expected, abs=1e-6
    )


def test_rows_in_blocks_give_the_same(monkeypatch):
    x, y = cloud(0, 23, 3), cloud(1, 18, 3, 0.4)

    def run():
        return mmd.two_sample_test(fresh(), x, y, [mmd.gaussian(1.0), mmd.coulomb(3)], permutations=9)

    whole = jax.jit(lambda: run())()
    monkeypatch.setattr("coulomb_jax.mmd.rows.VALUES_AT_ONCE", 41 * 6)
    cut = jax.jit(lambda: run())()
    for one, other in zip(whole, cut):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_memory_is_that_of_the_labels_and_some_rows():
    points = jax.ShapeDtypeStruct((20_000, 4), jnp.float32)
    key = jax.eval_shape(lambda: jax.random.key(0))
    program = test.lower(key, points, points, mmd.gaussian(1.0), permutations=50).compile()
    labels = 40_000 * 51 * 4
    assert program.memory_analysis().temp_size_in_bytes < 8 * labels + 10 * 2**22 * 4  # n²: 6.4e9


def rejections(draw, kernels, level, repetitions, method="permutation", permutations=99):
    """Share of the repetitions in which the test rejects."""

    def once(key):
        of_points, of_test = jax.random.split(key)
        x, y = draw(of_points)
        chosen = kernels(x, y) if kernels is collection else kernels
        result = mmd.two_sample_test(of_test, x, y, chosen, permutations=permutations, method=method)
        return result.p_value <= level

    keys = jax.random.split(jax.random.key(3), repetitions)
    run = jax.jit(lambda keys: jax.lax.map(once, keys, batch_size=50))
    return float(jnp.mean(run(keys)))


def collection(x, y):
    return [mmd.gaussian(sigma) for sigma in mmd.bandwidths(x, y, 5)]


@pytest.mark.slow
@pytest.mark.parametrize("level", [0.05, 0.2])
@pytest.mark.parametrize(
    ("method", "kernels", "m"),
    [
        ("permutation", mmd.gaussian(1.0), 15),
        ("permutation", mmd.coulomb(2), 20),
        ("permutation", collection, 15),
        ("wild_bootstrap", mmd.energy(), 20),
        ("wild_bootstrap", collection, 20),
    ],
)
def test_the_level_is_held(method, kernels, m, level):
    def draw(key):
        pooled = jax.random.normal(key, (20 + m, 2))
        return pooled[:20], pooled[20:]

    repetitions = 1000
    share = rejections(draw, kernels, level, repetitions, method)
    assert share == pytest.approx(level, abs=3.5 * math.sqrt(level * (1 - level) / repetitions))


@pytest.mark.slow
def test_the_aggregated_test_needs_no_lucky_bandwidth():
    """Equal means and variances, and a fine structure that only a small bandwidth sees."""

    def draw(key):
        of_x, of_y, of_mode = jax.random.split(key, 3)
        x = jax.random.normal(of_x, (80, 1))
        modes = jax.random.choice(of_mode, jnp.asarray([-1.0, 1.0]), (80, 1))
        return x, math.sqrt(0.95) * modes + math.sqrt(0.05) * jax.random.normal(of_y, (80, 1))

    good, bad, all_of_them = (
        rejections(draw, kernels, 0.05, 200) for kernels in (mmd.gaussian(0.4), mmd.gaussian(8.0), collection)
    )
    assert good > 0.9
    assert bad < 0.3
    assert all_of_them > 0.85


def test_the_same_key_gives_the_same_and_another_one_does_not():
    x, y = cloud(0, 20, 2), cloud(1, 20, 2)
    one, same, other = (test(jax.random.key(k), x, y, mmd.energy(), permutations=9).null for k in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_bandwidths_span_the_distances_in_equal_ratios():
    x, y = cloud(0, 30, 3), cloud(1, 21, 3, 2.0)
    distances = scipy.spatial.distance.pdist(np.concatenate([x, y]))
    low, high = np.quantile(distances, [0.05, 0.95])
    np.testing.assert_allclose(mmd.bandwidths(x, y, 7), np.geomspace(low / 2, 2 * high, 7), rtol=1e-4)
    assert mmd.bandwidths(x, y, 1).shape == (1,)
    repeated = np.repeat(cloud(2, 2, 3), 20, 0)  # half of all distances are 0
    assert float(jnp.min(mmd.bandwidths(repeated, repeated))) > 0.0


X = cloud(0, 6, 2)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: mmd.two_sample_test(fresh(), X, X[:5], mmd.energy(), method="wild_bootstrap"),
            ValueError,
            "6 and 5",
        ),
        (lambda: mmd.two_sample_test(fresh(), X, X, mmd.energy(), permutations=0), ValueError, "at least 1"),
        (
            lambda: mmd.two_sample_test(fresh(), X, X, mmd.energy(), permutations=9.5),
            TypeError,
            "whole number",
        ),
        (
            lambda: mmd.two_sample_test(fresh(), X, X, mmd.energy(), method="jackknife"),
            ValueError,
            "permutation, wild",
        ),
        (lambda: mmd.two_sample_test(fresh(), X, X, []), ValueError, "empty list"),
        (
            lambda: mmd.two_sample_test(fresh(), X, X, [mmd.energy(), "gaussian"]),
            TypeError,
            "must be a kernel",
        ),
        (lambda: mmd.two_sample_test(0, X, X, mmd.energy()), TypeError, "random key"),
        (
            lambda: mmd.two_sample_test(jax.random.split(fresh()), X, X, mmd.energy()),
            ValueError,
            "one random key",
        ),
        (lambda: mmd.two_sample_test(fresh(), X[:1], X, mmd.energy()), ValueError, "at least 2 points"),
        (lambda: mmd.two_sample_test(fresh(), X, X, mmd.coulomb(3)), ValueError, "made for points of 3"),
        (lambda: mmd.bandwidths(X, X, 0), ValueError, "at least 1"),
        (lambda: mmd.bandwidths(X, X, 2.0), TypeError, "whole number"),
    ],
)
def test_bad_input_gets_one_clear_sentence(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
