"""Pictures of a known number of latent dimensions."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from coulomb_jax import data
from coulomb_jax.data import synthetic


def net(z, weights):
    """The documented net, one picture at a time."""
    for w in weights[:-1]:
        z = np.array([np.tanh(sum(a * b for a, b in zip(z, column))) for column in w.T])
    return 1 / (1 + np.exp(-np.array([sum(a * b for a, b in zip(z, column)) for column in weights[-1].T])))


def test_pictures_are_those_of_the_documented_net():
    source = data.load("synthetic", points=3, test_points=2)
    weights = synthetic.smooth_net(8)
    assert [w.shape for w in weights] == [(8, 128), (128, 128), (128, 256)]
    codes = np.random.default_rng([0, 0]).standard_normal((3, 8))
    for picture, z in zip(source.train, codes, strict=True):
        exact = 255 * net(z, weights).reshape(16, 16, 1)
        assert np.abs(picture - exact).max() <= 0.5 + 1e-9
    assert source.train.dtype == np.uint8
    assert source.range == (0.0, 1.0)
    assert source.details == {"latent": 8, "net": 0}


def test_weights_have_the_documented_law():
    for w in synthetic.smooth_net(16):
        assert w.std() == pytest.approx(1.5 / len(w) ** 0.5, rel=0.05)


@pytest.mark.parametrize("latent", [8, 16])
def test_the_manifold_has_as_many_dimensions_as_it_says(latent):
    # The rank of the net's derivative, by differences in float64.
    weights, step = synthetic.smooth_net(latent), 1e-5

    def exact(z):
        h = np.tanh(np.tanh(z @ weights[0]) @ weights[1]) @ weights[2]
        return 1 / (1 + np.exp(-h))

    z = np.random.default_rng(1).standard_normal(latent)
    slopes = np.stack([exact(z + step * e) - exact(z - step * e) for e in np.eye(latent)]) / (2 * step)
    values = np.linalg.svd(slopes, compute_uv=False)
    assert values[-1] > 0.05 * values[0]


def test_seeds_draw_other_pictures_of_one_law_and_nets_are_other_laws():
    def sample(**options):
        return data.load("synthetic", points=2000, test_points=5, **options).train.reshape(2000, -1) / 255.0

    first, again, other, foreign = sample(), sample(), sample(seed=1), sample(net=1)
    np.testing.assert_array_equal(first, again)
    near = [np.median(cKDTree(first).query(x)[0]) for x in (other, foreign)]
    assert near[0] < 0.8 * near[1]


def test_neither_set_changes_with_the_others_size():
    one = data.load("synthetic", points=50, test_points=20)
    other = data.load("synthetic", points=60, test_points=30)
    np.testing.assert_array_equal(one.train, other.train[:50])
    np.testing.assert_array_equal(one.test, other.test[:20])
    assert one.fingerprint != other.fingerprint
    assert one.synthetic


@pytest.mark.parametrize("options", [{"latent": 0}, {"latent": 129}, {"points": 0}, {"test_points": 0}])
def test_bad_sizes_are_refused(options):
    with pytest.raises(ValueError, match="latent must lie between 1 and 128"):
        data.load("synthetic", **options)
