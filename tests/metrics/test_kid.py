import jax
import numpy as np
import pytest

from coulomb_jax import mmd
from coulomb_jax.metrics.kid import features_mmd, kid, kid_subsets


def rows(seed, n, dim, shift=0.0):
    return np.random.default_rng(seed).normal(shift, 1.0, (n, dim)).astype(np.float32)


def by_loops(x, y):
    """The U-statistic, pair by pair in float64."""

    def kernel(a, b):
        return (sum(float(p) * float(q) for p, q in zip(a, b)) / len(a) + 1) ** 3

    def within(x):
        pairs = [kernel(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j]
        return sum(pairs) / len(pairs)

    return within(x) + within(y) - 2 * sum(kernel(a, b) for a in x for b in y) / (len(x) * len(y))


def closed_form(mean, dim):
    """E over N(0, I) against N(mean, I): the kernel is 1 + 3t + 3t² + t³ in t = x·y/d.

    MMD² is the squared distance of the moments of each order: means, second moments I and I + mm', and third
    ones, whose squared distance is |m|⁶ + 3(d + 2)|m|² + 6|m|⁴ (from E (x·y)³ for independent draws).
    """
    s = float(mean @ mean)
    second = s**2
    third = s**3 + 6 * s**2 + 3 * (dim + 2) * s
    return 3 * s / dim + 3 * second / dim**2 + third / dim**3


def test_agrees_with_a_double_loop():
    x, y = rows(0, 9, 5), rows(1, 13, 5, 0.5)
    assert kid(x, y).value == pytest.approx(by_loops(x, y), rel=1e-5)


@pytest.mark.parametrize("tile", [4, 5, 64])
def test_tiles_change_nothing(monkeypatch, tile):
    x, y = rows(0, 23, 5), rows(1, 17, 5, 0.5)
    whole = kid(x, y)
    monkeypatch.setattr("coulomb_jax.metrics.kid.TILE", tile)
    assert kid(x, y) == pytest.approx(whole, rel=1e-5)
    assert kid(y, x) == pytest.approx(whole, rel=1e-5)


def test_small_differences_of_large_values_keep_their_digits():
    # Kernel values near 2,000: all features are about 12 times sqrt(d)/sqrt(d), differences a thousandth.
    x, y = 3.4 + 0.1 * rows(0, 300, 32), 3.4 + 0.1 * rows(1, 280, 32)
    gram = [[(a.astype(np.float64) @ b.T.astype(np.float64) / 32 + 1) ** 3 for b in (x, y)] for a in (x, y)]
    within = [(g.sum() - np.trace(g)) / (len(g) * (len(g) - 1)) for g in (gram[0][0], gram[1][1])]
    expected = sum(within) - 2 * gram[0][1].mean()
    assert gram[0][0].mean() > 1900
    assert kid(x, y).value == pytest.approx(expected, abs=3e-5)


def test_the_mean_is_the_closed_form(one_device):
    dim = 4
    mean = np.full(dim, 0.4)
    values = [kid(rows(2 * i, 60, dim), rows(2 * i + 1, 60, dim, 0.4)) for i in range(400)]
    found = np.array([v.value for v in values])
    expected = closed_form(mean, dim)
    assert abs(found.mean() - expected) < 3.5 * found.std() / 20
    assert np.mean([v.standard_error for v in values]) == pytest.approx(found.std(ddof=1), rel=0.12)


def test_the_error_holds_at_equal_laws_too(one_device):
    values = [kid(rows(2 * i, 50, 3), rows(2 * i + 1, 80, 3)) for i in range(400)]
    found = np.array([v.value for v in values])
    assert abs(found.mean()) < 3.5 * found.std() / 20
    assert (found < 0).mean() > 0.3
    assert np.mean([v.standard_error for v in values]) == pytest.approx(found.std(ddof=1), rel=0.15)


def test_the_error_is_that_of_the_whole_decomposition():
    """Projections and residuals of full kernel matrices in float64, with masks instead of sums."""
    x, y = rows(0, 12, 3).astype(np.float64), rows(1, 15, 3, 0.3).astype(np.float64)
    n, m = len(x), len(y)

    def within(x):
        k = (x @ x.T / 3 + 1) ** 3
        count, off = len(x), ~np.eye(len(x), dtype=bool)
        mean = k[off].mean()
        a = ((k - mean) * off).sum(1) / (count - 2)
        left = (k - mean - a[:, None] - a[None]) * off
        return a, (left**2).sum() / (count * (count - 3))

    (a, second_x), (b, second_y) = within(x), within(y)
    k = (x @ y.T / 3 + 1) ** 3
    r, c = k.mean(1) - k.mean(), k.mean(0) - k.mean()
    across = ((k - k.mean() - r[:, None] - c[None]) ** 2).sum() / ((n - 1) * (m - 1))
    second = 2 * second_x / (n * (n - 1)) + 2 * second_y / (m * (m - 1)) + 4 * across / (n * m)
    first = 4 / n * ((a - r).var(ddof=1) - second_x / (n - 2) - across / m)
    first += 4 / m * ((b - c).var(ddof=1) - second_y / (m - 2) - across / n)
    assert kid(x, y).standard_error == pytest.approx(max(second + first, second / 2) ** 0.5, rel=1e-4)


def test_subsets_of_everything_are_the_whole():
    x, y = rows(0, 40, 6), rows(1, 40, 6, 0.3)
    found = kid_subsets(0, x, y, subsets=5, size=40)
    assert found.value == pytest.approx(kid(x, y).value, rel=1e-5)
    assert found.deviation == pytest.approx(0.0, abs=1e-5)


def test_subsets_are_drawn_without_replacement_and_their_mean_is_unbiased(one_device):
    x, y = rows(0, 300, 6), rows(1, 300, 6, 0.3)
    found = kid_subsets(0, x, y, subsets=200, size=30)
    random = np.random.default_rng(0)
    values = []
    for _ in range(200):
        a = x[random.choice(300, 30, replace=False)].astype(np.float64)
        b = y[random.choice(300, 30, replace=False)].astype(np.float64)
        k = [(p @ q.T / 6 + 1) ** 3 for p, q in ((a, a), (b, b), (a, b))]
        values.append(sum((g.sum() - np.trace(g)) / (30 * 29) for g in k[:2]) - 2 * k[2].mean())
    assert found.value == pytest.approx(np.mean(values), rel=1e-4)
    assert found.deviation == pytest.approx(np.std(values, ddof=1), rel=1e-4)
    assert found == kid_subsets(0, x, y, subsets=200, size=30)


def test_mmd_of_features_takes_the_median_and_tells_laws_apart():
    x, y = rows(0, 120, 8), rows(1, 120, 8)
    same = features_mmd(jax.random.key(0), x, y)
    apart = features_mmd(jax.random.key(0), x, y + 0.5)
    pooled = np.concatenate([x, y]).astype(np.float64)
    distances = np.sqrt(((pooled[:, None] - pooled[None]) ** 2).sum(-1))[np.triu_indices(240, 1)]
    assert same.bandwidth == pytest.approx(np.median(distances), rel=1e-5)

    def k(a, b):
        r2 = ((a[:, None].astype(np.float64) - b[None]) ** 2).sum(-1)
        return np.exp(-r2 / (2 * same.bandwidth**2))

    within = sum((k(a, a).sum() - 120) / (120 * 119) for a in (x, y))
    assert same.mmd2 == pytest.approx(within - 2 * k(x, y).mean(), abs=2e-6)
    assert same.p_value > 0.05
    assert apart.p_value == pytest.approx(0.001)
    assert apart.mmd2 > 5 * apart.standard_error


def test_mmd_of_features_takes_a_kernel_of_ones_own():
    x, y = rows(0, 30, 4), rows(1, 30, 4, 0.2)
    found = features_mmd(jax.random.key(0), x, y, kernel=mmd.energy(), permutations=99)
    assert found.bandwidth is None
    distance = np.linalg.norm(x[:, None].astype(np.float64) - y[None], axis=-1).mean()
    within = sum(
        np.linalg.norm(a[:, None].astype(np.float64) - a[None], axis=-1).sum() / (30 * 29) for a in (x, y)
    )
    assert found.mmd2 == pytest.approx(2 * distance - within, abs=1e-5)
    assert 0.01 <= found.p_value <= 1


def test_bad_input_is_refused():
    x = rows(0, 10, 3)
    with pytest.raises(ValueError, match=r"rows \[n d\] of one width"):
        kid(x, x[:, :2])
    with pytest.raises(ValueError, match=r"at least 4 rows, but they have 3 and 10"):
        kid(x[:3], x)
    with pytest.raises(ValueError, match=r"at least 1000 rows"):
        kid_subsets(0, x, x)
    with pytest.raises(ValueError, match=r"at least 2 subsets"):
        kid_subsets(0, x, x, subsets=1)
    with pytest.raises(ValueError, match=r"must be finite"):
        kid(x, x * np.nan)
    with pytest.raises(ValueError, match=r"which is no bandwidth; give a kernel"):
        features_mmd(jax.random.key(0), np.ones((9, 2)), np.ones((9, 2)))
