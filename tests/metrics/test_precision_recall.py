import jax
import numpy as np
import pytest
from scipy.cluster.vq import kmeans2

from coulomb_jax.density.kmeans import k_means
from coulomb_jax.metrics import precision_recall as prd

pytestmark = pytest.mark.usefixtures("one_device")


def blobs(seed, n, d, centres=8, spread=10.0):
    random = np.random.default_rng(seed)
    middles = spread * np.random.default_rng(99).normal(size=(centres, d))
    labels = random.integers(0, centres, n)
    return (middles[labels] + random.normal(size=(n, d))).astype(np.float32), labels


def inertia(points, centres):
    r2 = np.sum((points[:, None, :].astype(np.float64) - np.asarray(centres, np.float64)[None]) ** 2, 2)
    return r2.min(1).sum(), r2.argmin(1)


def test_separate_blobs_are_the_clusters():
    points, labels = blobs(0, 4000, 5)
    found = k_means(jax.random.key(0), points, 8)
    total, nearest = inertia(points, found.centres)
    np.testing.assert_array_equal(found.labels, nearest)
    assert float(found.inertia) == pytest.approx(total, rel=1e-4)
    pairs = {(int(a), int(b)) for a, b in zip(labels, found.labels)}
    assert len(pairs) == 8
    means = np.stack([points[labels == k].mean(0) for k in range(8)])
    order = [dict(pairs)[k] for k in range(8)]
    np.testing.assert_allclose(np.asarray(found.centres)[order], means, atol=1e-4)


def test_clusters_are_nearly_as_tight_as_the_best_of_ten_by_scipy():
    points = np.random.default_rng(0).normal(size=(1000, 4)).astype(np.float32)
    ours = np.mean([inertia(points, k_means(jax.random.key(s), points, 20).centres)[0] for s in range(4)])
    theirs = [inertia(points, kmeans2(points, 20, iter=50, minit="++", rng=s)[0])[0] for s in range(10)]
    assert min(theirs) * 0.99 < ours < min(theirs) * 1.03
    # One start is further off.
    assert ours < np.mean(theirs)


def test_iterations_end_at_means():
    points = np.random.default_rng(0).normal(size=(1000, 4)).astype(np.float32)
    found = k_means(jax.random.key(0), points, 20)
    after, _ = kmeans2(points, np.asarray(found.centres), iter=1, minit="matrix")
    total = inertia(points, found.centres)[0]
    assert total * (1 - 3e-4) < inertia(points, after)[0] <= total * (1 + 1e-6)


def test_fewer_distinct_points_than_clusters():
    points = np.repeat(np.eye(3, dtype=np.float32), 10, axis=0)
    found = k_means(jax.random.key(0), points, 5)
    assert float(found.inertia) < 1e-5
    assert len({tuple(np.asarray(found.labels)[10 * i : 10 * i + 10]) for i in range(3)}) == 3


def test_the_curve_of_two_laws_by_hand():
    """Two of three modes generated, one of them twice too often, and one mode that is not real."""
    real, generated = np.array([0.5, 0.25, 0.25, 0.0]), np.array([0.5, 0.0, 0.25, 0.25])
    precisions, recalls = prd.curve(real, generated)
    assert len(precisions) == len(recalls) == 1001
    # At 45 degrees both are the overlap; at the ends the support of the one under the other.
    assert precisions[500] == pytest.approx(0.75)
    assert recalls[500] == pytest.approx(0.75)
    assert precisions[-1] == pytest.approx(0.75)
    assert recalls[0] == pytest.approx(0.75)
    np.testing.assert_allclose(precisions, recalls[::-1], atol=1e-9)
    angles = np.linspace(0, np.pi / 2, 1001)[1:-1]
    np.testing.assert_allclose(np.arctan2(precisions, recalls)[1:-1], angles, atol=1e-6)


def by_loop(real, generated, beta):
    """The largest F_beta as [sajjadi2018] defines it, angle by angle."""
    best = 0.0
    for i in range(1001):
        slope = np.tan(1e-10 + i * (np.pi / 2 - 2e-10) / 1000)
        p = sum(min(slope * a, b) for a, b in zip(real, generated))
        r = sum(min(a, b / slope) for a, b in zip(real, generated))
        if p * r > 0:
            best = max(best, (1 + beta**2) * p * r / (beta**2 * p + r))
    return best


@pytest.mark.parametrize("seed", range(3))
def test_the_figures_are_those_of_the_definition(seed):
    real, generated = np.random.default_rng(seed).dirichlet(np.full(20, 0.5), 2)
    for beta in (8.0, 1 / 8):
        assert prd.best_f(*prd.curve(real, generated), beta) == pytest.approx(by_loop(real, generated, beta))


def test_recall_and_precision_are_told_apart():
    """Half of the modes are generated: all that is generated is real, half of the real is generated."""
    points, labels = blobs(0, 3000, 4, centres=20, spread=20.0)
    half = points[labels < 10]
    n = 1200
    real, generated = points[:n], half[-n:]
    found = prd.precision_recall(jax.random.key(0), real, generated)
    assert found.precision > 0.95
    # F_8 where recall is 1/2 and precision 1: 65·0.5/(64 + 0.5).
    assert found.recall == pytest.approx(65 * 0.5 / 64.5, abs=0.04)
    turned = prd.precision_recall(jax.random.key(0), generated, real)
    assert turned.recall > 0.95
    assert turned.precision == pytest.approx(found.recall, abs=0.03)


def test_equal_and_disjoint_sets():
    points, _ = blobs(0, 300, 3)
    same = prd.precision_recall(jax.random.key(0), points, points)
    assert same.recall == pytest.approx(1.0)
    assert same.precision == pytest.approx(1.0)
    apart = prd.precision_recall(jax.random.key(0), points, points + 1000.0)
    assert apart.recall == apart.precision == 0.0


def test_the_curve_is_the_mean_of_ten_runs_and_reproducible():
    real, generated = (np.random.default_rng(s).normal(size=(300, 3)).astype(np.float32) for s in (0, 1))
    found = prd.precision_recall(jax.random.key(0), real, generated + 0.5)
    again = prd.precision_recall(jax.random.key(0), real, generated + 0.5)
    np.testing.assert_array_equal(found.precisions, again.precisions)
    other = prd.precision_recall(jax.random.key(1), real, generated + 0.5)
    assert not np.array_equal(found.precisions, other.precisions)
    # A multiple of 1/(10 · 300) where one side is exhausted, not of 1/300 in every run.
    assert found.recalls[0] * 3000 == pytest.approx(round(found.recalls[0] * 3000), abs=1e-6)


def test_bad_input_is_refused():
    points = np.ones((12, 2), np.float32)
    with pytest.raises(ValueError, match="there are 12 real and 11 generated"):
        prd.precision_recall(jax.random.key(0), points, points[:11])
    with pytest.raises(ValueError, match="20 clusters need as many points, but both sets have 18"):
        prd.precision_recall(jax.random.key(0), points[:9], points[:9])
    with pytest.raises(ValueError, match="one shape"):
        prd.precision_recall(jax.random.key(0), points, np.ones((12, 3)))
