"""Options that nets of several files have: where batch norm stands, and the law of the initial weights."""

from functools import partial

import jax
import numpy as np
import pytest

from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import AXIS, Bound, initialize
from experiments import files


def trained(first, name, which, *, side, takes):
    """What a net gives of random inputs in training, and the means that its batch norms record."""
    images = {"x_shape": (side, side, 1), "z_dim": 3, "hidden": (5, 6), "x_range": (0.0, 1.0)}
    net = getattr(Architecture(name=name, activation_first=first, **images), which)()
    params, stats = jax.jit(partial(initialize, {"net": net}))(jax.random.key(0))

    @jax.jit
    @partial(jax.vmap, axis_name=AXIS, in_axes=0, out_axes=(0, None))
    def run(x):
        nets = Bound({"net": net}, params, stats, learns=("net",), axis=AXIS)
        return nets.net(x), nets.recorded

    y, recorded = run(jax.random.normal(jax.random.key(1), (1, 40, *takes)))
    kept = recorded["net"]["batch_stats"]
    return np.asarray(y[0]), np.concatenate([kept[k]["mean"] for k in kept if k.startswith("BatchNorm")])


@pytest.mark.parametrize("name", ["dcgan", "infogan"])
def test_what_is_normed_last_enters_the_encoders_last_layer_with_mean_zero(name):
    # Of one pixel there, and with biases that begin at 0: so do the means of codes. A rectifier leaves none.
    picture = {"side": 4, "takes": (4, 4, 1)}
    first, last = (trained(first, name, "encoder", **picture)[0] for first in (True, False))
    assert np.abs(first.mean(axis=0)).max() < 1e-5 * np.abs(first).max()
    assert np.abs(last.mean(axis=0)).max() > 1e-2 * np.abs(last).max()


@pytest.mark.parametrize(("name", "side"), [("dcgan", 16), ("infogan", 4)])
def test_what_a_decoder_norms_after_the_activation_is_not_negative(name, side):
    first, last = (trained(first, name, "decoder", side=side, takes=(3,))[1] for first in (True, False))
    assert len(first) == len(last) > 0
    assert first.min() >= 0.0
    assert first.max() > 0.0
    assert last.min() < 0.0


def test_glorot_weights_follow_the_sizes_of_both_sides_times_the_gain():
    gain = 3.0
    dense = Architecture((28, 28, 1), 64, hidden=(900, 500), gain=gain, glorot=True)
    images = {"x_shape": (8, 8, 3), "z_dim": 64, "hidden": (32, 96), "x_range": (0.0, 1.0)}
    square = Architecture(name="dcgan", gain=gain, glorot=True, **images)
    nets = {
        "dense": dense.encoder(),
        "back": dense.decoder(),
        "down": square.encoder(),
        "up": square.decoder(),
    }
    params, _ = jax.jit(partial(initialize, nets))(jax.random.key(0))
    expected = {
        ("dense", "Dense_0"): 784 + 900,
        ("dense", "Dense_1"): 900 + 500,
        ("dense", "Dense_2"): 500 + 64,
        ("back", "Dense_0"): 64 + 500,
        ("back", "Dense_2"): 900 + 784,
        # A kernel of 4 x 4: sixteen weights for each pair of channels.
        ("down", "Conv_1"): 16 * (32 + 96),
        ("up", "Dense_0"): 64 + 8 * 8 * 96,
        ("up", "ConvTranspose_0"): 16 * (96 + 3),
    }
    for (net, layer), sizes in expected.items():
        kernel = np.asarray(params[net][layer]["kernel"])
        # Of n independent weights, cut off at two deviations, it deviates by less than 1 / sqrt(2 n).
        assert kernel.std() / gain == pytest.approx((2.0 / sizes) ** 0.5, rel=4.0 / (2 * kernel.size) ** 0.5)


def test_mask_aae_has_glorots_weights_and_the_faces_of_gmm_dae_the_other_order():
    assert files.read("mask_aae.py:paper", "mnist")[1].arch.glorot
    assert not files.read("mask_aae.py", "mnist")[1].arch.glorot
    assert files.read("gmm_dae.py", "celeba")[1].arch.activation_first
    assert not files.read("gmm_dae.py", "svhn")[1].arch.activation_first
    assert not files.read("gmm_dae.py:paper", "mnist")[1].arch.activation_first
