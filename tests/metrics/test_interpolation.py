import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax.metrics.attributes import attribute_directions, moved
from coulomb_jax.metrics.interpolation import linear, norm_preserving, spherical

PLACES = np.array([0.0, 0.25, 0.5, 1.0])


def ends(n=5, d=16):
    return np.random.default_rng(0).normal(size=(2, n, d)).astype(np.float32)


@pytest.mark.parametrize("path", [linear, norm_preserving, spherical])
def test_paths_begin_and_end_at_the_codes(path):
    a, b = ends()
    points = jax.jit(path)(a, b, PLACES)
    assert points.shape == (5, 4, 16)
    np.testing.assert_allclose(points[:, 0], a, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(points[:, -1], b, rtol=1e-5, atol=1e-6)


def test_each_point_by_its_formula_in_float64():
    a, b = ends()
    straight, kept, arc = (np.asarray(path(a, b, PLACES)) for path in (linear, norm_preserving, spherical))
    for i, j in np.ndindex(5, 4):
        p, q, t = a[i].astype(np.float64), b[i].astype(np.float64), PLACES[j]
        line = p + t * (q - p)
        np.testing.assert_allclose(straight[i, j], line, rtol=1e-4, atol=1e-6)
        norm = (1 - t) * np.linalg.norm(p) + t * np.linalg.norm(q)
        np.testing.assert_allclose(kept[i, j], line / np.linalg.norm(line) * norm, rtol=1e-4, atol=1e-5)
        angle = math.acos(p @ q / np.linalg.norm(p) / np.linalg.norm(q))
        expected = (math.sin((1 - t) * angle) * p + math.sin(t * angle) * q) / math.sin(angle)
        np.testing.assert_allclose(arc[i, j], expected, rtol=1e-4, atol=1e-5)


def test_an_arc_keeps_norm_and_speed():
    a, b = np.array([[2.0, 0.0]]), np.array([[0.0, 2.0]])
    arc = np.asarray(spherical(a, b, np.linspace(0, 1, 7)))[0]
    np.testing.assert_allclose(np.linalg.norm(arc, axis=1), 2.0, rtol=1e-6)
    np.testing.assert_allclose(np.degrees(np.arctan2(arc[:, 1], arc[:, 0])), np.arange(0, 91, 15), atol=1e-4)


def test_middles_of_normal_codes_have_the_norms_expected():
    a, b = np.random.default_rng(0).normal(size=(2, 200, 400)).astype(np.float32)
    norms = [
        np.linalg.norm(path(a, b, [0.5])[:, 0], axis=1).mean()
        for path in (linear, norm_preserving, spherical)
    ]
    np.testing.assert_allclose(norms, [20 * math.sqrt(0.5), 20, 20], rtol=0.02)


def test_parallel_opposite_and_zero_codes_stay_finite():
    a = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 0.0]], np.float32)
    b = np.array([[3.0, 3.0], [-1.0, 0.0], [2.0, 0.0], [1.0, 1e-4]], np.float32)
    middle = np.asarray(spherical(a, b, [0.5]))[:, 0]
    np.testing.assert_allclose(
        middle, [[2.0, 2.0], [0.0, 0.0], [1.0, 0.0], [1.0, 5e-5]], rtol=1e-5, atol=1e-7
    )
    middle = np.asarray(norm_preserving(a, b, [0.5]))[:, 0]
    np.testing.assert_allclose(
        middle, [[2.0, 2.0], [0.0, 0.0], [1.0, 0.0], [1.0, 5e-5]], rtol=1e-4, atol=1e-7
    )


def test_bad_ends_are_refused():
    a, b = ends()
    for path in (linear, norm_preserving, spherical):
        with pytest.raises(ValueError, match=r"not \(5, 16\), \(4, 16\) and \(4,\)"):
            path(a, b[:4], PLACES)
        with pytest.raises(ValueError, match=r"and \(\); reshape"):
            path(a, b, 0.5)


def test_directions_are_differences_of_class_means():
    random = np.random.default_rng(0)
    codes, attributes = random.normal(size=(50, 3)), random.integers(0, 2, (50, 4)).astype(bool)
    found = attribute_directions(codes, attributes)
    expected = [codes[column].mean(0) - codes[~column].mean(0) for column in attributes.T]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_planted_direction_is_found_and_moves_one_mean_to_the_other():
    random = np.random.default_rng(0)
    has = random.integers(0, 2, 4000).astype(bool)
    planted = np.array([3.0, 0.0, -1.0])
    codes = (random.normal(size=(4000, 3)) + has[:, None] * planted).astype(np.float32)
    (direction,) = attribute_directions(jnp.asarray(codes), has[:, None])
    np.testing.assert_allclose(direction, planted, atol=0.15)
    points = np.asarray(moved(codes[~has], direction.astype(np.float32), [0.0, 1.0, -2.0]))
    assert points.shape == (np.sum(~has), 3, 3)
    np.testing.assert_allclose(points[:, 0], codes[~has], rtol=1e-6)
    np.testing.assert_allclose(points[:, 1].mean(0), codes[has].mean(0), atol=1e-4)
    np.testing.assert_allclose(points[:, 2], codes[~has] - 2 * direction, rtol=1e-3, atol=1e-4)


def test_bad_attributes_are_refused():
    codes = np.ones((4, 2))
    with pytest.raises(ValueError, match=r"all or none have those at \[1, 2\]"):
        attribute_directions(codes, np.array([[1, 0, 1]] + [[0, 0, 1]] * 3))
    with pytest.raises(ValueError, match=r"the shapes are \(4, 2\) and \(4,\)"):
        attribute_directions(codes, np.ones(4))
    with pytest.raises(ValueError, match="take one direction at a time"):
        moved(codes, np.ones((2, 2)), [1.0])
