import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from coulomb_jax import data
from coulomb_jax.data import grid


def true_log_density(points, variance=0.1):
    axis = [-21.0, -10.5, 0.0, 10.5, 21.0]
    terms = [
        stats.multivariate_normal([a, b], variance * np.eye(2)).logpdf(points) for a in axis for b in axis
    ]
    return logsumexp(terms, axis=0) - math.log(25)


def test_the_bound_is_the_published_one():
    assert grid.entropy_bound() == pytest.approx(-3.754, abs=5e-4)
    assert grid.entropy_bound(variance=1.0) == pytest.approx(-6.057, abs=5e-4)
    assert grid.entropy_bound(0.5, modes=1) == pytest.approx(
        -stats.multivariate_normal([0, 0], 0.5 * np.eye(2)).entropy()
    )


def test_the_bound_is_the_mean_of_the_true_log_density():
    scores = true_log_density(grid.sample(0, 40_000))
    # Standard error of the mean: 1 / sqrt(40,000), as -|x - c|^2 / (2 variance) is exponential.
    assert scores.mean() == pytest.approx(grid.entropy_bound(), abs=4 / math.sqrt(40_000))


def test_centres_are_those_of_the_paper():
    axis = [-21.0, -10.5, 0.0, 10.5, 21.0]
    assert grid.centres().tolist() == [[a, b] for a in axis for b in axis]
    assert grid.centres(spacing=2.0, side=2).tolist() == [[-1, -1], [-1, 1], [1, -1], [1, 1]]


def test_every_mode_has_twenty_training_points_around_its_centre():
    source = data.load("grid", seed=3)
    assert source.train.dtype == source.test.dtype == np.float32
    assert source.train.shape == (500, 2)
    assert source.test.shape == (10_000, 2)
    assert source.range is None
    assert source.synthetic
    nearest = np.argmin(((source.train[:, None] - grid.centres()) ** 2).sum(-1), axis=1)
    np.testing.assert_array_equal(nearest, source.train_labels)
    np.testing.assert_array_equal(np.bincount(nearest), 20)
    assert len(np.unique(nearest[:25])) > 5  # not sorted by mode


@pytest.mark.parametrize("variance", [0.1, 2.0])
def test_each_mode_is_the_gaussian_asked_for(variance):
    source = grid.load(seed=1, points=25 * 2000, variance=variance)
    offsets = (source.train - grid.centres()[source.train_labels]) / math.sqrt(variance)
    assert stats.kstest(offsets.ravel(), "norm").pvalue > 1e-3
    assert abs(np.corrcoef(offsets.T)[0, 1]) < 4 / math.sqrt(50_000)


def test_test_points_are_fresh_and_their_modes_random():
    source = grid.load(seed=0)
    assert not set(map(tuple, source.train)) & set(map(tuple, source.test))
    counts = np.bincount(source.test_labels, minlength=25)
    assert stats.chisquare(counts).pvalue > 1e-3
    assert counts.std() > 5  # binomial: 19.6


def test_seeds_and_streams():
    first, again, other = grid.load(seed=4), grid.load(seed=4), grid.load(seed=5)
    np.testing.assert_array_equal(first.train, again.train)
    assert first.fingerprint == again.fingerprint != other.fingerprint
    larger = grid.load(seed=4, points=1000)
    np.testing.assert_array_equal(first.test, larger.test)
    np.testing.assert_array_equal(first.train, grid.load(seed=4, test_points=5).train)  # a stream each


def test_samples_take_a_seed_or_a_generator():
    np.testing.assert_array_equal(grid.sample(7, 10), grid.sample(np.random.default_rng(7), 10, side=5))
    random = np.random.default_rng(7)
    assert not np.array_equal(grid.sample(random, 10), grid.sample(random, 10))
    assert grid.sample(0, 10, side=1, variance=0.0).tolist() == [[0, 0]] * 10


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"points": 510}, "points is 510; choose a positive multiple of 25"),
        ({"points": 0}, "points is 0"),
        ({"side": 0}, "side and test_points must be at least 1"),
        ({"side": -5}, "side and test_points must be at least 1"),
        ({"test_points": 0}, "side and test_points must be at least 1"),
        ({"variance": -0.1}, "variance at least 0"),
    ],
)
def test_bad_sizes_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        data.load("grid", **options)
