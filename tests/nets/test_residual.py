"""The residual nets against loops of numpy and scipy, layer by layer."""

import jax
import numpy as np
import pytest

from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.residual import Block
from tests.nets.loops import convolve, dense, norm, relu, variables

ARCH = Architecture((4, 4, 1), 3, (0.0, 1.0), "residual", (2, 3, 5), gain=2.0)
DENSE_BLOCK = ("Dense_0", "Dense_1", "Dense_2")


def halve(h, p):
    """Every other of those: of an even side, zeros are added below and on the right alone."""
    return convolve(h, p)[1::2, 1::2]


def double(h, p):
    """Each pixel's 3 x 3 weights laid down on a grid twice as fine; what is beyond it is cut off."""
    side = h.shape[0]
    y = np.zeros((2 * side + 1, 2 * side + 1, p["kernel"].shape[2]))
    for i, j in np.ndindex(side, side):
        y[2 * i : 2 * i + 3, 2 * j : 2 * j + 3] += p["kernel"] @ h[i, j]
    return y[:-1, :-1] + p["bias"]


def block(h, v):
    p = v["params"]
    inside = convolve(relu(norm(h, v, "BatchNorm_0")), p["Conv_0"])
    return convolve(relu(norm(inside, v, "BatchNorm_1")), p["Conv_1"]) + convolve(h, p["Conv_2"])


def part(v, name):
    return {"params": v["params"][name], "batch_stats": v["batch_stats"][name]}


def encoder(x, v):
    p = v["params"]
    h = block(convolve(x, p["Conv_0"]), part(v, "Block_0"))
    h = block(halve(h, p["Conv_1"]), part(v, "Block_1")).mean((0, 1))
    first, second, beside = (p["DenseBlock_0"][layer] for layer in DENSE_BLOCK)
    return dense(dense(relu(dense(relu(h), first)), second) + dense(h, beside), p["Dense_0"])


def decoder(z, v):
    p = v["params"]
    h = dense(z, p["Dense_0"]).reshape(2, 2, 3)
    h = block(double(h, p["ConvTranspose_0"]), part(v, "Block_0"))
    return 1.0 / (1.0 + np.exp(-convolve(h, p["Conv_0"])))


@pytest.mark.parametrize(
    ("module", "shape", "by_hand"),
    [
        (Block(ARCH, 3), (3, 3, 2), block),
        (ARCH.encoder().module, (4, 4, 1), encoder),
        (ARCH.decoder().module, (3,), decoder),
    ],
    ids=["block", "encoder", "decoder"],
)
def test_they_are_what_loops_make_of_the_same_weights(module, shape, by_hand):
    v = variables(module, 1, *shape)
    x = np.random.default_rng(1).normal(size=(2, *shape))
    y = jax.jit(lambda x: module.apply(v, x, train=False))(x)
    np.testing.assert_allclose(y, [by_hand(one, v) for one in x], rtol=1e-4, atol=1e-4)
