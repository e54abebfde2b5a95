"""What compares sets pair by pair shares the rows among the devices: as many as there are, one result."""

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

from coulomb_jax.metrics import kid, manifold, neighbours, precision_recall, tiles


def cloud(seed, n, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1.0, (n, 6)).astype(np.float32)


@pytest.fixture
def on(monkeypatch):
    """Calls a metric of two sets on so many devices, a few rows of them at a time."""
    monkeypatch.setattr(tiles, "TILE_ROWS", 4)
    monkeypatch.setattr(tiles, "TILE_COLUMNS", 16)
    monkeypatch.setattr(kid, "TILE", 20)

    def call(devices, metric):
        mesh = Mesh(np.asarray(jax.local_devices()[:devices]), (tiles.AXIS,))
        monkeypatch.setattr(tiles, "_mesh", lambda: mesh)
        assert len(next(tiles.row_blocks(cloud(0, 43)))[1]) % devices == 0
        return metric(cloud(0, 43), cloud(1, 61, 0.3))

    return call


def test_neighbours_and_balls_are_the_same_to_the_bit(on):
    for metric in (lambda x, y: neighbours.nearest_neighbours(x, y, 3), manifold.manifold_scores):
        for one, eight in zip(on(1, metric), on(8, metric), strict=True):
            np.testing.assert_array_equal(one, eight)


@pytest.mark.parametrize(
    "metric", [kid.kid, lambda x, y: kid.kid_subsets(0, x, y, subsets=5, size=30)], ids=["all", "subsets"]
)
def test_the_kernel_distance_is_the_same_to_rounding(metric, on):
    one = on(1, metric)
    assert on(8, metric) == pytest.approx(one, rel=1e-5)
    assert on(3, metric) == pytest.approx(one, rel=1e-5)


def test_the_curve_is_the_same_whoever_clusters(on, monkeypatch):
    spread = []
    monkeypatch.setattr(precision_recall, "RUNS", 1)
    clustering = precision_recall.k_means

    def k_means(key, points, clusters):
        spread.append(len(points.sharding.device_set))
        return clustering(key, points, clusters)

    monkeypatch.setattr(precision_recall, "k_means", k_means)

    def curve(x, y):
        found = precision_recall.precision_recall(jax.random.key(0), x[:40], y[:40])
        return found.recall, found.precision

    one = on(3, curve)  # which cannot share 80 points evenly
    assert on(8, curve) == pytest.approx(one, rel=1e-6)
    assert spread == [1, 8]


def test_every_device_has_its_rows(on):
    def where(x, y):
        return kid._tile(x[:40], y[:16], True, np.float32(0), np.arange(40), np.arange(16))

    rows, columns, _ = on(8, where)
    assert [len(shard.data) for shard in rows.addressable_shards] == [5] * 8
    assert len(rows.sharding.device_set) == 8
    assert columns.shape == (8, 16)
