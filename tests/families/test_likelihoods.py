"""Likelihoods of the data given a code, against scipy's densities in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from coulomb_jax import families
from coulomb_jax.families import likelihoods
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import Bound, initialize
from tests.families.restated import losses

RNG = np.random.default_rng(0)
MEAN, SPREAD = RNG.normal(size=(12, 3)), RNG.normal(size=(12, 3))


class Nets:
    """A decoder that gives `MEAN` and `SPREAD`, or others, whatever the code."""

    def __init__(self, mean=MEAN, spread=SPREAD):
        self.given = jnp.concatenate([jnp.asarray(mean, jnp.float32), jnp.asarray(spread, jnp.float32)], -1)

    def decoder(self, z):
        return self.given


def made(name, *, x_range=None, x_scale=1.0, reduction="sum", x_shape=(3,)):
    arch = Architecture(x_shape, 2, x_range=x_range, x_scale=x_scale)
    return likelihoods.make(name, arch, variance=1.0, reduction=reduction)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize(("x_range", "unit"), [(None, 3.0), ((-1.0, 1.0), 2.0), ((0.0, 1.0), 1.0)])
def test_a_diagonal_variance_is_the_normal_density_of_each_coordinate(x_range, unit, reduction):
    law = made("diagonal", x_range=x_range, x_scale=3.0, reduction=reduction)
    mean = {
        None: MEAN * 3.0,
        (-1.0, 1.0): np.tanh(MEAN),
        (0.0, 1.0): 1.0 / (1.0 + np.exp(-MEAN)),
    }[x_range]
    x = mean + RNG.normal(size=mean.shape) * 0.3
    deviation = unit * np.sqrt(np.exp(SPREAD) + 1.0 / 512.0**2)
    over = np.sum if reduction == "sum" else np.mean
    # Without its constant, as every likelihood here.
    nats = -over(stats.norm.logpdf(x, mean, deviation) + 0.5 * np.log(2.0 * np.pi), axis=1)
    found, metrics = law.surprise(Nets(), jnp.asarray(x, jnp.float32), None)
    np.testing.assert_allclose(found, np.mean(nats), rtol=1e-5)
    np.testing.assert_allclose(metrics["nats"], np.mean(nats), rtol=1e-5)
    np.testing.assert_allclose(metrics["reconstruction"], np.mean(over((x - mean) ** 2, axis=1)), rtol=1e-5)
    np.testing.assert_allclose(law.mean(Nets(), None), mean, rtol=1e-5)


def test_a_pixel_that_never_changes_costs_a_bounded_amount():
    certain = Nets(mean=np.full((12, 3), -40.0), spread=np.full((12, 3), -80.0))
    found, _ = made("diagonal", x_range=(0.0, 1.0)).surprise(certain, jnp.zeros((12, 3)), None)
    np.testing.assert_allclose(found, 3 * np.log(1.0 / 512.0), rtol=1e-5)


def logistic_mass(level, centre, scale):
    """What a logistic law gives [level, level + 1] / 256, from the side where the tail is small."""
    a, b = (level + 1.0) / 256.0 - centre, level / 256.0 - centre
    right = a + b > 0
    a, b = np.where(right, -b, a), np.where(right, -a, b)
    return stats.logistic.cdf(a / scale) - stats.logistic.cdf(b / scale)


@pytest.mark.parametrize("x_range", [(0.0, 1.0), (-1.0, 1.0)])
def test_the_logistic_law_is_the_mass_of_each_grey_level(x_range):
    levels = RNG.integers(0, 256, size=(12, 3))
    low, unit = x_range[0], x_range[1] - x_range[0]
    x = low + unit * levels / 255.0
    centre = (np.tanh(MEAN) + 1.0) / 2.0 if low else 1.0 / (1.0 + np.exp(-MEAN))
    mass = logistic_mass(levels, centre, np.exp(np.clip(SPREAD - 2.0, -4.5, 0.0)))
    law = made("logistic", x_range=x_range)
    found, _ = law.surprise(Nets(spread=SPREAD - 2.0), jnp.asarray(x, jnp.float32), None)
    np.testing.assert_allclose(found, -np.mean(np.sum(np.log(mass), axis=1)), rtol=1e-4)


def test_the_logistic_law_is_exact_in_its_tails_and_so_is_its_slope():
    level, centre = np.array([0.0, 255.0, 128.0, 0.0]), np.array([0.998, 0.002, 0.5, 0.002])
    for log_scale in (-4.5, -2.0, 0.0):
        expected = np.log(logistic_mass(level, centre, np.exp(log_scale)))
        at = jnp.full(4, log_scale)
        found = likelihoods.log_logistic(jnp.asarray(level), jnp.asarray(centre), at)
        np.testing.assert_allclose(found, expected, rtol=2e-4)
        slope = jax.grad(lambda c, s: likelihoods.log_logistic(jnp.asarray(level), c, s).sum(), (0, 1))
        by_centre, by_scale = slope(jnp.asarray(centre), at)
        h = 1e-5
        up, down = (np.log(logistic_mass(level, centre + d, np.exp(log_scale))) for d in (h, -h))
        np.testing.assert_allclose(by_centre, (up - down) / (2 * h), rtol=1e-3, atol=1e-3)
        up, down = (np.log(logistic_mass(level, centre, np.exp(log_scale + d))) for d in (h, -h))
        np.testing.assert_allclose(by_scale, (up - down) / (2 * h), rtol=1e-3, atol=1e-3)


def test_the_levels_and_both_tails_are_all_there_is():
    every = np.arange(256.0)
    mass = np.exp(likelihoods.log_logistic(jnp.asarray(every), jnp.full(256, 0.3), jnp.full(256, -1.5)))
    tails = stats.logistic.cdf(-0.3 / np.exp(-1.5)) + stats.logistic.sf(0.7 / np.exp(-1.5))
    np.testing.assert_allclose(mass.sum() + tails, 1.0, rtol=1e-5)


def test_scales_and_centres_keep_to_the_published_bounds():
    x = jnp.zeros((12, 3))
    law = made("logistic", x_range=(0.0, 1.0))
    wild = Nets(mean=np.full((12, 3), 90.0), spread=np.full((12, 3), -90.0))
    expected = -3 * np.log(logistic_mass(0.0, 1.0 - 1.0 / 512.0, np.exp(-4.5)))
    np.testing.assert_allclose(law.surprise(wild, x, None)[0], expected, rtol=1e-5)
    wide = Nets(mean=np.full((12, 3), -90.0), spread=np.full((12, 3), 90.0))
    expected = -3 * np.log(logistic_mass(0.0, 1.0 / 512.0, 1.0))
    np.testing.assert_allclose(law.surprise(wide, x, None)[0], expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "net", "x_shape", "x_range"),
    [
        ("diagonal", "mlp", (3,), None),
        ("diagonal", "dcgan", (8, 8, 3), (-1.0, 1.0)),
        ("logistic", "mlp", (8, 8, 1), (0.0, 1.0)),
        ("logistic", "infogan", (8, 8, 3), (-1.0, 1.0)),
    ],
)
def test_decoded_data_have_the_shape_and_range_of_the_data(name, net, x_shape, x_range):
    arch = Architecture(x_shape, 2, x_range=x_range, name=net, hidden=(8, 4), gain=30.0)
    law = likelihoods.make(name, arch, variance=1.0, reduction="sum")

    @jax.jit
    def run(key):
        nets = Bound(law.nets, *initialize(law.nets, key))
        z = 5.0 * jax.random.normal(key, (6, 2))
        return nets.decoder(z), law.mean(nets, z), law.surprise(nets, jnp.zeros((6, *x_shape)), z)[0]

    with jax.debug_key_reuse(False):  # one key for the weights and the codes
        raw, x, nats = run(jax.random.key(0))
    assert raw.shape == (6, *x_shape[:-1], 2 * x_shape[-1])
    assert x.shape == (6, *x_shape)
    if x_range is not None:
        assert x_range[0] <= x.min() < x.max() <= x_range[1]
    assert np.isfinite(nats)


@pytest.mark.parametrize("family", ["vae", "vamp_vae", "vae_iop", "vae_flow"])
def test_every_likelihood_goes_into_every_bound(family):
    """What the loss is where the divergence weighs nothing."""
    arch = Architecture((2,), 2, x_range=(0.0, 1.0), hidden=(4,))
    x = jax.random.uniform(jax.random.key(0), (5, 2))
    for name in likelihoods.KINDS:
        made = families.make(family, arch, likelihood=name, beta=0.0)
        update = made.stages[0].updates[0]

        @jax.jit
        def run(key, made=made, update=update):
            nets = Bound(made.nets, *initialize(made.nets, key))
            return *update.objective(nets, x, key), made.decode(nets, jnp.zeros((3, 2)))

        loss, metrics, decoded = run(jax.random.key(1))
        if "nats" in metrics or "cross_entropy" in metrics:
            np.testing.assert_allclose(loss, metrics.get("nats", metrics.get("cross_entropy")), rtol=1e-6)
        else:  # both at a deviation of 1 at the start: half the squared error, the default variance's whole
            factor = {"learned": 0.5, "normal": 1.0}[name]
            np.testing.assert_allclose(loss, factor * metrics["reconstruction"], rtol=1e-6)
        assert ("gamma" in update.learns) == (name == "learned")
        assert decoded.shape == (3, 2)


@pytest.mark.parametrize("family", ["vae", "vamp_vae", "vae_iop", "vae_flow"])
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"likelihood": "logistics"}, "no likelihood 'logistics'; did you mean logistic"),
        ({"likelihood": "logistic"}, "one of grey levels, but these data have no range"),
        ({"likelihood": "bernoulli"}, r"takes data in \[0, 1\], not in the range None"),
        ({"variance": -1.0}, "variance must be positive, not -1.0"),
    ],
)
def test_what_cannot_be_is_refused(family, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        losses(family, **options)
