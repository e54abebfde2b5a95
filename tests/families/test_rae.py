"""The regularized autoencoder: its loss, and its penalties through real nets against finite differences."""

from functools import partial

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import families
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import AXIS, Bound
from coulomb_jax.train.state import init_model
from experiments import files
from tests.families.restated import X, identity_nets, losses

# A smooth activation: differences across a kink are not a slope.
SMALL = {"z_dim": 3, "x_range": (0.0, 1.0), "name": "rae", "hidden": (4, 6), "activation": "silu"}
IMAGES = Architecture((8, 8, 1), gain=20.0, **SMALL)
WIDE = Architecture((16, 16, 1), gain=20.0, **SMALL)
SPECTRAL = Architecture((16, 16, 1), gain=20.0, spectral=True, **SMALL)


def decoder_of_matrix(matrix):
    return identity_nets(
        decoder=lambda z: z @ jnp.asarray(matrix, jnp.float32),
        parameters=lambda name: {"Dense_0": {"kernel": matrix, "bias": np.ones(2)}}[name and "Dense_0"],
    )


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("regularizer", ["none", "l2", "gradient"])
def test_the_loss_is_the_authors(regularizer, reduction):
    matrix = np.array([[0.9, 0.2], [-0.4, 1.1]])
    total = {"mean": 0.5, "sum": 1.0}[reduction]
    recon = total * np.mean(np.sum((X - X @ matrix) ** 2, axis=1))
    codes = total * np.mean(np.sum(X**2, axis=1))
    # The slope of |z W|^2 is 2 z W W'.
    penalty = {
        "none": 0.0,
        "l2": np.sum(matrix**2),
        "gradient": np.mean((2.0 * X @ matrix @ matrix.T) ** 2),
    }[regularizer]
    loss, metrics = losses(
        "rae",
        decoder_of_matrix(matrix),
        code_weight=0.3,
        regularizer=regularizer,
        weight=0.7,
        reduction=reduction,
    )["autoencoder"]
    np.testing.assert_allclose(metrics["reconstruction"], recon, rtol=1e-5)
    np.testing.assert_allclose(metrics["codes"], codes, rtol=1e-5)
    np.testing.assert_allclose(metrics.get(regularizer, 0.0), penalty, rtol=1e-5)
    np.testing.assert_allclose(loss, recon + 0.3 * codes + 0.7 * penalty, rtol=1e-5)


def started(arch):
    family = families.make("rae", arch, regularizer="gradient", weight=1.0, code_weight=0.0)
    params, stats = init_model(family, jax.random.key(0))
    return family, params, stats


def settled(family, params, stats):
    """Statistics after many calls: spectral norm's derivative is exact at its singular vectors alone."""
    z = jax.random.normal(jax.random.key(2), (1, 8, 3))

    @partial(jax.vmap, axis_name=AXIS, in_axes=(None, 0), out_axes=None)
    def once(stats, z):
        nets = Bound(family.nets, params, stats, learns=("decoder",), axis=AXIS)
        nets.decoder(z)
        return stats | nets.recorded

    return jax.jit(lambda stats: jax.lax.fori_loop(0, 300, lambda _, stats: once(stats, z), stats))(stats)


def penalty_of(family, params, stats, x):
    """The gradient penalty as a function of the decoder's parameters, as the training step evaluates it."""

    def one(learned, x):
        nets = Bound(family.nets, params | {"decoder": learned}, stats, learns=("encoder", "decoder"))
        return family.stages[0].updates[0].objective(nets, x, None)[1]["gradient"]

    every = jax.vmap(one, axis_name=AXIS, in_axes=(None, 0))
    return lambda learned: every(learned, x[None])[0]


