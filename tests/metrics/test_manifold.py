import math

import numpy as np
import pytest
import scipy.spatial
import scipy.special

from coulomb_jax.metrics import manifold, tiles
from coulomb_jax.metrics.manifold import manifold_scores


def cloud(seed, n, d, scale=1.0, offset=0.0):
    return (scale * np.random.default_rng(seed).normal(size=(n, d)) + offset).astype(np.float32)


def by_double_loop(real, generated, k, k_density):
    """The four definitions as they are printed, in float64."""
    real, generated = real.astype(np.float64), generated.astype(np.float64)

    def distance(a, b):
        return math.sqrt(np.sum((a - b) ** 2))

    def balls(points, others, k):
        """Whether ball i of the points holds other j."""
        inside = []
        for i, point in enumerate(points):
            radius = sorted(distance(point, points[j]) for j in range(len(points)) if j != i)[k - 1]
            inside.append([distance(point, other) <= radius for other in others])
        return np.array(inside)

    inside = balls(real, generated, k_density)
    return (
        np.mean(np.any(balls(real, generated, k), 0)),
        np.mean(np.any(balls(generated, real, k), 0)),
        np.sum(inside) / (k_density * len(generated)),
        np.mean(np.any(inside, 1)),
    )


@pytest.mark.parametrize(("n", "m", "d"), [(23, 17, 2), (12, 30, 40)])
def test_scores_are_those_of_the_definitions(n, m, d, monkeypatch):
    real, generated = cloud(0, n, d), cloud(1, m, d, 0.9, 0.1)
    expected = by_double_loop(real, generated, 3, 5)
    np.testing.assert_allclose(manifold_scores(real, generated), expected, rtol=1e-12)
    monkeypatch.setattr(tiles, "TILE_ROWS", 1)
    monkeypatch.setattr(tiles, "TILE_COLUMNS", 5)
    np.testing.assert_allclose(manifold_scores(real, generated), expected, rtol=1e-12)


def test_one_dimension_by_hand():
    # Balls of the real points: [-1, 1], [0, 2], [1, 7]; of the others [-1, 5], [2, 8], [5, 13].
    real, generated = np.array([[0.0], [1.0], [4.0]]), np.array([[2.0], [5.0], [9.0]])
    found = manifold_scores(real, generated, k=1, k_density=1)
    assert found.precision == pytest.approx(2 / 3)  # 2 and 5, not 9
    assert found.recall == 1.0  # all three in [-1, 5]
    assert found.density == pytest.approx(
        3 / 3
    )  # 2 in the second and third ball, on the rim of one; 5 in the third
    assert found.coverage == pytest.approx(2 / 3)  # the second and third


def test_the_surface_of_a_ball_counts_whatever_the_rounding():
    """Copies of a k-th neighbour lie exactly on the ball: a float32 product puts half of them outside."""
    real = cloud(0, 200, 50, offset=100.0)
    exact = scipy.spatial.distance.squareform(scipy.spatial.distance.pdist(real.astype(np.float64)))
    third = np.argsort(exact, 1)[:, 3]
    none = np.zeros((200, 0))
    radii = exact[np.arange(200), third][:, None]
    larger, _ = manifold._inside(real[third], real, none, radii * (1 + 1e-14))
    smaller, _ = manifold._inside(real[third], real, none, radii * (1 - 1e-14))
    np.testing.assert_array_equal(larger[:, 0], (exact[third] <= radii.T * (1 + 1e-12)).sum(1))
    on_surface = (third[:, None] == third[None, :]).sum(1)
    np.testing.assert_array_equal(larger - smaller, on_surface[:, None])
    scores = manifold_scores(real, real[third])
    assert scores.density == pytest.approx(
        (exact[third] <= np.sort(exact, 1)[:, 5] * (1 + 1e-12)).sum() / 1000
    )


def test_a_set_compared_with_itself():
    points = cloud(0, 150, 20)
    found = manifold_scores(points, points)
    assert found[:2] == (1.0, 1.0)
    assert found.coverage == 1.0
    # Each point lies in its own ball and in one for each of whose 5 nearest it is.
    assert found.density == pytest.approx(6 / 5)


def test_equal_laws_have_the_expected_coverage_and_density():
    """Coverage of equal laws does not depend on the law: 1 less the chance that k real come first."""
    n, m, k, runs = 60, 40, 5, 60
    found = [manifold_scores(cloud(2 * i, n, 3), cloud(2 * i + 1, m, 3), k_density=k) for i in range(runs)]
    expected = 1 - np.prod([(n - i) / (n + m - i) for i in range(1, k + 1)])
    assert np.mean([scores.coverage for scores in found]) == pytest.approx(expected, abs=0.015)
    assert np.mean([scores.density for scores in found]) == pytest.approx(1.0, abs=0.03)


def test_uniform_cubes_of_which_half_is_shared():
    """Intervals [0, 1] and [0.5, 1.5]: half of each set is in the other's support."""
    random = np.random.default_rng(0)
    real, generated = (random.uniform(size=(4000, 1)) + offset for offset in (0.0, 0.5))
    found = manifold_scores(real, generated)
    assert found.precision == pytest.approx(0.5, abs=0.02)
    assert found.recall == pytest.approx(0.5, abs=0.02)
    assert found.density == pytest.approx(0.5, abs=0.02)
    assert found.coverage == pytest.approx(0.5 * (1 - 2**-5), abs=0.02)


def test_a_generator_of_one_mode_is_precise_and_recalls_nothing_else():
    real = np.concatenate([cloud(0, 300, 10), cloud(1, 300, 10, offset=30.0)])
    found = manifold_scores(real, cloud(2, 600, 10, 0.7))
    assert found.precision > 0.97
    assert found.recall < 0.5
    assert found.coverage < 0.5
    assert found.density > 1.0


def test_a_collapsed_generator():
    real = cloud(0, 100, 8)
    found = manifold_scores(real, np.repeat(real[:1], 50, 0))
    assert found.precision == 1.0
    assert found.recall == pytest.approx(1 / 100)
    exact = scipy.spatial.distance.squareform(scipy.spatial.distance.pdist(real.astype(np.float64)))
    holding = exact[0] <= np.sort(exact, 1)[:, 5]
    assert found.coverage == pytest.approx(holding.mean())
    assert found.density == pytest.approx(holding.sum() / 5)


def test_bad_input_is_refused():
    points = cloud(0, 6, 2)
    with pytest.raises(ValueError, match="there are 5 real and 6 generated; pass more points"):
        manifold_scores(points[:5], points)
    with pytest.raises(ValueError, match="there are 6 real and 3 generated"):
        manifold_scores(points, points[:3])
    with pytest.raises(ValueError, match="need k >= 1"):
        manifold_scores(points, points, k=0)
    with pytest.raises(ValueError, match="generated must be finite"):
        manifold_scores(points, np.where(points > 0, points, np.nan))


def test_the_peers_agree():
    """The package `prdc` [naeem2020] leaves the surface out, which no pair of these touches."""
    prdc = pytest.importorskip("prdc", reason="a comparison where the package is installed")
    real, generated = cloud(0, 300, 32), cloud(1, 200, 32, 0.8)
    expected = prdc.compute_prdc(real, generated, nearest_k=5)
    found = manifold_scores(real, generated, k=5, k_density=5)._asdict()
    assert found == pytest.approx(expected)
