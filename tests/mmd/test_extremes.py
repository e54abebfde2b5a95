"""Where digits or ranges end: near points in many dimensions, far units, values that are not numbers."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import mmd
from tests.mmd import reference
from tests.mmd.reference import cloud


def clusters(seed, n, dim, spread):
    """Ten clusters, much tighter than they are far apart."""
    random = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(10, dim))
    return (centres[random.integers(0, 10, n)] + spread * random.normal(size=(n, dim))).astype(np.float32)


def riesz_slope(x, y):
    """The slope of the unbiased MMD² in x under 1/r², in float64."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    n, m = len(x), len(y)

    def pull(others):
        apart = x[:, None] - others[None]
        r2 = (apart**2).sum(-1)
        weights = np.where(r2 > 0, -2 / np.where(r2 > 0, r2, 1) ** 2, 0)
        return (weights[..., None] * apart).sum(1)

    return 2 * pull(x) / (n * (n - 1)) - 2 * pull(y) / (n * m)


@pytest.mark.parametrize("block_size", [None, 70])
@pytest.mark.parametrize(("spread", "tolerance"), [(1e-2, 1e-3), (1e-3, 1e-2)])
def test_tight_clusters_in_eight_dimensions_keep_their_forces(spread, tolerance, block_size):
    # Squared distances from products alone would be all rounding here: forces wrong by ten thousand.
    x, y = clusters(0, 200, 8, spread), clusters(1, 180, 8, spread)
    kernel = mmd.coulomb(8, beta=2)
    both = jax.jit(jax.value_and_grad(lambda x: mmd.mmd2(x, y, kernel, block_size=block_size)))
    value, slope = both(x)
    expected = reference.mmd2(lambda r2: 1 / max(r2, 1e-12), x, y)
    assert float(value) == pytest.approx(expected, rel=1e-3)
    exact = riesz_slope(x, y)
    np.testing.assert_allclose(slope, exact, atol=tolerance * abs(exact).max())


@pytest.mark.parametrize("dim", [8, 64])
def test_a_coincident_pair_counts_the_same_in_every_tiling(dim):
    x, y = cloud(0, 60, dim), cloud(1, 60, dim)
    y[0] = x[0]
    kernel = mmd.coulomb(dim, beta=2)
    expected = reference.mmd2(lambda r2: 1 / max(r2, 1e-12), x, y)
    for block_size in (None, 30, 17):
        value = mmd.mmd2(x, y, kernel, block_size=block_size)
        assert float(value) == pytest.approx(expected, rel=1e-5)


def test_two_far_modes_within_a_set_cost_no_digits():
    x = np.concatenate([cloud(0, 100, 8), cloud(1, 100, 8, 1e4)])
    y = np.concatenate([cloud(2, 100, 8, 0.5), cloud(3, 100, 8, 1e4)])
    expected = reference.mmd2(lambda r2: np.exp(-r2 / 18), x, y)
    assert float(mmd.mmd2(x, y, mmd.gaussian(3.0))) == pytest.approx(expected, abs=1e-4)
    statistic = mmd.two_sample_test(jax.random.key(0), x, y, mmd.gaussian(3.0), permutations=9).statistic
    assert float(statistic) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize(
    ("far", "near"),
    [
        (mmd.inverse_multiquadratic(1e20), mmd.inverse_multiquadratic(1.0)),
        (mmd.wae_multiscale(3, 1e20), mmd.wae_multiscale(3)),
        (mmd.coulomb(3, scale=1e10), mmd.coulomb(3)),
        (mmd.coulomb(3, beta=2, scale=1e10), mmd.coulomb(3, beta=2)),
        (mmd.gaussian(1e10), mmd.gaussian(1.0)),
    ],
)
def test_slopes_do_not_depend_on_the_unit(far, near):
    x, y = cloud(0, 20, 3), cloud(1, 15, 3, 0.5)
    slope = jax.jit(jax.grad(mmd.mmd2))
    expected = np.asarray(slope(x, y, near))
    scaled = np.asarray(slope(x * np.float32(1e10), y * np.float32(1e10), far), np.float64) * 1e10
    np.testing.assert_allclose(scaled, expected, atol=1e-5 * abs(expected).max())


