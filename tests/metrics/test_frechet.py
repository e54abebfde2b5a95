import math

import numpy as np
import pytest
from scipy import linalg

from coulomb_jax.metrics.frechet import (
    Statistics,
    frechet_distance,
    frechet_interval,
    nothing,
    statistics,
)


def rows(seed, n, dim, *, shift=0.0, decay=0.0):
    """Correlated features with an offset, the scale of the last e^-decay of the first's."""
    random = np.random.default_rng(seed)
    turn, _ = np.linalg.qr(np.random.default_rng(99).normal(size=(dim, dim)))
    return (random.normal(size=(n, dim)) * np.exp(-np.linspace(0, decay, dim)) @ turn + shift).astype(
        np.float32
    )


def by_sqrtm(a, b):
    """The published formula, with scipy's general root."""
    first, second = np.cov(a.astype(np.float64).T), np.cov(b.astype(np.float64).T)
    step = a.mean(0, dtype=np.float64) - b.mean(0, dtype=np.float64)
    return step @ step + np.trace(first + second - 2 * linalg.sqrtm(first @ second).real)


@pytest.mark.parametrize("dim", [1, 2, 40])
@pytest.mark.parametrize("decay", [0.0, 5.0])
def test_agrees_with_scipys_root(dim, decay):
    a, b = rows(0, 300, dim, decay=decay), rows(1, 500, dim, shift=0.3, decay=decay / 2)
    if dim == 1:  # np.cov makes a scalar of one row
        deviation = a.std(ddof=1, dtype=np.float64) - b.std(ddof=1, dtype=np.float64)
        expected = (a.mean(dtype=np.float64) - b.mean(dtype=np.float64)) ** 2 + deviation**2
    else:
        expected = by_sqrtm(a, b)
    assert frechet_distance(statistics(a), statistics(b)) == pytest.approx(expected, rel=1e-9)


def test_gaussians_of_one_axes_have_a_closed_form():
    # Sum of squared differences of means and of standard deviations.
    mean, scales = np.array([1.0, -2.0, 0.5]), np.array([[1.0, 2.0, 0.0], [3.0, 0.5, 1.0]])
    a, b = (Statistics(11, m, 10 * np.diag(s**2)) for m, s in zip((mean, 0 * mean), scales))
    expected = 1 + 4 + 0.25 + 4 + 2.25 + 1
    assert frechet_distance(a, b) == pytest.approx(expected, abs=1e-12)
    assert frechet_distance(b, a) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("n", "dim", "decay"), [(5000, 84, 6.0), (1000, 300, 8.0), (50, 200, 0.0), (2, 30, 0.0)]
)
def test_a_set_is_at_no_distance_from_itself(n, dim, decay):
    """Also with fewer images than features, where the covariance is singular."""
    a = statistics(rows(0, n, dim, shift=3.0, decay=decay))
    assert abs(frechet_distance(a, a)) < 1e-6


