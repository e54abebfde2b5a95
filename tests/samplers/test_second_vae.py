"""The second VAE behind an autoencoder: its objective, what it leaves alone, and what it draws."""

from types import SimpleNamespace

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from coulomb_jax import families, samplers
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import AXIS, Bound, initialize
from coulomb_jax.nets.skip import Skip
from coulomb_jax.train.loop import Plan, train
from coulomb_jax.train.state import init
from coulomb_jax.train.step import play


def made(name="autoencoder", arch=None, **options):
    plain = families.make(name, arch or Architecture((2,), 2, hidden=(4,)))
    return plain, samplers.apply("second_vae", plain, **options)


def test_its_loss_is_the_codes_elbo_but_for_the_constants():
    start = 0.3
    _, family = made("vae", gamma=start)
    rng = np.random.default_rng(0)
    x, spread, of_first = rng.normal(size=(3, 9, 2))
    log_gamma = -0.4
    nets = SimpleNamespace(
        encoder=lambda x: jnp.concatenate([x, jnp.asarray(of_first, jnp.float32)], axis=1),
        encoder2=lambda z: jnp.concatenate([0.5 * z, jnp.asarray(spread, jnp.float32)], axis=1),
        decoder2=lambda u: 0.9 * u,
        gamma2=lambda: jnp.float32(log_gamma - np.log(start)),
        share=lambda rows: rows,
        devices=1,
    )
    objective = family.stages[-1].updates[0].objective
    loss, metrics = objective(nets, jnp.asarray(x, jnp.float32), jax.random.key(3))
    keys = jax.random.split(jax.random.key(3))
    of_code, of_noise = (np.float64(jax.random.normal(key, x.shape)) for key in keys)
    z = x + np.exp(of_first / 2) * of_code
    mean, deviation = 0.5 * z, np.exp(spread / 2)
    y = 0.9 * (mean + deviation * of_noise)
    nats = -stats.norm.logpdf(z, y, np.exp(log_gamma)).sum(axis=1).mean() - np.log(2 * np.pi)
    cross = 0.5 * np.log(2 * np.pi) + 0.5 * (mean**2 + deviation**2)
    kl = (cross - stats.norm.entropy(scale=deviation)).sum(axis=1).mean()
    np.testing.assert_allclose(loss, nats + kl, rtol=1e-5)
    np.testing.assert_allclose(metrics["kl"], kl, rtol=1e-5)
    np.testing.assert_allclose(metrics["gamma"], np.exp(log_gamma), rtol=1e-5)
    np.testing.assert_allclose(metrics["reconstruction"], ((z - y) ** 2).sum(axis=1).mean(), rtol=1e-5)


def test_a_draw_is_a_decoded_normal_and_gammas_noise():
    _, family = made(gamma=0.5)
    nets = SimpleNamespace(decoder2=lambda u: 3.0 * u + 7.0, gamma2=lambda: jnp.log(8.0))
    z = np.asarray(family.draw(nets, jax.random.key(0), 20_000))
    assert stats.kstest(z.ravel(), stats.norm(7.0, 5.0).cdf).pvalue > 1e-3
    assert abs(np.corrcoef(z.T)[0, 1]) < 0.03


def test_its_nets_are_those_of_the_paper():
    _, family = made(arch=Architecture((64,), 5, hidden=(4,)))
    params = jax.eval_shape(lambda key: initialize(family.nets, key)[0], jax.random.key(0))
    shapes = {net: [a["kernel"].shape for a in params[net].values()] for net in ("encoder2", "decoder2")}
    layers = [(5, 1024), (1024, 1024), (1024, 1024)]
    assert shapes == {"encoder2": [*layers, (1029, 10)], "decoder2": [*layers, (1029, 5)]}
    assert params["gamma2"]["value"].shape == ()


def test_the_skip_goes_round_the_rectified_layers():
    net, x = Skip((6, 4), 3), np.random.default_rng(1).normal(size=(5, 2))
    variables = net.init(jax.random.key(0), jnp.zeros((1, 2)), train=False)
    h = x
    *layers, last = variables["params"].values()
    for layer in layers:
        h = np.maximum(h @ np.float64(layer["kernel"]), 0)
    expected = np.hstack([h, x]) @ np.float64(last["kernel"])
    np.testing.assert_allclose(net.apply(variables, jnp.float32(x), train=True), expected, atol=1e-5)


