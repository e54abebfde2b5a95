import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.spatial
import scipy.stats

from coulomb_jax.metrics import tiles
from coulomb_jax.metrics.neighbours import memorisation, nearest_neighbours


def cloud(seed, n, d, scale=1.0, offset=0.0):
    return (scale * np.random.default_rng(seed).normal(size=(n, d)) + offset).astype(np.float32)


@pytest.fixture
def small_tiles(monkeypatch):
    monkeypatch.setattr(tiles, "TILE_ROWS", 3)
    monkeypatch.setattr(tiles, "TILE_COLUMNS", 7)
    monkeypatch.setattr(tiles, "EXACT_VALUES", 50)


@pytest.mark.parametrize(("n", "m", "d", "k"), [(30, 50, 4, 3), (101, 37, 40, 5), (5, 9, 3, 9), (1, 1, 2, 1)])
def test_neighbours_are_those_of_scipy(n, m, d, k, small_tiles):
    queries, points = cloud(0, n, d, offset=5.0), cloud(1, m, d, offset=5.0)
    found = nearest_neighbours(queries, points, k)
    distances, indices = scipy.spatial.KDTree(points.astype(np.float64)).query(queries.astype(np.float64), k)
    np.testing.assert_allclose(found.distances, distances.reshape(n, k), rtol=1e-13)
    np.testing.assert_array_equal(found.indices, indices.reshape(n, k))


def test_one_tile_and_many_agree(monkeypatch):
    queries, points = cloud(0, 300, 20), cloud(1, 500, 20)
    whole = nearest_neighbours(queries, points, 4)
    monkeypatch.setattr(tiles, "TILE_ROWS", 16)
    monkeypatch.setattr(tiles, "TILE_COLUMNS", 64)
    cut = nearest_neighbours(queries, points, 4)
    np.testing.assert_array_equal(whole.indices, cut.indices)
    np.testing.assert_array_equal(whole.distances, cut.distances)


def test_no_point_is_its_own_neighbour(small_tiles):
    points = cloud(0, 60, 5)
    found = nearest_neighbours(points, points, 2, same=True)
    distances, indices = scipy.spatial.KDTree(points.astype(np.float64)).query(points.astype(np.float64), 3)
    np.testing.assert_array_equal(found.indices, indices[:, 1:])
    np.testing.assert_allclose(found.distances, distances[:, 1:], rtol=1e-13)


def test_float32_far_from_the_origin_finds_what_float64_finds():
    # Squared norms of 1e10 beside squared distances of 1e-2: products alone have no digit left.
    points = (1e4 + cloud(0, 400, 64, 0.02).astype(np.float64)).astype(np.float32)
    queries = points[:50] + np.float32(0.01) * cloud(1, 50, 64)
    found = nearest_neighbours(queries, points, 1)
    exact = scipy.spatial.distance.cdist(queries.astype(np.float64), points.astype(np.float64))
    np.testing.assert_array_equal(found.indices[:, 0], exact.argmin(1))
    np.testing.assert_allclose(found.distances[:, 0], exact.min(1), rtol=1e-12)


def test_copies_are_at_distance_zero_and_the_first_of_them_is_given(small_tiles):
    points = np.concatenate([cloud(0, 20, 30), cloud(0, 20, 30)])
    found = nearest_neighbours(points[:20], points, 2)
    np.testing.assert_array_equal(found.distances, np.zeros((20, 2)))
    np.testing.assert_array_equal(found.indices, np.stack([np.arange(20), np.arange(20, 40)], 1))


def test_images_stay_bytes(small_tiles):
    random = np.random.default_rng(0)
    train = random.integers(0, 256, (40, 4, 4, 3), np.uint8)
    queries = random.integers(0, 256, (11, 4, 4, 3), np.uint8)
    found = nearest_neighbours(queries, train, 3)
    r2 = [[sum((int(a) - int(b)) ** 2 for a, b in zip(q.ravel(), p.ravel())) for p in train] for q in queries]
    np.testing.assert_array_equal(found.indices, np.argsort(r2, 1, kind="stable")[:, :3])
    np.testing.assert_array_equal(found.distances, np.sqrt(np.sort(r2, 1)[:, :3]))


def test_half_precision_features_and_jax_arrays():
    points = jnp.asarray(cloud(0, 30, 6), jnp.bfloat16)
    found = nearest_neighbours(points, points, 1, same=True)
    wide = np.asarray(points, np.float64)
    exact = scipy.spatial.distance.cdist(wide, wide)
    np.fill_diagonal(exact, np.inf)
    np.testing.assert_allclose(found.distances[:, 0], exact.min(1), rtol=1e-12)


