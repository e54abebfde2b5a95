import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from coulomb_jax.metrics import latent


def cloud(seed, n, d):
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def fresh():
    return jax.random.key(0)


def test_mean_and_covariance_are_numpys_far_from_the_origin():
    codes = (cloud(0, 500, 4) * [1, 2, 3, 4] + 1e4).astype(np.float32)
    mean, matrix = latent.covariance(jnp.asarray(codes))
    np.testing.assert_allclose(mean, np.mean(codes.astype(np.float64), 0), rtol=1e-14)
    np.testing.assert_allclose(matrix, np.cov(codes.astype(np.float64).T), rtol=1e-10, atol=1e-10)


def test_nac_is_the_mean_of_numpys_correlations():
    codes = cloud(0, 300, 6) @ cloud(1, 6, 6)
    found = latent.absolute_correlation(codes)
    matrix = np.corrcoef(codes.astype(np.float64).T)
    expected = np.mean([abs(matrix[i, j]) for i in range(6) for j in range(6) if i != j])
    assert found.nac == pytest.approx(expected, rel=1e-10)
    assert found.dimensions == 6


@pytest.mark.parametrize("n", [1000, 5000])
def test_independent_codes_lie_at_the_floor(n):
    found = latent.absolute_correlation(cloud(n, n, 64))
    assert found.floor == pytest.approx({1000: 0.0252, 5000: 0.0113}[n], abs=5e-5)
    assert found.nac == pytest.approx(found.floor, rel=0.05)


def test_dimensions_that_do_not_vary_are_left_out():
    codes = np.concatenate([cloud(0, 50, 3), np.full((50, 2), 0.1, np.float32)], 1)
    assert latent.absolute_correlation(codes) == latent.absolute_correlation(codes[:, :3])
    chosen = np.array([True, False, True, True, False])
    pair = latent.absolute_correlation(codes, active=chosen)
    assert pair.dimensions == 2
    expected = abs(scipy.stats.pearsonr(codes[:, 0].astype(float), codes[:, 2].astype(float)).statistic)
    assert pair.nac == pytest.approx(expected, rel=1e-10)
    with pytest.raises(ValueError, match="needs two dimensions that vary, but there are 0"):
        latent.absolute_correlation(codes[:, 3:])


def test_active_dimensions_by_their_variance():
    means = cloud(0, 5000, 4) * np.sqrt(np.array([1.0, 0.012, 0.008, 0.0], np.float32)) + 3.0
    np.testing.assert_array_equal(latent.active_dimensions(means), [True, True, False, False])
    np.testing.assert_array_equal(latent.active_dimensions(means, threshold=0.5), [True, False, False, False])


def test_kolmogorov_smirnov_is_scipys():
    codes = np.stack([cloud(0, 400, 1)[:, 0], 1.2 * cloud(1, 400, 1)[:, 0], cloud(2, 400, 1)[:, 0] + 0.3], 1)
    found = latent.normality(codes)
    for place, column in enumerate(codes.T.astype(np.float64)):
        expected = scipy.stats.kstest(column, "norm", method="exact")
        assert found.statistics[place] == pytest.approx(expected.statistic, rel=1e-12)
        assert found.p_values[place] == pytest.approx(expected.pvalue, rel=1e-9)
    assert found.p_value == pytest.approx(3 * min(found.p_values))
    assert found.p_values[0] > 0.01 > found.p_values[2]


def test_kolmogorov_smirnov_of_few_points_and_of_constants():
    found = latent.normality(np.array([[0.0, 5.0], [0.0, 5.0]]))
    np.testing.assert_allclose(found.statistics, [0.5, scipy.stats.norm.cdf(5.0)])
    assert found.p_value <= 1.0


def test_the_prior_is_accepted_and_others_are_not():
    codes = cloud(0, 300, 4)
    assert float(latent.prior_test(fresh(), codes).p_value) > 0.05
    assert float(latent.prior_test(fresh(), codes + 0.5).p_value) == pytest.approx(1 / 200)
    # Normal marginals, and no two of the dimensions independent.
    assert float(latent.prior_test(fresh(), np.repeat(codes[:, :1], 4, 1)).p_value) <= 0.01


def test_another_prior_may_be_given():
    draws = np.random.default_rng(0).uniform(-1, 1, (400, 2)).astype(np.float32)
    assert float(latent.prior_test(fresh(), draws[:200], draws[200:]).p_value) > 0.05
    assert float(latent.prior_test(fresh(), draws[:200]).p_value) <= 0.01
    few = latent.prior_test(fresh(), draws[:200], draws[200:250], permutations=19)
    assert few.null.shape[-1] == 19


def test_bad_codes_are_refused():
    with pytest.raises(TypeError, match="codes must be floating, but their dtype is int64"):
        latent.covariance(np.ones((3, 2), np.int64))
    with pytest.raises(ValueError, match=r"n >= 2, but their shape is \(1, 2\)"):
        latent.active_dimensions(np.ones((1, 2)))
    with pytest.raises(ValueError, match="but 1 values are not"):
        latent.normality(np.array([[0.0], [np.nan]]))


def test_half_precision_codes():
    codes = jnp.asarray(cloud(0, 50, 3), jnp.bfloat16)
    wide = np.asarray(codes, np.float64)
    np.testing.assert_allclose(latent.covariance(codes)[1], np.cov(wide.T), rtol=1e-12)
