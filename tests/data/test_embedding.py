"""The grid as a thick plane in many dimensions."""

import math

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from coulomb_jax import data
from coulomb_jax.data import embedding, grid


def true_log_density(points, axes, thickness=0.1, variance=0.1):
    turned = np.asarray(points, np.float64) @ axes.T
    scales = stats.norm(scale=math.sqrt(variance))
    modes = [scales.logpdf(turned[:, :2] - c).sum(axis=1) for c in grid.centres()]
    off_plane = stats.norm(scale=thickness).logpdf(turned[:, 2:]).sum(axis=1)
    return logsumexp(modes, axis=0) - math.log(25) + off_plane


def test_the_bound_is_the_mean_of_the_true_log_density():
    source = data.load("embedding", dims=30)
    scores = true_log_density(source.test, embedding.rotation(30))
    assert abs(scores.mean() - source.entropy_bound) < 4 * scores.std() / len(scores) ** 0.5
    truth = true_log_density(source.truth, embedding.rotation(30))
    assert abs(truth.mean() - source.entropy_bound) < 4 * truth.std() / len(truth) ** 0.5


def test_the_rotation_keeps_lengths_and_the_plane_is_the_grid():
    axes = embedding.rotation(100)
    np.testing.assert_allclose(axes @ axes.T, np.eye(100), atol=1e-12)
    source = data.load("embedding", seed=2)
    flat = grid.load(seed=2, points=5000, test_points=10_000)
    np.testing.assert_allclose(source.train @ axes[:2].T, flat.train, atol=1e-4)
    np.testing.assert_array_equal(source.train_labels, flat.train_labels)
    off = source.train @ axes[2:].T
    assert off.std() == pytest.approx(0.1, rel=0.01)
    assert source.train.shape == (5000, 100)
    assert source.train.dtype == np.float32
    assert source.range is None
    assert source.synthetic


def test_seeds():
    first, again, other = (data.load("embedding", seed=s, points=100, test_points=50) for s in (1, 1, 2))
    assert first.fingerprint == again.fingerprint != other.fingerprint
    assert not set(map(tuple, first.test)) & set(map(tuple, first.truth))


@pytest.mark.parametrize("options", [{"dims": 2}, {"thickness": 0.0}, {"thickness": -1.0}])
def test_bad_options_are_refused(options):
    with pytest.raises(ValueError, match="dims must be at least 3 and thickness positive"):
        data.load("embedding", **options)


def test_a_plane_without_width_has_no_bound():
    assert data.load("embedding", variance=0.0, points=100, test_points=10).entropy_bound is None