def test_a_tile_holds_what_its_sides_allow(monkeypatch):
    monkeypatch.setattr(tiles, "SIDE_VALUES", 1000)
    wide = np.zeros((100, 300), np.uint8)
    assert {len(block) for _, block in tiles.column_blocks(wide)} == {3}
    assert {len(block) for _, block in tiles.row_blocks(wide)} == {3 * jax.local_device_count()}
    assert sum(1 for _ in tiles.column_blocks(wide)) == 34


def test_the_error_of_a_tile_stays_within_its_bound():
    for d, scale in ((3, 1.0), (2000, 30.0)):
        x, y = cloud(0, 60, d, scale), cloud(1, 70, d, scale)
        x[:5] = y[:5]
        centre = tiles.centre_of(y)
        r2, bound = (np.asarray(part, np.float64) for part in tiles.tile(*map(jnp.asarray, (x, y, centre))))
        exact = scipy.spatial.distance.cdist(x.astype(np.float64), y.astype(np.float64), "sqeuclidean")
        assert np.all(np.abs(r2 - exact) <= bound)
        # And is of use: a thousandth of the squared distances.
        assert np.median(bound) < 1e-3 * np.median(exact)


def test_bad_input_is_refused():
    points = cloud(0, 5, 2)
    for k, same, limit in ((0, False, 5), (6, False, 5), (5, True, 4)):
        with pytest.raises(ValueError, match=f"k must be from 1 to {limit}.*but is {k}"):
            nearest_neighbours(points, points, k, same=same)
    with pytest.raises(ValueError, match=r"one shape, but the shapes are queries \(5, 2\), points \(5, 3\)"):
        nearest_neighbours(points, np.ones((5, 3)), 1)
    with pytest.raises(ValueError, match="must have rows of numbers"):
        nearest_neighbours(points[:0], points, 1)
    with pytest.raises(ValueError, match=r"queries must be finite, .* but 3 values are not"):
        nearest_neighbours(np.array([[np.nan, 1e40], [1e20, 1.0]]), points, 1)


def scores(generated, test, train):
    """Distances by scipy, ratios by hand."""
    tree = scipy.spatial.KDTree(train)
    return tree.query(generated)[0], tree.query(test)[0]


def test_memorisation_is_the_mann_whitney_statistic_of_scipy():
    generated, test, train = cloud(0, 80, 3, 0.9), cloud(1, 60, 3), cloud(2, 200, 3)
    found = memorisation(generated, test, train)
    ours, fresh = scores(generated, test, train)
    u = scipy.stats.mannwhitneyu(fresh, ours, method="asymptotic", use_continuity=False)
    assert found.share_nearer == pytest.approx(u.statistic / (80 * 60), rel=1e-12)
    assert 2 * scipy.stats.norm.sf(abs(found.z)) == pytest.approx(u.pvalue, rel=1e-9)
    assert found.median_ratio == pytest.approx(np.median(ours) / np.median(fresh), rel=1e-12)
    assert found.share_suspect == pytest.approx(np.mean(ours < np.quantile(fresh, 0.05)))
    assert found.share_copied == 0.0


def test_copies_and_noise_and_fresh_draws_are_told_apart():
    train, test = cloud(0, 1000, 5), cloud(1, 500, 5)
    copied = memorisation(train[:500], test, train)
    assert copied[:4] == (0.0, 1.0, 1.0, 1.0)
    # Every one of 500 before every one of 500: (1/2)/sqrt(1001/(12 * 250000)).
    assert copied.z == pytest.approx(-0.5 / math.sqrt(1001 / 3e6))
    fresh = memorisation(cloud(2, 500, 5), test, train)
    assert abs(fresh.z) < 3
    assert fresh.share_nearer == pytest.approx(0.5, abs=0.06)
    assert fresh.share_suspect == pytest.approx(0.05, abs=0.04)
    assert fresh.median_ratio == pytest.approx(1.0, abs=0.06)
    astray = memorisation(cloud(2, 500, 5, 2.0), test, train)
    assert astray.z > 10
    assert astray.median_ratio > 1.3


def test_ties_count_half():
    train, test = np.array([[0.0]]), np.array([[1.0], [2.0]])
    found = memorisation(np.array([[1.0], [-1.0]]), test, train)
    assert found.share_nearer == pytest.approx((0.5 + 1 + 0.5 + 1) / 4)
    assert math.isnan(memorisation(train, np.array([[0.0], [0.0]]), train).median_ratio)
