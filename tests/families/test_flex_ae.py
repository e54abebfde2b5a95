"""FlexAE: each move against the authors' equations in float64, order and inner moves."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import families
from coulomb_jax.nets.architecture import Architecture

X = np.random.default_rng(0).uniform(0.1, 0.9, size=(10, 3))
ARCH = Architecture(x_shape=(3,), z_dim=3)
W, V = np.array([0.3, -1.2, 0.8]), np.array([0.7, 0.2, -0.5])


def score(weights, module=np):
    weights = module.asarray(weights, dtype=module.float32 if module is jnp else None)
    return lambda points: module.tanh(points @ weights)


def nets(**others):
    same = {
        "encoder": lambda x: 2.0 * x,
        "decoder": lambda z: 0.4 * z,
        "generator": lambda noise: 0.5 * noise,
        "critic": score(W, jnp),
        "picture_critic": score(V, jnp),
        "gather": lambda z: z,
        "share": lambda rows: rows,
        "devices": 1,
        "step": 0,
    }
    view = SimpleNamespace(**(same | others))
    view.frozen = view
    return view


def move(name, **options):
    (stage,) = families.make("flex_ae", ARCH, **options).stages
    (update,) = (u for u in stage.updates if u.name == name)
    loss, metrics = update.objective(nets(), jnp.asarray(X, jnp.float32), jax.random.key(7))
    return float(loss), {k: float(v) for k, v in metrics.items()}


def normal(key):
    return np.asarray(jax.random.normal(key, X.shape), np.float64)


def wasserstein_loss(weights, real, fake, key):
    mix = np.asarray(jax.random.uniform(key, (10,)), np.float64)[:, None]
    critic = score(weights)
    slopes = (1 - critic(mix * real + (1 - mix) * fake) ** 2)[:, None] * weights
    penalty = np.mean((np.linalg.norm(slopes, axis=1) - 1) ** 2)
    return critic(fake).mean() - critic(real).mean() + 10 * penalty


def test_a_round_is_played_in_the_authors_order():
    (stage,) = families.make("flex_ae", ARCH, smoothing=True).stages
    played = [(u.name, u.learns, u.repeat) for u in stage.updates]
    assert played == [
        ("autoencoder", ("encoder", "decoder"), 1),
        ("critic", ("critic",), 5),
        ("picture_critic", ("picture_critic",), 5),
        ("smoothing", ("encoder", "decoder"), 1),
        ("generator", ("generator",), 1),
        ("encoder", ("encoder",), 1),
    ]
    plain = families.make("flex_ae", ARCH)
    assert [u.name for u in plain.stages[0].updates] == ["autoencoder", "critic", "generator", "encoder"]
    assert "picture_critic" not in plain.nets


def test_the_autoencoder_has_the_squared_error_summed_over_pixels_alone():
    np.testing.assert_allclose(move("autoencoder")[0], np.mean(np.sum((0.2 * X) ** 2, axis=1)), rtol=1e-5)


def test_codes_are_real_to_the_critic_and_what_is_generated_is_not():
    noise, between = jax.random.split(jax.random.key(7))
    expected = wasserstein_loss(W, 2 * X, 0.5 * normal(noise), between)
    np.testing.assert_allclose(move("critic")[0], expected, rtol=1e-4)


def test_generator_and_encoder_move_towards_each_other():
    generated = 0.5 * normal(jax.random.key(7))
    np.testing.assert_allclose(move("generator")[0], -score(W)(generated).mean(), rtol=1e-4)
    np.testing.assert_allclose(move("encoder")[0], score(W)(2 * X).mean(), rtol=1e-4)


def between_codes(key):
    place = np.asarray(jax.random.uniform(key, (10, 1)), np.float64)
    return 0.4 * (place * 2 * X + (1 - place) * 2 * np.roll(X, 1, axis=0))


def test_smoothing_asks_decodings_between_codes_to_look_like_data():
    place, between = jax.random.split(jax.random.key(7))
    expected = wasserstein_loss(V, X, between_codes(place), between)
    np.testing.assert_allclose(move("picture_critic", smoothing=True)[0], expected, rtol=1e-4)
    expected = -score(V)(between_codes(jax.random.key(7))).mean()
    np.testing.assert_allclose(move("smoothing", smoothing=True)[0], expected, rtol=1e-4)


def test_what_is_drawn_is_generated_from_noise_of_any_dimension():
    family = families.make("flex_ae", ARCH, noise_dim=5, generator=(4,))
    assert family.nets["generator"].takes == (5,)
    seen = nets(generator=lambda noise: noise[:, :3] + noise[:, 4:])
    noise = np.asarray(jax.random.normal(jax.random.key(1), (6, 5)))
    np.testing.assert_allclose(
        family.draw(seen, jax.random.key(1), 6), noise[:, :3] + noise[:, 4:], rtol=1e-6
    )


@pytest.mark.parametrize("x_shape", [(8, 8, 1), (7, 7, 3), (5,)])
def test_the_picture_critic_gives_one_number_an_example(x_shape):
    net = Architecture(x_shape=x_shape, z_dim=2, width=0.125).picture_critic()
    variables = net.module.init(jax.random.key(0), jnp.zeros((1, *x_shape)), train=False)
    assert net.module.apply(variables, jnp.ones((4, *x_shape)), train=True).shape == (4,)
    assert set(variables) == {"params"}  # no statistics: it sees one example at a time
