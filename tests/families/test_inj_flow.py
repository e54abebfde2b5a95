"""The injective flow: its objective, and the samplers behind it."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import families, samplers
from coulomb_jax.model import Model
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.train.state import init_model
from tests.families.test_objectives import RECON, X, identity_nets, loss_of, prior_sample

NORM = np.mean(np.sum(X**2, axis=1))


def nets_with(decoder):
    return identity_nets(decoder=decoder, frozen=SimpleNamespace(decoder=decoder))


def test_a_decoder_that_scales_has_its_logarithm_for_each_dimension():
    loss, metrics = loss_of("inj_flow", nets=nets_with(lambda z: 0.9 * z), variance=2.0, sigma=3.0)
    np.testing.assert_allclose(metrics["log_volume"], 2 * np.log(0.9), rtol=1e-5)
    np.testing.assert_allclose(loss, RECON / 4.0 + NORM / 18.0 + 2 * np.log(0.9), rtol=1e-5)


def test_a_curved_decoder_is_differentiated_along_the_direction_of_the_noise():
    w = np.random.default_rng(2).normal(size=(2, 2))

    def decoder(z, xp=np):
        return xp.sin(z @ w) + 0.3 * (z @ w) ** 2

    v = prior_sample(X.shape)
    u = v / np.linalg.norm(v, axis=1, keepdims=True)
    moved = (decoder(X + 1e-6 * u) - decoder(X - 1e-6 * u)) / 2e-6
    volume = np.mean(np.log(np.sum(moved**2, axis=1)))  # d / 2 = 1
    recon = np.mean(np.sum((X - decoder(X)) ** 2, axis=1))
    loss, metrics = loss_of("inj_flow", nets=nets_with(lambda z: decoder(z, jnp)), variance=0.5, weight=0.3)
    np.testing.assert_allclose(metrics["log_volume"], volume, rtol=1e-4)
    np.testing.assert_allclose(loss, recon + NORM / 2.0 + 0.3 * volume, rtol=1e-4)


@pytest.mark.parametrize("name", ["prior", "gaussian", "gmm"])
def test_a_sampler_leaves_the_autoencoder_as_it_is(name):
    arch = Architecture((4, 4, 1), 2, hidden=(8,), x_range=(0.0, 1.0))
    plain = families.make("inj_flow", arch)
    family = samplers.apply(name, plain)
    assert family.nets == plain.nets
    assert family.stages[0] is plain.stages[0]
    params, stats = init_model(family, jax.random.key(0))
    codes = 5.0 + jax.random.normal(jax.random.key(1), (400, 2))
    fitted = {s.name: s.fit(codes, jax.random.key(2)) for s in family.stages[1:]}
    drawn = Model(family, params | fitted, stats, pixel_range=(0.0, 1.0)).draw(0, 400)
    assert abs(drawn.mean() - (0.0 if name == "prior" else 5.0)) < 0.3


def test_the_prior_has_the_deviation_it_is_given():
    family = families.make("inj_flow", Architecture((2,), 3), sigma=4.0)
    z = family.draw(None, jax.random.key(0), 20_000)
    assert abs(float(z.std()) - 4.0) < 0.05


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"variance": 0.0}, "variance and sigma must be positive"),
        ({"sigma": -1.0}, "variance and sigma must be positive"),
        ({"weight": -1.0}, "weight of the log-volume is at least 0"),
    ],
)
def test_bad_numbers_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        families.make("inj_flow", Architecture((2,), 2), **options)