def test_distance_where_neither_covariance_is_of_full_rank():
    # Two sets in orthogonal planes: the root vanishes.
    a, b = np.zeros((2, 100, 6), np.float32)
    a[:, :2], b[:, 3:5] = rows(0, 100, 2), rows(1, 100, 2)
    expected = np.sum((a.mean(0) - b.mean(0)) ** 2, dtype=np.float64)
    expected += a.var(0, ddof=1, dtype=np.float64).sum() + b.var(0, ddof=1, dtype=np.float64).sum()
    assert frechet_distance(statistics(a), statistics(b)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("sizes", [(1, 1), (1, 499), (200, 1, 299), (250, 250)])
def test_blocks_merge_to_the_whole(sizes):
    """An offset of 1,000 at a scale of 1e-3 in one column: sums of squares would lose it."""
    data = rows(0, sum(sizes), 5).astype(np.float64)
    data[:, 2] = 1000 + 1e-3 * data[:, 2]
    parts, total = np.split(data, np.cumsum(sizes)[:-1]), nothing(5)
    for part in parts:
        total = total.merge(statistics(part))
    assert total.count == len(data)
    np.testing.assert_allclose(total.mean, data.mean(0), rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(total.covariance, np.cov(data.T), rtol=1e-8, atol=1e-13)


def test_many_rows_go_block_by_block(monkeypatch):
    monkeypatch.setattr("coulomb_jax.metrics.frechet.BLOCK", 7)
    data = rows(0, 40, 3, shift=10.0)
    found = statistics(data)
    np.testing.assert_allclose(found.covariance, np.cov(data.astype(np.float64).T), rtol=1e-12)


def test_saved_statistics_come_back_and_know_what_they_are_of(tmp_path):
    path, made = tmp_path / "statistics.npz", statistics(rows(0, 20, 4), "abc")
    made.save(path)
    back = Statistics.load(path, "abc")
    assert (back.count, back.fingerprint) == (20, "abc")
    np.testing.assert_array_equal(back.mean, made.mean)
    np.testing.assert_array_equal(back.scatter, made.scatter)
    with pytest.raises(ValueError, match=r"features xyz are asked for, but .* is of abc"):
        Statistics.load(path, "xyz")
    with pytest.raises(ValueError, match=r"must be of the same features"):
        frechet_distance(back, back._replace(fingerprint="xyz"))


def test_the_standard_error_is_that_of_fresh_samples():
    """Against the spread of 400 independent samples of the same two laws."""
    dim, n = 4, 300
    fresh = [
        frechet_distance(statistics(rows(2 * i, n, dim)), statistics(rows(2 * i + 1, n, dim, shift=0.3)))
        for i in range(400)
    ]
    errors = [
        frechet_interval(
            i, rows(2 * i, n, dim), rows(2 * i + 1, n, dim, shift=0.3), resamples=200
        ).standard_error
        for i in range(10)
    ]
    # 400 values give a deviation to 3.5 %, 200 resamples to 5 % each.
    assert np.mean(errors) == pytest.approx(np.std(fresh, ddof=1), rel=0.12)


def test_the_interval_holds_the_mean_of_fresh_samples():
    dim, n, held = 3, 200, []
    other = statistics(rows(1_000_000, 50_000, dim))
    target = np.mean([frechet_distance(statistics(rows(i, n, dim, shift=0.5)), other) for i in range(500)])
    for i in range(500, 620):
        interval = frechet_interval(i, rows(i, n, dim, shift=0.5), other, resamples=100)
        held.append(interval.low <= target <= interval.high)
        assert interval.low < interval.value < interval.high
    # 95 % wanted; 120 trials have a deviation of 2 %, and skewness of the distance costs some.
    assert 0.88 <= np.mean(held) <= 0.99


@pytest.mark.parametrize("resamples", [20, 79])
def test_the_ends_of_few_resamples_are_standard_errors_away(resamples):
    a, b = rows(0, 200, 4), rows(1, 200, 4, shift=0.5)
    one = frechet_interval(0, a, b, resamples=resamples)
    # The normal law's own quantile of 0.975, of a table.
    assert one.high - one.value == pytest.approx(1.959964 * one.standard_error, rel=1e-6)
    assert one.value - one.low == pytest.approx(1.959964 * one.standard_error, rel=1e-6)
    many = frechet_interval(0, a, b, resamples=80)
    assert many.high - many.value != pytest.approx(many.value - many.low, rel=1e-3)


def test_a_resample_is_rows_drawn_again():
    from coulomb_jax.metrics.frechet import _resampled

    data = rows(0, 50, 3, shift=2.0)
    found = _resampled(np.random.default_rng(7), data, "")
    drawn = np.repeat(data, np.random.default_rng(7).multinomial(50, np.full(50, 1 / 50)), axis=0)
    np.testing.assert_allclose(found.mean, drawn.mean(0, dtype=np.float64), rtol=1e-12)
    np.testing.assert_allclose(found.covariance, np.cov(drawn.astype(np.float64).T), rtol=1e-11)


def test_bias_at_equal_laws_is_as_one_over_the_count():
    """In one dimension about (1 + 1/2)(1/n + 1/m): means of variance 1/n, and deviations of 1/2n."""
    for n in (50, 200):
        values = [
            frechet_distance(statistics(rows(i, n, 1)), statistics(rows(i + 10_000, n, 1)))
            for i in range(2000)
        ]
        assert np.mean(values) == pytest.approx(3 / n, rel=0.08)


def test_bad_input_is_refused():
    data = rows(0, 10, 3)
    with pytest.raises(ValueError, match=r"at least 2 rows of features, but there are 1"):
        frechet_distance(statistics(data[:1]), statistics(data))
    with pytest.raises(ValueError, match=r"must be of the same features"):
        frechet_distance(statistics(data), statistics(data[:, :2]))
    with pytest.raises(ValueError, match=r"rows \[n d\]"):
        statistics(data[0])
    with pytest.raises(ValueError, match=r"must be finite"):
        statistics(data * np.nan)
    with pytest.raises(ValueError, match=r"at least 2 resamples"):
        frechet_interval(0, data, data, resamples=1)
    with pytest.raises(ValueError, match=r"level between 0 and 1"):
        frechet_interval(0, data, data, level=1.0)
    assert math.isfinite(frechet_distance(statistics(data), statistics(data[:2])))