@pytest.mark.parametrize("arch", [IMAGES, WIDE, SPECTRAL], ids=["8 pixels", "16 pixels", "spectral"])
def test_the_penalty_is_the_slope_that_differences_measure(arch):
    family, params, stats = started(arch)
    x = jax.random.uniform(jax.random.key(1), (5, *arch.x_shape))

    # The codes of the training step are made with the batch's own statistics.
    @jax.jit
    @partial(jax.vmap, axis_name=AXIS)
    def codes(x):
        return Bound(family.nets, params, stats, learns=("encoder",)).encoder(x)

    @jax.jit
    def moved(z, d):
        return Bound(family.nets, params, stats).decoder(z + d[None])

    z, step, slopes = codes(x[None])[0], 1e-2, []
    for e in step * np.eye(arch.z_dim, dtype=np.float32):
        up, down = (np.sum(np.asarray(moved(z, d), np.float64) ** 2, (1, 2, 3)) for d in (e, -e))
        slopes.append((up - down) / (2 * step))
    measured = np.mean(np.square(slopes))
    assert measured > 1e-4
    np.testing.assert_allclose(
        jax.jit(penalty_of(family, params, stats, x))(params["decoder"]), measured, rtol=5e-3
    )


@pytest.mark.parametrize("arch", [WIDE, SPECTRAL], ids=["plain", "spectral"])
def test_the_gradient_of_the_penalty_is_the_one_that_differences_measure(arch):
    family, params, stats = started(arch)
    stats = settled(family, params, stats)
    x = jax.random.uniform(jax.random.key(1), (5, *arch.x_shape))
    penalty, decoder = penalty_of(family, params, stats, x), params["decoder"]
    gradient = jax.jit(jax.grad(penalty))(decoder)
    size = jax.tree.map(lambda a: jnp.std(a) + 1e-3, decoder)
    leaves, tree = jax.tree.flatten(decoder)

    @jax.jit
    def at(way, step):
        return penalty(jax.tree.map(lambda a, d, s: a + step * s * d, decoder, way, size))

    for seed in range(4):
        keys = jax.random.split(jax.random.key(seed), len(leaves))
        way = jax.tree.unflatten(tree, [jax.random.normal(k, a.shape) for k, a in zip(keys, leaves)])
        measured = float(at(way, 3e-3) - at(way, -3e-3)) / 6e-3
        slopes = jax.tree.map(lambda g, d, s: jnp.sum(g * d * s), gradient, way, size)
        parts = [float(part) for part in jax.tree.leaves(slopes)]
        assert abs(sum(parts) - measured) < 0.01 * np.linalg.norm(parts), (parts, measured)


def test_the_penalty_leaves_no_trace_in_the_decoders_statistics():
    family, params, stats = started(IMAGES)
    plain = families.make("rae", IMAGES, regularizer="none", code_weight=0.0)
    x = jax.random.uniform(jax.random.key(1), (1, 5, *IMAGES.x_shape))

    def recorded(family):
        @jax.jit
        @partial(jax.vmap, axis_name=AXIS)
        def one(x):
            nets = Bound(family.nets, params, stats, learns=("encoder", "decoder"))
            family.stages[0].updates[0].objective(nets, x, None)
            return nets.recorded

        return one(x)

    chex.assert_trees_all_equal(recorded(family), recorded(plain))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"regularizer": "gradeint"}, "no regularizer 'gradeint'; did you mean gradient"),
        ({"weight": -1.0}, "weights are at least 0"),
        ({"code_weight": -1.0}, "weights are at least 0"),
    ],
)
def test_wrong_options_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        losses("rae", **options)


