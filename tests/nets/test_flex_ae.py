"""The nets of FlexAE against loops of numpy and scipy, layer by layer."""

import jax
import numpy as np
import pytest

from coulomb_jax.nets.architecture import Architecture
from tests.nets.loops import convolve, dense, norm, relu, variables

# Without a range the decoder's last layer is linear.
ARCH = Architecture((8, 8, 1), 3, None, "flex_ae", (2, 3, 5))


def halve(h, p):
    """4 x 4 pixels about every other corner, zeros outside: `[h w i]` to `[h/2 w/2 o]`."""
    framed = np.pad(h, ((1, 1), (1, 1), (0, 0)))
    y = np.zeros((h.shape[0] // 2, h.shape[1] // 2, p["kernel"].shape[3]))
    for i, j in np.ndindex(*y.shape[:2]):
        y[i, j] = np.tensordot(framed[2 * i : 2 * i + 4, 2 * j : 2 * j + 4], p["kernel"], 3)
    return y + p["bias"]


def double(h, p):
    """Each pixel's 4 x 4 weights laid down on a grid twice as fine; what is beyond it is cut off."""
    side = h.shape[0]
    y = np.zeros((2 * side + 2, 2 * side + 2, p["kernel"].shape[2]))
    for i, j in np.ndindex(side, side):
        y[2 * i : 2 * i + 4, 2 * j : 2 * j + 4] += p["kernel"] @ h[i, j]
    return y[1:-1, 1:-1] + p["bias"]


def normed(h, v, number):
    """Batch norm as tf.layers has it, with epsilon 1e-3, and a rectifier."""
    return relu(norm(h, v, f"BatchNorm_{number}", 1e-3))


def encoder(x, v):
    p = v["params"]
    h = relu(halve(x, p["Conv_0"]))
    h = normed(halve(h, p["Conv_1"]), v, 0).reshape(-1)
    return dense(normed(dense(h, p["Dense_0"]), v, 1), p["Dense_1"])


def decoder(z, v):
    p = v["params"]
    h = normed(dense(z, p["Dense_0"]), v, 0)
    h = normed(dense(h, p["Dense_1"]), v, 1).reshape(2, 2, 3)
    h = normed(double(h, p["ConvTranspose_0"]), v, 2)
    h = normed(double(h, p["ConvTranspose_1"]), v, 3)
    return convolve(h, p["Conv_0"])


@pytest.mark.parametrize(
    ("net", "by_hand"), [(ARCH.encoder(), encoder), (ARCH.decoder(), decoder)], ids=["encoder", "decoder"]
)
def test_they_are_what_loops_make_of_the_same_weights(net, by_hand):
    v = variables(net.module, 1, *net.takes)
    # Variances of epsilon's size, which shows.
    v["batch_stats"] = jax.tree.map(lambda a: 1e-2 * np.abs(a), v["batch_stats"])
    x = np.random.default_rng(1).normal(size=(2, *net.takes))
    y = jax.jit(lambda x: net.module.apply(v, x, train=False))(x)
    expected = np.stack([by_hand(one, v) for one in x])
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max())
