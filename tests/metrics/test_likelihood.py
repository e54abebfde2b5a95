import math

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.neighbors import KernelDensity

from coulomb_jax.data import grid
from coulomb_jax.metrics.likelihood import BANDWIDTHS, kde_log_likelihood

# Computed elsewhere for the published grid, from other samples of its true mixture.
CEILING = [-1430, -143, -16.0, -4.60, -3.79, -3.94, -5.24, -7.37, -8.24, -9.13]


def test_the_bandwidths_are_the_published_ones():
    published = [0.001, 0.00316, 0.01, 0.0316, 0.1, 0.316, 1, 3.16, 10, 31.6]
    np.testing.assert_allclose(BANDWIDTHS, published, rtol=2e-3)


@pytest.fixture(scope="module")
def ceiling():
    return kde_log_likelihood(grid.sample(1, 10_000), grid.sample(2, 10_000))


def test_the_true_mixture_reaches_the_ceiling_and_not_the_bound(ceiling):
    assert ceiling.log_likelihood == pytest.approx(-3.80, abs=0.03)
    assert ceiling.bandwidth == ceiling.bandwidth_best_on_test == pytest.approx(0.1)
    assert ceiling.log_likelihood_best_on_test == ceiling.log_likelihood < grid.entropy_bound()
    np.testing.assert_allclose(ceiling.on_test[:2], CEILING[:2], rtol=0.08)
    np.testing.assert_allclose(ceiling.on_test[2:], CEILING[2:], atol=0.25, rtol=0.003)


def test_wide_kernels_score_as_the_smoothed_mixture(ceiling):
    # With many points the estimate is the mixture itself with variance 0.1 + h².
    for place in (5, 6):
        total = 0.1 + BANDWIDTHS[place] ** 2
        expected = -math.log(25) - math.log(2 * math.pi * total) - 0.1 / total
        assert ceiling.on_test[place] == pytest.approx(expected, abs=0.02)


def test_one_gaussian_scores_as_published():
    # Moment-matched: variance 2 · 10.5² + 0.1 a coordinate, so -ln(2 pi e 220.6) = -8.23.
    random = np.random.default_rng(3)
    generated = math.sqrt(220.6) * random.standard_normal((10_000, 2))
    score = kde_log_likelihood(generated, grid.sample(4, 10_000))
    assert score.log_likelihood == pytest.approx(-8.23, abs=0.03)


def test_the_protocol_agrees_with_scikit_learn():
    random = np.random.default_rng(0)
    generated, test = random.normal(size=(60, 3)), random.normal(size=(40, 3))
    widths = [0.1, 0.3, 0.6, 2.0]

    def mean(points, sample, width):
        model = KernelDensity(bandwidth=width, rtol=1e-10).fit(sample)
        return model.score_samples(points).mean()

    score = kde_log_likelihood(generated, test, bandwidths=widths)
    held_out = [mean(generated[1::2], generated[::2], width) for width in widths]
    on_test = [mean(test, generated, width) for width in widths]
    np.testing.assert_allclose(score.on_held_out, held_out, rtol=1e-5)
    np.testing.assert_allclose(score.on_test, on_test, rtol=1e-5)
    assert score.log_likelihood == pytest.approx(on_test[int(np.argmax(held_out))], rel=1e-5)
    assert score.log_likelihood_best_on_test == pytest.approx(max(on_test), rel=1e-5)
    assert score.bandwidth == widths[int(np.argmax(held_out))]
    assert score.bandwidths == tuple(widths)


def test_no_test_point_takes_part_in_choosing():
    # A generator that says everything twice: its own halves want the smallest bandwidth.
    generated = np.repeat(grid.sample(0, 500), 2, axis=0)
    score = kde_log_likelihood(generated, grid.sample(1, 500))
    assert score.bandwidth == BANDWIDTHS[0]
    assert score.bandwidth_best_on_test == pytest.approx(0.316, rel=1e-2)
    assert score.log_likelihood == score.on_test[0] < -1000
    assert score.log_likelihood_best_on_test == max(score.on_test) > -5


def test_a_sample_sorted_by_mode_is_scored_like_any_other():
    points = grid.sample(0, 6000)
    order = np.lexsort(np.round(points / 10.5).T)
    test = grid.sample(1, 500)
    ordered, shuffled = kde_log_likelihood(points[order], test), kde_log_likelihood(points, test)
    assert ordered.bandwidth == shuffled.bandwidth == pytest.approx(0.1)
    assert ordered.log_likelihood == pytest.approx(shuffled.log_likelihood, rel=1e-6)


def test_the_result_is_plain_numbers_and_reproducible():
    generated, test = grid.sample(0, 200), grid.sample(1, 100)
    score = kde_log_likelihood(jnp.asarray(generated), jnp.asarray(test))
    assert {type(value) for value in score[:4]} == {float}
    assert {type(value) for row in score[4:] for value in row} == {float}
    assert score == kde_log_likelihood(generated, test)


def test_bad_input_is_refused():
    points = np.ones((5, 2))
    with pytest.raises(ValueError, match="at least 2 generated points, but there are 1"):
        kde_log_likelihood(points[:1], points)
    with pytest.raises(ValueError, match="there are none; give some"):
        kde_log_likelihood(points, points, bandwidths=[])
    with pytest.raises(ValueError, match="bandwidths must be positive"):
        kde_log_likelihood(points, points, bandwidths=[0.0])
    with pytest.raises(ValueError, match="all generated points must be finite, but 2 coordinates"):
        kde_log_likelihood(np.array([[np.nan, 1], [np.inf, 1]]), points)
    with pytest.raises(ValueError, match="all test points must be finite, but 1 coordinates"):
        kde_log_likelihood(points, np.array([[np.nan, 1]]))
    with pytest.raises(ValueError, match=r"must be matrices of one width"):
        kde_log_likelihood(points, np.ones((5, 3)))
    with pytest.raises(TypeError, match="must be floating"):
        kde_log_likelihood(points.astype(int), points)
