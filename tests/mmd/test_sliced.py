import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.special
import scipy.stats

from coulomb_jax import mmd
from coulomb_jax.mmd import sliced as module
from coulomb_jax.mmd.sliced import sliced_energy
from tests.mmd import reference
from tests.mmd.reference import cloud

sliced = jax.jit(sliced_energy, static_argnames="projections")


def fresh():
    """A key of its own for every draw: the tests refuse one that is used twice."""
    return jax.random.key(0)


def energy_distance(x, y):
    """The U-statistic, by a loop over pairs."""
    return reference.mmd2(lambda r2: -math.sqrt(r2), x, y)


def force_on_a_line(x, y):
    """The slope of the U-statistic in x, by a double loop; points that coincide do not push."""
    n, m = len(x), len(y)
    return [
        2 * sum(np.sign(float(a) - float(b)) for b in y) / (n * m)
        - 2 * sum(np.sign(float(a) - float(b)) for b in x) / (n * (n - 1))
        for a in x
    ]


def shifted_normals(shift):
    """2·E|X − Y| − E|X − X'| − E|Y − Y'| of N(0, 1) and N(shift, 1)."""
    across = 2 / math.sqrt(math.pi) * math.exp(-(shift**2) / 4) + shift * math.erf(shift / 2)
    return 2 * across - 4 / math.sqrt(math.pi)


def mean_distance(a):
    """E|a − X| of X from N(0, 1)."""
    return a * scipy.special.erf(a / math.sqrt(2)) + math.sqrt(2 / math.pi) * np.exp(-(a**2) / 2)


def on_line(values):
    return jnp.asarray(values, jnp.float32)[:, None]


@pytest.mark.parametrize(("n", "m"), [(2, 2), (2, 9), (7, 5), (40, 61)])
@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_on_a_line_it_is_the_double_loop(n, m, offset):
    x, y = cloud(n, n, 1, offset), cloud(m, m, 1, offset + 0.5)
    value = sliced_energy(fresh(), x, y)
    assert value.shape == ()
    assert value.dtype == jnp.float32
    assert float(value) == pytest.approx(energy_distance(x, y), rel=1e-5, abs=1e-6)


def test_on_a_line_with_ties():
    x, y = np.float32([0, 0, 1, 2, 2, 2, 5]), np.float32([2, 0, 2, 7, 5])
    value = sliced_energy(fresh(), on_line(x), on_line(y))
    assert float(value) == pytest.approx(energy_distance(x[:, None], y[:, None]), abs=1e-6)
    assert float(sliced_energy(fresh(), on_line(x), on_line(x))) == pytest.approx(
        energy_distance(x[:, None], x[:, None]), abs=1e-6
    )


def test_sets_far_apart_lose_no_digits():
    x, y = cloud(0, 30, 1), cloud(1, 20, 1, 1e3)
    assert float(sliced_energy(fresh(), x, y)) == pytest.approx(energy_distance(x, y), rel=2e-7)


def test_scipy_computes_its_biased_form():
    x, y = cloud(0, 40, 1), cloud(1, 60, 1, 0.7)
    own = [abs(points - points.T.astype(float)).sum() / (n * (n - 1)) for points, n in ((x, 40), (y, 60))]
    biased = scipy.stats.energy_distance(x[:, 0], y[:, 0]) ** 2
    assert float(sliced_energy(fresh(), x, y)) == pytest.approx(biased - own[0] / 40 - own[1] / 60, rel=1e-5)


@pytest.mark.parametrize("dim", [2, 5, 64])
def test_its_mean_over_directions_is_mmd2(dim):
    x, y = cloud(0, 60, dim), cloud(1, 45, dim, 0.3)
    keys = jax.random.split(fresh(), 60)
    values = np.asarray(jax.jit(jax.vmap(lambda key: sliced_energy(key, x, y, projections=100)))(keys))
    error = float(values.std(ddof=1)) / math.sqrt(60)
    expected = energy_distance(x, y)
    assert error < 0.03 * expected
    assert abs(values.mean() - expected) < 4 * error


