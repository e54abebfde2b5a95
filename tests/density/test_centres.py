"""Centres of mixtures, and responsibilities against Bayes' rule."""

import itertools
import math

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from coulomb_jax.density import centres


@pytest.mark.parametrize(("components", "dim"), [(10, 10), (20, 64), (25, 2), (2, 1), (1, 3)])
def test_separated_centres_are_as_far_apart_as_asked_and_no_more_than_twice(components, dim):
    found = centres.separated(components, dim, 6.0)
    assert found.shape == (components, dim)
    radii = np.linalg.norm(found, axis=1)
    np.testing.assert_allclose(radii, radii[0])
    assert math.log2(radii[0]) == pytest.approx(round(math.log2(radii[0])))
    if components > 1:
        nearest = min(math.dist(a, b) for a, b in itertools.combinations(found, 2))
        assert 6.0 <= nearest < 12.0
    np.testing.assert_array_equal(found, centres.separated(components, dim, 6.0))


def test_one_hot_centres_are_unit_vectors():
    np.testing.assert_array_equal(centres.one_hot(2, 3), [[1, 0, 0], [0, 1, 0]])
    with pytest.raises(ValueError, match="at most as many as the 2 latent dimensions, not 3"):
        centres.one_hot(3, 2)


@pytest.mark.parametrize(("components", "dim", "distance"), [(0, 2, 6.0), (2, 2, 0.0), (3, 1, 6.0)])
def test_impossible_centres_are_refused(components, dim, distance):
    with pytest.raises(ValueError, match="separated centres take at least 1 component"):
        centres.separated(components, dim, distance)


def test_responsibilities_are_bayes_rule():
    means = centres.separated(4, 3, 2.0)
    z = np.random.default_rng(0).normal(size=(50, 3)) * 3.0
    density = np.stack([stats.multivariate_normal(m, np.eye(3)).pdf(z) for m in means], axis=1)
    expected = density / density.sum(axis=1, keepdims=True)
    found = centres.responsibilities(jnp.asarray(z, jnp.float32), means)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_draw_around_one_hot_centres_betrays_its_component_one_time_in_three():
    # The published prior: 34 % for 10 components in 10 dimensions, by simulation.
    random = np.random.default_rng(1)
    which = random.integers(10, size=40_000)
    z = np.eye(10)[which] + random.standard_normal((40_000, 10))
    guess = np.argmax(centres.responsibilities(jnp.asarray(z, jnp.float32), centres.one_hot(10, 10)), axis=1)
    assert np.mean(guess == which) == pytest.approx(0.34, abs=0.015)
