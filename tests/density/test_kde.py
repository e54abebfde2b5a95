import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, stats
from sklearn.neighbors import KernelDensity

from coulomb_jax.density import kde

RANDOM = np.random.default_rng(0)


def reference(points, sample, bandwidth):
    """In float64, one pair at a time, with an exactly rounded sum."""
    n, d = sample.shape
    result = []
    for point in np.asarray(points, np.float64):
        exponents = sorted(
            -sum((a - b) ** 2 for a, b in zip(point, centre, strict=True)) / (2 * bandwidth**2)
            for centre in np.asarray(sample, np.float64)
        )
        total = math.fsum(math.exp(value - exponents[-1]) for value in exponents)
        scale = math.log(n) + d * math.log(bandwidth) + d / 2 * math.log(2 * math.pi)
        result.append(exponents[-1] + math.log(total) - scale)
    return np.array(result)


@pytest.mark.parametrize("d", [1, 2, 7])
def test_it_agrees_with_a_double_loop(d):
    points = RANDOM.normal(size=(11, d)).astype(np.float32)
    sample = RANDOM.normal(size=(23, d)).astype(np.float32)
    widths = [0.03, 0.5, 4.0]
    table = kde.log_density(points, sample, widths)
    assert table.shape == (3, 11)
    assert table.dtype == jnp.float32
    for row, width in zip(table, widths, strict=True):
        np.testing.assert_allclose(row, reference(points, sample, width), rtol=3e-6, atol=3e-6)


@pytest.mark.parametrize("width", [0.1, 1.0])
def test_it_agrees_with_scikit_learn_and_scipy(width):
    points, sample = RANDOM.normal(size=(50, 2)), RANDOM.normal(size=(400, 2))
    expected = KernelDensity(bandwidth=width, rtol=1e-10).fit(sample).score_samples(points)
    found = kde.log_density(points, sample, width)
    assert found.shape == (50,)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)
    line = stats.gaussian_kde(sample[:, 0], bw_method=width / sample[:, 0].std(ddof=1))
    found = kde.log_density(points[:, :1], sample[:, :1], width)
    np.testing.assert_allclose(found, line.logpdf(points[:, 0]), rtol=1e-5, atol=1e-5)


def test_the_density_integrates_to_one():
    sample = RANDOM.normal(size=(20, 1)).astype(np.float32)
    at = np.linspace(-8, 8, 4001)
    density = np.exp(np.asarray(kde.log_density(at[:, None], sample, 0.3), np.float64))
    assert integrate.simpson(density, x=at) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("distance", [0.0, 0.004, 1.0, 60.0, 1e4])
def test_points_far_beyond_the_bandwidth_stay_finite(distance):
    # exp(-distance² / (2 · 0.001²)) is 0 in float32, and in float64, from 0.04 on.
    found = kde.log_density(jnp.array([[distance, 0.0]]), jnp.zeros((3, 2)), 1e-3)
    exact = float(np.float32(distance))
    expected = -(exact**2) / 2e-6 - 2 * math.log(1e-3) - math.log(2 * math.pi)
    np.testing.assert_allclose(found, [expected], rtol=1e-6)


def test_an_offset_costs_no_digits():
    # Distances as differences: |x|² + |y|² - 2xy would lose everything at 4096.
    points = np.array([[0.25, 0.5], [-0.75, 0.0]], np.float32)
    sample = np.array([[0.0, 0.5], [-0.5, 0.25], [1.0, 1.0]], np.float32)
    np.testing.assert_array_equal(
        kde.log_density(points + 4096, sample + 4096, 0.1), kde.log_density(points, sample, 0.1)
    )


@pytest.mark.parametrize("pairs", [1, 30, 100, 10**6])
def test_blocks_of_any_size_give_the_same(monkeypatch, pairs):
    points, sample = RANDOM.normal(size=(17, 2)), RANDOM.normal(size=(10, 2))
    monkeypatch.setattr(kde, "BLOCK_PAIRS", pairs)
    found = kde.log_density(points, sample, [0.1, 1.0])
    for row, width in zip(found, (0.1, 1.0), strict=True):
        np.testing.assert_allclose(row, reference(points, sample, width), rtol=1e-4, atol=1e-4)


def test_memory_does_not_grow_with_the_number_of_points():
    sample, widths = jnp.ones((4096, 2)), jnp.ones(10)

    def temporary(m):
        lowered = jax.jit(kde.log_density).lower(jnp.ones((m, 2)), sample, widths)
        return lowered.compile().memory_analysis().temp_size_in_bytes

    assert temporary(16 * 1024) - temporary(1024) < 4 * 10 * 16 * 1024 * 2.5  # the table itself
    assert temporary(16 * 1024) < 16 * 2**20  # all pairs at once: 256 MiB for one bandwidth


def test_half_precision_is_computed_in_float32():
    points = jnp.asarray(RANDOM.normal(size=(5, 2)), jnp.bfloat16)
    sample = jnp.asarray(RANDOM.normal(size=(9, 2)), jnp.bfloat16)
    found = kde.log_density(points, sample, 0.1)
    assert found.dtype == jnp.float32
    expected = reference(np.asarray(points, np.float64), np.asarray(sample, np.float64), 0.1)
    np.testing.assert_allclose(found, expected, rtol=3e-6, atol=3e-6)


def test_it_runs_inside_other_programs():
    points, sample = jnp.ones((3, 2)), jnp.zeros((4, 2))
    widths = jnp.array([0.5, 1.0])
    inside = jax.jit(jax.vmap(kde.log_density, in_axes=(None, None, 0)))(points, sample, widths)
    np.testing.assert_allclose(inside, kde.log_density(points, sample, widths), rtol=1e-6)
    assert kde.log_density(points, sample, jnp.ones((2, 5))).shape == (2, 5, 3)


def test_the_gradient_points_to_the_sample():
    # Of one Gaussian: (centre - x) / h².
    slope = jax.grad(lambda x: kde.log_density(x, jnp.array([[3.0, -1.0]]), 0.5).sum())
    np.testing.assert_allclose(slope(jnp.array([[1.0, 1.0]])), [[8.0, -8.0]], rtol=1e-6)


def test_bad_input_is_refused():
    points, sample = np.ones((3, 2)), np.ones((4, 2))
    with pytest.raises(TypeError, match="points must be floating, but its dtype is int32"):
        kde.log_density(np.ones((3, 2), int), sample, 1.0)
    with pytest.raises(ValueError, match=r"shapes are \(3, 2\) and \(4, 3\)"):
        kde.log_density(points, np.ones((4, 3)), 1.0)
    with pytest.raises(ValueError, match=r"shapes are \(3,\) and \(4, 2\)"):
        kde.log_density(np.ones(3), sample, 1.0)
    with pytest.raises(ValueError, match=r"at least one row"):
        kde.log_density(points, np.ones((0, 2)), 1.0)
    for widths in (0.0, [1.0, -1.0], float("nan")):
        with pytest.raises(ValueError, match="bandwidths must be positive"):
            kde.log_density(points, sample, widths)