@pytest.mark.parametrize(("n", "m", "projections"), [(3, 4, 1), (20, 30, 7), (700, 500, 61)])
def test_one_draw_of_directions_matches_float64(n, m, projections):
    """By the sum over pairs of one line at a time; the largest case does not fill its batches."""
    x, y = cloud(0, n, 3), cloud(1, m, 3, 0.5)
    normal = np.asarray(jax.random.normal(fresh(), (projections, 3)), np.float64)
    values = []
    for line in normal / np.linalg.norm(normal, axis=1, keepdims=True):
        a, b = x.astype(float) @ line, y.astype(float) @ line
        pairs = ((a, b, 2 / (n * m)), (a, a, -1 / (n * (n - 1))), (b, b, -1 / (m * (m - 1))))
        values.append(sum(weight * abs(p[:, None] - q[None, :]).sum() for p, q, weight in pairs))
    value = sliced(fresh(), x, y, projections=projections)
    assert float(value) == pytest.approx(2 * np.mean(values), rel=1e-5)  # E|cos| = 1/2 in space


def test_unbiased_at_equal_laws_and_negative_half_of_the_time():
    def once(key):
        of_lines, of_x, of_y = jax.random.split(key, 3)
        x, y = jax.random.normal(of_x, (5, 3)), jax.random.normal(of_y, (8, 3))
        return sliced_energy(of_lines, x, y, projections=3)

    values = np.asarray(jax.jit(jax.vmap(once))(jax.random.split(fresh(), 4000)))
    error = float(values.std()) / math.sqrt(4000)
    assert error < 0.01
    assert abs(values.mean()) < 4 * error
    assert 0.4 < (values < 0).mean() < 0.8


def test_unbiased_for_shifted_normals_in_space():
    """‖N(µ, 2I)‖/√2 is a noncentral chi with three degrees, of mean √(π/2)·L(−‖µ‖²/4)."""

    def once(key):
        of_lines, of_x, of_y = jax.random.split(key, 3)
        x, y = jax.random.normal(of_x, (6, 3)), jax.random.normal(of_y, (4, 3)) + 1.0
        return sliced_energy(of_lines, x, y, projections=3)

    values = np.asarray(jax.jit(jax.vmap(once))(jax.random.split(fresh(), 4000)))
    chi = scipy.stats.ncx2(3, 1.5).expect(np.sqrt)
    expected = 2 * math.sqrt(2) * (chi - 2 * math.sqrt(2 / math.pi))
    error = float(values.std()) / math.sqrt(4000)
    assert error < 0.03 * expected
    assert abs(values.mean() - expected) < 4 * error