@pytest.mark.slow
def test_the_first_stage_ends_as_it_would_alone():
    # With batch norm and spectral norm in the nets: neither weights nor statistics move in the second stage.
    arch = Architecture((8, 8, 1), 3, (0.0, 1.0), "infogan", (4, 8))
    plain, family = made("vae", arch, hidden=(16,))
    x = np.random.default_rng(0).integers(0, 256, size=(40, 8, 8, 1)).astype(np.uint8)
    optimizers = {"elbo": optax.adam(1e-2), "second": optax.adam(1e-2)}
    options = {"pixel_range": (0.0, 1.0), "devices": jax.devices()[:1]}
    first, both = (
        train(f, optimizers, x, Plan(steps, 20, (0,), 3, 100), **options)
        for f, steps in ((plain, {"train": 3}), (family, {"train": 3, "second": 3}))
    )
    assert [s.name for s in family.stages] == ["train", "second"]
    assert int(both.step) == 6
    for net in plain.nets:
        chex.assert_trees_all_equal(both.params[net], first.params[net])
        chex.assert_trees_all_equal(both.stats[net], first.stats[net])
    assert abs(float(both.params["gamma2"]["value"])) > 1e-3


def energy_distance(a, b):
    return 2 * cdist(a, b).mean() - cdist(a, a).mean() - cdist(b, b).mean()


@pytest.mark.slow
@pytest.mark.parametrize(("radius", "gamma"), [(3.0, 1.0), (2**0.5, 0.1)])  # the second has N(0, I)'s moments
def test_it_learns_a_ring_of_codes(radius, gamma):
    # The encoder is made to be the identity.
    plain, _ = made()
    itself = plain._replace(encode=lambda nets, x, key: x)
    family = samplers.apply("second_vae", itself, hidden=(64, 64, 64), gamma=gamma)
    rate = optax.cosine_decay_schedule(3e-3, 2500)
    optimizers = {"autoencoder": optax.sgd(0.1), "second": optax.adam(rate)}
    state = init(family, optimizers, jax.random.key(0))
    step = jax.jit(
        jax.vmap(
            play(family, family.stages[-1], optimizers),
            axis_name=AXIS,
            in_axes=(None, 1, None),
            out_axes=None,
        )
    )
    rng = np.random.default_rng(0)

    def codes(n):
        angle = rng.uniform(0, 2 * np.pi, n)
        ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
        return (radius * ring + 0.1 * rng.normal(size=(n, 2))).astype(np.float32)

    batches = codes(2500 * 200).reshape(2500, 1, 1, 200, 2)
    state, _ = jax.lax.scan(lambda state, x: step(state, x, jax.random.key(1)), state, batches)
    nets = Bound(family.nets, state.params, state.stats)
    z = np.asarray(jax.jit(lambda key: family.draw(nets, key, 2000))(jax.random.key(2)))
    real, normal = codes(2000), rng.normal(size=(2000, 2))
    # N(0, I) and the normal law of the ring's moments; 0.02 of the second for draws of the ring itself.
    found = energy_distance(real, z)
    assert found < 0.2 * energy_distance(real, normal)
    assert found < 0.2 * energy_distance(real, real.std() * normal)
    assert 0.09 < gamma * np.exp(state.params["gamma2"]["value"]) < 0.3  # 0.1 is the ring's own


@pytest.mark.parametrize("hidden", [(), (8, 0)])
def test_no_layer_is_refused(hidden):
    with pytest.raises(ValueError, match=r"layers of at least 1 neuron, not .*config\.sampler\.hidden"):
        made(hidden=hidden)


@pytest.mark.parametrize("gamma", [0.0, -1.0, float("nan")])
def test_a_gamma_that_is_not_positive_is_refused(gamma):
    with pytest.raises(ValueError, match=r"gamma starts above 0, not at .*config\.sampler\.gamma"):
        made(gamma=gamma)
