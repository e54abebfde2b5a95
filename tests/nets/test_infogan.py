"""The nets of the two-stage VAE and of the RAE, and the critic: what sets them apart from WAE's."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import AXIS, Bound, initialize

ARCH = Architecture((8, 8, 1), 3, name="infogan", hidden=(4, 6, 10), x_range=(0.0, 1.0))
NETS = {"encoder": ARCH.encoder(), "decoder": ARCH.decoder()}


fresh = jax.jit(partial(initialize, NETS))


@jax.jit
@partial(jax.vmap, axis_name=AXIS, in_axes=(None, None, 0), out_axes=None)
def once(params, stats, x):
    nets = Bound(NETS, params, stats, learns=("encoder",), axis=AXIS)
    nets.encoder(x)
    return stats | nets.recorded


def trained(steps):
    """Statistics after so many calls in training mode on the same weights, and the input."""
    params, stats = fresh(jax.random.key(0))
    x = jax.random.uniform(jax.random.key(1), (16, 8, 8, 1))
    for _ in range(steps):
        stats = once(params, stats, x[None])
    return params, stats, x


def by_hand(params, stats, x, divide):
    """The encoder by numpy's singular values and jax's convolution, on stored statistics."""

    def weight(layer):
        kernel = np.asarray(params[layer]["kernel"])
        flat = kernel.reshape(-1, kernel.shape[-1])
        return kernel / np.linalg.svd(flat, compute_uv=False)[0] if divide else kernel

    def norm(h, layer):
        s, p = stats["batch_stats"][layer], params[layer]
        return (h - s["mean"]) / np.sqrt(s["var"] + 1e-5) * p["scale"] + p["bias"]

    def convolve(h, layer):
        axes = ("NHWC", "HWIO", "NHWC")
        h = jax.lax.conv_general_dilated(h, weight(layer), (2, 2), "SAME", dimension_numbers=axes)
        return np.asarray(h) + params[layer]["bias"]

    def bend(h):
        return np.where(h > 0, h, 0.2 * h)

    h = bend(convolve(x, "Conv_0"))
    h = bend(norm(convolve(h, "Conv_1"), "BatchNorm_0")).reshape(len(x), -1)
    h = bend(norm(h @ weight("SpectralDense_0") + params["SpectralDense_0"]["bias"], "BatchNorm_1"))
    return h @ weight("SpectralDense_1") + params["SpectralDense_1"]["bias"]


def test_the_encoder_is_the_published_one_with_every_weight_over_its_largest_singular_value():
    with jax.numpy_rank_promotion("allow"):
        params, stats, x = trained(60)
        z = Bound(NETS, params, stats).encoder(x)
        one = {k: jax.tree.map(np.asarray, v["encoder"]) for k, v in (("p", params), ("s", stats))}
        np.testing.assert_allclose(z, by_hand(one["p"], one["s"], x, divide=True), rtol=1e-3, atol=1e-4)
        assert not np.allclose(z, by_hand(one["p"], one["s"], x, divide=False), rtol=0.1, atol=1e-3)


def test_a_held_encoder_records_nothing_and_a_trained_one_its_singular_vectors():
    params, stats, x = trained(1)
    held = Bound(NETS, params, stats, learns=("decoder",))
    np.testing.assert_array_equal(held.encoder(x), held.encoder(x))
    assert held.recorded == {}
    before = fresh(jax.random.key(0))[1]["encoder"]["batch_stats"]
    after = stats["encoder"]["batch_stats"]
    layers = [name for name in before if "u" in before[name]]
    assert sorted(layers) == ["Conv_0", "Conv_1", "SpectralDense_0", "SpectralDense_1"]
    for name in layers:
        assert not np.array_equal(after[name]["u"], before[name]["u"]), name


def test_the_initial_weights_are_drawn_as_published():
    net = Architecture((32, 32, 3), 3, name="infogan").encoder()
    params, _ = jax.jit(partial(initialize, {"net": net}))(jax.random.key(0))
    assert abs(np.std(params["net"]["Conv_1"]["kernel"]) / 0.02 - 1.0) < 0.01


def test_running_statistics_decay_by_their_papers_rate():
    _, stats, _ = trained(1)
    # From 1 towards the batch's variance, a thousandth of the way: at most to 0.999 where that is 0.
    variance = np.asarray(stats["encoder"]["batch_stats"]["BatchNorm_1"]["var"])
    assert (variance >= 0.999 - 1e-6).all()
    assert (variance < 1.01).all()
    assert (variance != 1.0).any()


@pytest.mark.parametrize("net", [ARCH.encoder(), ARCH.decoder(), ARCH.critic((5,))])
def test_all_parameters_are_float32_and_biases_start_at_zero(net):
    params, _ = jax.jit(partial(initialize, {"net": net}))(jax.random.key(0))
    for path, leaf in jax.tree_util.tree_leaves_with_path(params):
        assert leaf.dtype == jnp.float32
        if path[-1].key == "bias":
            assert not leaf.any()


def test_the_rae_is_fed_its_range_on_both_sides_of_zero_and_starts_linearly():
    images = {"x_shape": (8, 8, 1), "z_dim": 3, "hidden": (4, 6), "x_range": (0.0, 1.0), "gain": 30.0}
    rae, wae = (Architecture(name=name, **images) for name in ("rae", "dcgan"))
    sides = {"rae": (rae.encoder(), rae.decoder()), "wae": (wae.encoder(), wae.decoder())}
    nets = {f"{k}{i}": net for k, pair in sides.items() for i, net in enumerate(pair)}
    params, stats = initialize({"a": wae.encoder(), "b": wae.decoder()}, jax.random.key(0))
    bound = Bound(
        nets,
        {name: params["a" if name.endswith("0") else "b"] for name in nets},
        {name: stats["a" if name.endswith("0") else "b"] for name in nets},
    )
    x = jax.random.uniform(jax.random.key(1), (5, 8, 8, 1))
    np.testing.assert_allclose(bound.rae0(x), bound.wae0(2.0 * x - 1.0), rtol=1e-5, atol=1e-6)
    assert not np.allclose(bound.rae0(x), bound.wae0(x), rtol=1e-2)

    # Eight pixels are not doubled: dense, then the last layer. Without an activation it is affine in z.
    def logit(p):
        return np.log(p) - np.log1p(-p)

    z = 0.1 * jax.random.normal(jax.random.key(2), (1, 3))
    zero, there, back = (logit(np.asarray(bound.rae1(s * z), np.float64)) for s in (0.0, 1.0, -1.0))
    np.testing.assert_allclose(there + back, 2.0 * zero, atol=1e-4)
    assert np.abs(there - zero).max() > 0.01
    zero, there, back = (logit(np.asarray(bound.wae1(s * z), np.float64)) for s in (0.0, 1.0, -1.0))
    assert np.abs(there + back - 2.0 * zero).max() > 0.01


def test_the_critic_is_four_rectified_layers_and_one_logit():
    net = Architecture((2,), 3, gain=50.0).critic((7, 5))
    assert net.takes == (3,)
    params, stats = initialize({"critic": net}, jax.random.key(0))
    z = jax.random.normal(jax.random.key(1), (4, 3))
    h = np.asarray(z)
    for i in range(2):
        layer = params["critic"][f"Dense_{i}"]
        h = np.maximum(h @ np.asarray(layer["kernel"]), 0.0)
    expected = h @ np.asarray(params["critic"]["Dense_2"]["kernel"])
    np.testing.assert_allclose(Bound({"critic": net}, params, stats).critic(z), expected[:, 0], rtol=1e-5)