@pytest.mark.parametrize("offset", [0.0, 1e3])
def test_gradient_on_a_line_is_that_of_the_pairs(offset):
    x, y = cloud(0, 30, 1, offset), cloud(1, 19, 1, offset + 0.4)
    of_x, of_y = jax.grad(lambda x, y: sliced_energy(fresh(), x, y), (0, 1))(jnp.asarray(x), jnp.asarray(y))
    np.testing.assert_allclose(of_x[:, 0], force_on_a_line(x[:, 0], y[:, 0]), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(of_y[:, 0], force_on_a_line(y[:, 0], x[:, 0]), rtol=1e-4, atol=1e-7)


def test_points_that_coincide_do_not_push_each_other():
    x, y = np.float32([0, 0, 1, 2, 2, 2, 5]), np.float32([2, 0, 2, 7, 5])
    slope = jax.grad(lambda x: sliced_energy(fresh(), x, on_line(y)))(on_line(x))
    np.testing.assert_allclose(slope[:, 0], force_on_a_line(x, y), atol=1e-7)
    collapsed = jnp.ones((6, 2))
    alike = jax.grad(lambda x: sliced_energy(fresh(), x, jnp.ones((4, 2)), projections=5))(collapsed)
    np.testing.assert_array_equal(alike, np.zeros((6, 2)))
    equal = jnp.asarray(cloud(0, 50, 2))
    slope = jax.grad(lambda x: sliced_energy(fresh(), x, equal, projections=5))(equal)
    pairs = jax.jit(jax.grad(lambda x: mmd.mmd2(x, equal, mmd.energy())))(equal)
    assert bool(jnp.all(jnp.isfinite(slope)))
    assert float(jnp.max(abs(slope))) < 3 * float(jnp.max(abs(pairs)))


def test_gradient_in_space_matches_differences():
    with jax.enable_x64(True):
        x, y = jnp.asarray(cloud(0, 12, 3), jnp.float64), jnp.asarray(cloud(1, 9, 3, 0.5), jnp.float64)

        def value(x, y):
            return sliced_energy(fresh(), x, y, projections=11)

        slopes, h = jax.grad(value, (0, 1))(x, y), 1e-6
        assert slopes[0].dtype == jnp.float64
        for i, k in itertools.product((0, 5), range(3)):
            along_x = (value(x.at[i, k].add(h), y) - value(x.at[i, k].add(-h), y)) / (2 * h)
            along_y = (value(x, y.at[i, k].add(h)) - value(x, y.at[i, k].add(-h))) / (2 * h)
            assert float(slopes[0][i, k]) == pytest.approx(float(along_x), rel=1e-6, abs=1e-9)
            assert float(slopes[1][i, k]) == pytest.approx(float(along_y), rel=1e-6, abs=1e-9)


def test_transformations_agree_with_each_other():
    x, y = jnp.asarray(cloud(0, 8, 2)), jnp.asarray(cloud(1, 6, 2, 0.5))

    def value(x):
        return sliced_energy(fresh(), x, y, projections=4)

    slope = jax.grad(value)(x)
    _, forward = jax.jvp(value, (x,), (jnp.ones_like(x),))
    assert float(forward) == pytest.approx(float(jnp.sum(slope)), rel=1e-5)
    stacked = jnp.stack([x, 2.0 * x])
    np.testing.assert_allclose(jax.vmap(value)(stacked), [value(x), value(2.0 * x)], rtol=1e-5)
    slopes = jax.jit(jax.vmap(jax.grad(value)))(stacked)
    np.testing.assert_allclose(slopes, [slope, jax.grad(value)(2.0 * x)], rtol=1e-5, atol=1e-7)
    assert not np.any(jax.hessian(value)(x))  # piecewise linear


def test_half_precision_points_are_summed_in_float32():
    x, y = jnp.asarray(cloud(0, 50, 1), jnp.bfloat16), jnp.asarray(cloud(1, 40, 1, 0.3), jnp.bfloat16)
    value, slope = jax.value_and_grad(lambda x: sliced_energy(fresh(), x, y))(x)
    rounded = np.asarray(x, np.float32), np.asarray(y, np.float32)
    assert value.dtype == jnp.float32
    assert slope.dtype == jnp.bfloat16
    assert float(value) == pytest.approx(energy_distance(*rounded), rel=1e-5)
    expected = force_on_a_line(rounded[0][:, 0], rounded[1][:, 0])
    np.testing.assert_allclose(np.asarray(slope[:, 0], np.float32), expected, rtol=0.01, atol=1e-6)


def test_float64_points_are_summed_in_float64():
    with jax.enable_x64(True):
        x, y = np.random.default_rng(0).normal(size=(2, 30, 1))
        value = sliced_energy(fresh(), x, y + 0.3)
        assert float(value) == pytest.approx(energy_distance(x, y + 0.3), rel=1e-12)
        narrow = sliced_energy(fresh(), x.astype(np.float32), y.astype(np.float32))
        assert narrow.dtype == jnp.float32


def test_a_legacy_key_draws_the_same_directions():
    x, y = cloud(0, 8, 3), cloud(1, 6, 3)
    legacy = sliced_energy(jax.random.PRNGKey(7), x, y, projections=3)
    assert float(legacy) == float(sliced_energy(jax.random.key(7), x, y, projections=3))
    assert float(legacy) != float(sliced_energy(jax.random.key(8), x, y, projections=3))


@pytest.mark.slow
def test_a_million_points_match_the_closed_form():
    x = jax.random.normal(jax.random.key(1), (1_000_000, 1))
    y = jax.random.normal(jax.random.key(2), (1_000_000, 1)) + 0.5
    value, slopes = jax.value_and_grad(lambda x, y: sliced_energy(fresh(), x, y), (0, 1))(x, y)
    wide = [np.sort(np.asarray(points, np.float64).ravel()) for points in (x, y)]
    witnesses = [mean_distance(points) - mean_distance(points - 0.5) for points in wide]
    error = 2 * math.sqrt(sum(witness.var() for witness in witnesses) / 1e6)
    assert error < 0.01 * shifted_normals(0.5)
    assert abs(float(value) - shifted_normals(0.5)) < 4 * error
    ranks = 2 * np.arange(1, 1_000_001) - 1_000_001
    own = sum(2 * (ranks @ points) / (1e6 * 999_999) for points in wide)
    biased = scipy.stats.energy_distance(*wide) ** 2
    assert float(value) == pytest.approx(biased - own / 1e6, rel=1e-5)
    assert float(jnp.sum(slopes[0])) == pytest.approx(-float(jnp.sum(slopes[1])), rel=1e-4)


def test_a_second_call_with_the_same_shapes_does_not_trace_again(monkeypatch):
    traced, on_a_line = [], module._on_a_line
    monkeypatch.setattr(module, "_on_a_line", lambda *a, **k: traced.append(1) or on_a_line(*a, **k))
    x, y = jnp.asarray(cloud(0, 23, 3)), jnp.asarray(cloud(1, 17, 3))
    for shift in (0.0, 1.0, 2.0):
        sliced_energy(fresh(), x, y + shift, projections=3)
        jax.grad(lambda x: sliced_energy(fresh(), x, y, projections=3))(x + shift)
        calls = len(traced) if not shift else calls
    assert len(traced) == calls > 0


X = on_line([0.0, 1.0, 2.0]) * jnp.ones((1, 2))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: sliced_energy(fresh(), X[:1], X), ValueError, "x must hold at least 2 points"),
        (lambda: sliced_energy(fresh(), X, X[0]), ValueError, "y must have two axes"),
        (lambda: sliced_energy(fresh(), X, X[:, :1]), ValueError, "x has 2, y has 1"),
        (lambda: sliced_energy(fresh(), X.astype(int), X), TypeError, "dtype int32"),
        (lambda: sliced_energy(fresh(), X.at[0, 0].set(jnp.nan), X), ValueError, "1 NaN or infin"),
        (lambda: sliced_energy(fresh(), X, X, projections=0), ValueError, "at least 1, got 0"),
        (lambda: sliced_energy(fresh(), X, X, projections=2.0), TypeError, "whole number, got 2.0"),
        (lambda: sliced_energy(fresh(), X, X, projections=True), TypeError, "whole number"),
        (lambda: sliced_energy(0, X, X), TypeError, "must be a random key, got 0"),
        (lambda: sliced_energy(None, X, X), TypeError, "jax.random.key"),
        (lambda: sliced_energy(X[0], X, X), TypeError, "must be a random key"),
        (lambda: sliced_energy(jax.random.split(fresh()), X, X), ValueError, "one random key"),
    ],
)
def test_bad_input_gets_one_clear_sentence(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)


def test_values_and_slopes_in_a_shard_map():
    mesh = jax.sharding.Mesh(np.array(jax.devices()[:4]), ("device",))
    x, y = cloud(0, 32, 3), cloud(1, 9, 3)

    def mine(x, y):
        return mmd.sliced_energy(jax.random.key(0), x, y, projections=3)

    def both(x, y):
        value, slope = jax.value_and_grad(mine)(x, y)
        return value[None], slope

    parts = (jax.P("device"), jax.P())
    values, slopes = jax.shard_map(both, mesh=mesh, in_specs=parts, out_specs=jax.P("device"))(x, y)
    for part in range(4):
        rows = slice(8 * part, 8 * part + 8)
        value, slope = jax.value_and_grad(mine)(x[rows], y)
        assert float(values[part]) == pytest.approx(float(value), rel=1e-6)
        np.testing.assert_allclose(slopes[rows], slope, atol=1e-6)