@pytest.mark.parametrize(
    ("dataset", "weights"),
    [
        # plain: beta; l2: beta, lambda; gradient: beta, lambda; spectral: beta; free codes: lambda.
        # ghosh2020, authors' code.
        ("mnist", (5e-4, (1e-4, 1e-7), (1e-4, 5e-8), 0.009, 1e-7)),
        ("cifar10", (1e-2, (1e-3, 1e-6), (9e-4, 1e-7), 0.03, 1e-6)),  # its own 0 for the gradient is none
        ("celeba", (1e-4, (1e-4, 1e-7), (1e-4, 1e-7), 2.4e-3, 1e-6)),
    ],
)
def test_configs_have_the_published_weights(dataset, weights):
    def read(preset):
        config = files.read(f"rae.py{preset}", dataset)[1]
        assert config.family.reduction == "mean"
        return config

    plain, l2, gradient, spectral, free = weights
    assert (read(":plain").family.code_weight, read(":plain").family.regularizer) == (plain, "none")
    for preset, name, pair in (
        ("", "l2", l2),
        (":gradient", "gradient", gradient),
        (":autoencoder", "l2", (0.0, free)),
    ):
        family = read(preset).family
        assert (family.regularizer, family.code_weight, family.weight) == (name, *pair)
    config = read(":spectral")
    assert (config.family.regularizer, config.family.code_weight) == ("none", spectral)
    assert config.arch.spectral


@pytest.mark.parametrize(
    ("dataset", "kl", "channels", "z_dim", "steps"),
    [
        ("mnist", 0.312, 1, 16, 100 * 500),
        ("fashion_mnist", 0.312, 1, 16, 100 * 500),
        ("celeba", 0.09024, 3, 64, 70 * 1527),
    ],
)
def test_its_vae_weighs_the_divergence_as_published(dataset, kl, channels, z_dim, steps):
    config = files.read("vae.py:rae", dataset)[1]
    # (Error averaged over channels) + kl * KL is proportional to error / (2 variance) + KL.
    assert 1.0 / (2.0 * config.family.variance) == pytest.approx(1.0 / channels / kl)
    assert (config.family.reduction, config.family.beta, config.family.deviation_limit) == ("sum", 1.0, 5.0)
    assert (config.arch.name, config.arch.z_dim, config.steps.train) == ("rae", z_dim, steps)
    adam = config.optimizers.elbo
    assert (adam.learning_rate, adam.b1, adam.schedule, adam.factors) == (1e-4, 0.9, "plateau", (0.5,))
    assert config.validation.examples == 10_000


def test_its_wae_has_the_published_weight_against_a_mean():
    config = files.read("wae_mmd.py:rae", "mnist")[1]
    assert (config.family.weight, config.family.recon_scale, config.family.reduction) == (0.03, 1.0, "mean")
    assert (config.arch.name, config.arch.z_dim, config.steps.train) == ("rae", 16, 50_000)
    assert (config.optimizers.autoencoder.learning_rate, config.optimizers.autoencoder.schedule) == (
        1e-3,
        "plateau",
    )
    assert config.optimizers.pretrain.schedule == "constant"
    assert not config.family.pretrain


@pytest.mark.parametrize(
    ("setting", "rate", "z_dim", "images", "epochs", "schedule"),
    [
        ("mnist:paper", 5e-4, 16, 50_000, 100, "plateau"),
        ("cifar10:paper", 5e-4, 128, 40_000, 100, "plateau"),
        ("celeba", 1e-3, 64, 162_770, 70, "cosine"),
        ("celeba:paper", 1e-3, 64, 152_770, 70, "plateau"),
        ("celeba:autoencoder", 1e-3, 64, 162_770, 100, "cosine"),
    ],
)
def test_configs_have_the_published_nets_and_lengths(setting, rate, z_dim, images, epochs, schedule):
    dataset, _, preset = setting.partition(":")
    config = files.read(f"rae.py:{preset}" if preset else "rae.py", dataset)[1]
    adam = config.optimizers.autoencoder
    assert (adam.learning_rate, adam.b1, adam.schedule) == (rate, 0.9, schedule)
    if schedule == "plateau":  # halved where the loss of the last 10,000 images stalls for five epochs
        assert (adam.factors, adam.patience, config.validation.examples) == ((0.5,), 5, 10_000)
        assert config.data.limit is None
    assert (config.arch.name, config.arch.z_dim, config.batch) == ("rae", z_dim, 100)
    assert config.steps.train == epochs * (images // 100)
    assert config.sampler.name == "gmm"
    if dataset == "celeba":
        assert tuple(config.data.range) == (0.0, 1.0)