def test_what_is_not_a_number_shows():
    x, y = cloud(0, 12, 3), cloud(1, 12, 3)
    x[0, 0] = np.nan

    @jax.jit
    def each(x):
        key = jax.random.key(0)
        tests = [
            mmd.two_sample_test(key, x, y, kernels, permutations=9).p_value
            for kernels in (mmd.gaussian(1.0), [mmd.gaussian(1.0), mmd.energy()])
        ]
        slope = jax.grad(mmd.sliced_energy, 1)(jax.random.key(1), x, y, projections=2)
        return [*tests, *mmd.mmd2_with_error(x, y, mmd.gaussian(1.0)), jnp.sum(slope)]

    with jax.debug_key_reuse(False):
        assert np.isnan(each(x)).all()


def test_bandwidths_are_those_of_the_pairs_that_do_not_coincide():
    x = np.zeros((60, 3), np.float32)
    x[:2] = 1.0
    widths = np.asarray(mmd.bandwidths(x, x, 3))
    # All distances but 0 are the root of 3: from half of it to twice.
    np.testing.assert_allclose(widths, np.sqrt(3.0) * np.array([0.5, 1.0, 2.0]), rtol=1e-5)


def test_a_mesh_with_explicit_axes_serves_too():
    x, y = cloud(0, 32, 3), cloud(1, 40, 3)
    mesh = jax.make_mesh((4,), ("rows",), devices=jax.devices()[:4])
    value = mmd.mmd2_sharded(x, y, mmd.energy(), mesh=mesh)
    assert float(value) == pytest.approx(float(mmd.mmd2(x, y, mmd.energy())), abs=1e-6)
    with pytest.raises(TypeError, match=r"must be a jax\.sharding\.Mesh"):
        mmd.mmd2_sharded(x, y, mmd.energy(), mesh="rows")


def test_a_kernel_of_ones_own_is_registered_or_refused():
    def profile(self, r2):
        return jnp.exp(-r2 / (2 * self.sigma**2))

    fields = {"__annotations__": {"sigma": float}, "profile": profile}
    x, y = cloud(0, 300, 3), cloud(1, 280, 3, 0.5)
    mine = mmd.register()(type("Mine", (mmd.Kernel,), dict(fields)))
    value, expected = (jax.jit(mmd.mmd2)(x, y, kernel) for kernel in (mine(1.5), mmd.gaussian(1.5)))
    assert float(value) == pytest.approx(float(expected), rel=1e-5)
    forgotten = dataclasses.dataclass(frozen=True)(type("Forgotten", (mmd.Kernel,), dict(fields)))
    with pytest.raises(TypeError, match="Forgotten is not; decorate it"):
        mmd.mmd2(x, y, forgotten(1.5))


def test_several_kernels_in_one_are_refused():
    x, y = cloud(0, 11, 3), cloud(1, 11, 3)
    several = jax.vmap(mmd.gaussian)(jnp.linspace(0.1, 5.0, 11))
    with pytest.raises(ValueError, match=r"one number, but gaussian\(<float32\[11\]>\) has"):
        mmd.mmd2(x, y, several)


def test_a_plummer_kernel_that_float32_cannot_hold_warns():
    with pytest.warns(UserWarning, match="measure the points in units of epsilon"):
        mmd.plummer(64, 8.0)


def test_float32_codes_stay_float32_where_float64_is_allowed():
    z = cloud(0, 20, 3)
    with jax.enable_x64(True):
        for kernel in (mmd.laplacian(1.0), mmd.gaussian(1.0), mmd.coulomb(3)):
            assert mmd.mmd2_to_normal(jnp.asarray(z), kernel).dtype == jnp.float32
        y = cloud(1, 15, 3).astype(np.float64)
        slope = jax.grad(lambda x: mmd.mmd2(x, y, mmd.gaussian(1.0), block_size=7))(jnp.asarray(z))
        assert slope.dtype == jnp.float32
        assert mmd.mmd2(jnp.asarray(z), y, mmd.gaussian(1.0)).dtype == jnp.float64
