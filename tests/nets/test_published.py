"""What nets of the papers' code differ in: laws of the initial weights, first stride, batch norm's decay."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import kstest, truncnorm

from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import AXIS, Bound, initialize


@pytest.mark.parametrize(
    ("name", "side", "hidden", "widest"),
    [
        # Uniform within sqrt(6 / (inputs + outputs)), or within sqrt(1 / inputs), each times the taps.
        (
            "two_stage",
            8,
            (20, 30),
            {
                ("encoder", "Conv_0"): 6 / (25 * (3 + 20)),
                ("encoder", "Conv_1"): 6 / (25 * (20 + 30)),
                ("encoder", "Dense_0"): 6 / (4 * 4 * 30 + 9),
                ("decoder", "Dense_0"): 6 / (9 + 8 * 8 * 30),
                ("decoder", "ConvTranspose_0"): 6 / (25 * (30 + 3)),
            },
        ),
        (
            "gmm_dae",
            8,
            (20, 30),
            {
                ("encoder", "Conv_0"): 1 / (16 * 3),
                ("encoder", "Conv_1"): 1 / (16 * 20),
                ("encoder", "Dense_0"): 1 / (2 * 2 * 30),
                ("decoder", "Dense_0"): 1 / 9,
                # Of a transposed convolution the authors' library counts the outputs.
                ("decoder", "ConvTranspose_0"): 1 / (16 * 20),
                ("decoder", "ConvTranspose_1"): 1 / (16 * 3),
            },
        ),
        (
            "flex_ae",
            8,
            (20, 30, 40),
            {
                ("encoder", "Conv_0"): 6 / (16 * (3 + 20)),
                ("encoder", "Dense_0"): 6 / (2 * 2 * 30 + 40),
                ("decoder", "Conv_0"): 6 / (9 * (20 + 3)),
            },
        ),
        (
            "joint_vae",
            8,
            (20, 30, 40),
            {
                ("encoder", "Conv_1"): 1 / (16 * 20),
                ("encoder", "Dense_0"): 1 / (2 * 2 * 30),
                ("decoder", "Dense_0"): 1 / 9,
                # Of a transposed convolution the authors' library counts the outputs.
                ("decoder", "ConvTranspose_0"): 1 / (16 * 20),
            },
        ),
        (
            "residual",
            4,
            (20, 40),
            {
                ("encoder", "Conv_0"): 6 / (9 * (3 + 20)),
                ("encoder", "Block_0", "Conv_2"): 6 / (9 * (20 + 20)),
                ("encoder", "DenseBlock_0", "Dense_1"): 6 / (40 + 40),
                ("decoder", "Dense_0"): 6 / (9 + 2 * 2 * 40),
                ("decoder", "ConvTranspose_0"): 6 / (9 * (40 + 20)),
            },
        ),
    ],
)
def test_initial_weights_are_uniform_within_the_published_bounds(name, side, hidden, widest):
    gain = 1.5
    arch = Architecture((side, side, 3), 9, (0.0, 1.0), name, hidden, gain=gain)
    nets = {"encoder": arch.encoder(), "decoder": arch.decoder()}
    params, _ = jax.jit(partial(initialize, nets))(jax.random.key(0))
    for path, squared in widest.items():
        weights = params
        for word in (*path, "kernel"):
            weights = weights[word]
        parts = np.sort(np.abs(weights).ravel()) / (gain * squared**0.5)
        assert parts[-1] <= 1.0 + 1e-6
        # The largest distance of the n parts' distribution from a uniform one: beyond 1.95 / sqrt(n) one time
        # in a thousand.
        even = (np.arange(parts.size) + 0.5) / parts.size
        assert np.abs(parts - even).max() < 1.95 / parts.size**0.5 + 0.5 / parts.size


def test_the_flex_ae_moves_its_running_statistics_by_a_hundredth():
    arch = Architecture((4, 4, 2), 3, None, "flex_ae", (5, 6))
    net = {"encoder": arch.encoder()}
    params, stats = jax.jit(partial(initialize, net))(jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (10, 4, 4, 2))

    @jax.jit
    @partial(jax.vmap, axis_name=AXIS, out_axes=None)
    def once(x):
        nets = Bound(net, params, stats, learns=("encoder",), axis=AXIS)
        nets.encoder(x)
        return nets.recorded["encoder"]["batch_stats"]["BatchNorm_0"]

    kept, layers = once(x[None]), params["encoder"]
    axes = ("NHWC", "HWIO", "NHWC")
    h = jax.lax.conv_general_dilated(x, layers["Conv_0"]["kernel"], (2, 2), "SAME", dimension_numbers=axes)
    h = np.maximum(h, 0.0).reshape(10, -1) @ layers["Dense_0"]["kernel"]
    np.testing.assert_allclose(kept["mean"], 0.01 * h.mean(axis=0), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(kept["var"] - 1.0, 0.01 * (h.var(axis=0) - 1.0), rtol=1e-3, atol=1e-5)


def test_the_decoder_of_the_flex_ae_begins_at_normal_weights():
    arch = Architecture((8, 8, 3), 9, (0.0, 1.0), "flex_ae", (20, 30, 40), gain=1.5)
    params, _ = jax.jit(partial(initialize, {"decoder": arch.decoder()}))(jax.random.key(0))
    sizes = {
        "Dense_0": 9 + 40,
        "Dense_1": 40 + 2 * 2 * 30,
        "ConvTranspose_0": 16 * 60,
        "ConvTranspose_1": 16 * 50,
    }
    for layer, size in sizes.items():
        parts = np.asarray(params["decoder"][layer]["kernel"]).ravel() / (1.5 * (2 / size) ** 0.5)
        # Cut off at two deviations of the whole law, whose part within them has 0.88 of its deviation.
        assert 1.9 < np.abs(parts).max() <= 2.0 / 0.8796 + 1e-4
        assert kstest(parts * 0.8796, truncnorm(-2, 2).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ("name", "stride", "decay", "where"),
    [
        ("gmm_dae", 2, 0.9, ("BatchNorm_0",)),
        ("two_stage", 1, 0.999, ("BatchNorm_0",)),
        ("residual", 1, 0.999, ("Block_0", "BatchNorm_0")),
    ],
)
def test_one_step_moves_running_statistics_by_the_published_share(name, stride, decay, where):
    arch = Architecture((4, 4, 2), 3, None, name, (5, 6), gain=3.0)
    net = {"encoder": arch.encoder()}
    params, stats = jax.jit(partial(initialize, net))(jax.random.key(0))
    x = 3.0 * jax.random.normal(jax.random.key(1), (10, 4, 4, 2)) + 1.0

    @jax.jit
    @partial(jax.vmap, axis_name=AXIS, out_axes=None)
    def once(x):
        nets = Bound(net, params, stats, learns=("encoder",), axis=AXIS)
        nets.encoder(x)
        return nets.recorded["encoder"]["batch_stats"]

    kept = once(x[None])
    for word in where:
        kept = kept[word]
    kernel = params["encoder"]["Conv_0"]["kernel"]
    axes = ("NHWC", "HWIO", "NHWC")
    h = jax.lax.conv_general_dilated(x, kernel, (stride, stride), "SAME", dimension_numbers=axes)
    mean, var = jnp.mean(h, (0, 1, 2)), jnp.var(h, (0, 1, 2))
    np.testing.assert_allclose(kept["mean"], (1.0 - decay) * mean, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(kept["var"] - 1.0, (1.0 - decay) * (var - 1.0), rtol=1e-3, atol=1e-5)
