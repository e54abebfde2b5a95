import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax.nets import inception, weights
from coulomb_jax.nets.features import KINDS


def shapes(side=299):
    net = inception.Inception()
    return jax.eval_shape(net.init, jax.random.key(0), jnp.zeros((1, side, side, 3)))["params"]


def kernels(*layers):
    """Weights and biases of convolutions, each (channels in, channels out, taps)."""
    return sum(i * o * taps + o for i, o, taps in layers)


def count(tree):
    return sum(math.prod(a.shape) for a in jax.tree.leaves(tree))


# Counted by hand from the published table of the graph: channels in, channels out, taps of the kernel.
def by_hand_a(c, pooled):
    return kernels((c, 64, 1), (c, 48, 1), (48, 64, 25), (c, 64, 1), (64, 96, 9), (96, 96, 9), (c, pooled, 1))


def by_hand_c(n):
    seven = kernels((768, n, 1), (n, n, 7), (n, 192, 7))
    double = kernels((768, n, 1), (n, n, 7), (n, n, 7), (n, n, 7), (n, 192, 7))
    return seven + double + 2 * kernels((768, 192, 1))


def by_hand_e(c):
    three = kernels((c, 384, 1)) + 2 * kernels((384, 384, 3))
    double = kernels((c, 448, 1), (448, 384, 9)) + 2 * kernels((384, 384, 3))
    return three + double + kernels((c, 320, 1), (c, 192, 1))


BY_HAND = {
    "Conv2d_1a_3x3": kernels((3, 32, 9)),
    "Conv2d_2a_3x3": kernels((32, 32, 9)),
    "Conv2d_2b_3x3": kernels((32, 64, 9)),
    "Conv2d_3b_1x1": kernels((64, 80, 1)),
    "Conv2d_4a_3x3": kernels((80, 192, 9)),
    "Mixed_5b": by_hand_a(192, 32),
    "Mixed_5c": by_hand_a(256, 64),
    "Mixed_5d": by_hand_a(288, 64),
    "Mixed_6a": kernels((288, 384, 9), (288, 64, 1), (64, 96, 9), (96, 96, 9)),
    "Mixed_6b": by_hand_c(128),
    "Mixed_6c": by_hand_c(160),
    "Mixed_6d": by_hand_c(160),
    "Mixed_6e": by_hand_c(192),
    "Mixed_7a": kernels(
        (768, 192, 1), (192, 320, 9), (768, 192, 1), (192, 192, 7), (192, 192, 7), (192, 192, 9)
    ),
    "Mixed_7b": by_hand_e(1280),
    "Mixed_7c": by_hand_e(2048),
    "fc": 2048 * 1008 + 1008,
}


def test_parameters_by_hand():
    found = {name: count(tree) for name, tree in shapes().items()}
    assert found == BY_HAND
    assert found["Mixed_5b"] == 12_352 + 9_264 + 76_864 + 12_352 + 55_392 + 83_040 + 6_176
    # torchvision publishes 27,161,264 parameters: the same blocks, 1,000 classes, two numbers of batch norm a
    # channel where there is one bias here, and the auxiliary classifier.
    channels = sum(tree.shape[0] for tree in jax.tree.leaves(shapes()) if len(tree.shape) == 1) - 1008
    auxiliary = 768 * 128 + 2 * 128 + 128 * 768 * 25 + 2 * 768 + 768 * 1000 + 1000
    assert sum(found.values()) + channels - 8 * 2049 + auxiliary == 27_161_264


def test_shapes_of_the_blocks():
    """Sides and channels of the graph's table, from the captured outputs of every layer."""
    net = inception.Inception()
    variables = {"params": shapes()}
    image = jax.ShapeDtypeStruct((2, 299, 299, 3), jnp.float32)
    outputs, captured = jax.eval_shape(
        lambda v, x: net.apply(v, x, capture_intermediates=True, mutable=["intermediates"]), variables, image
    )
    found = {n: v["__call__"][0].shape[1:] for n, v in captured["intermediates"].items() if n[0] in "CM"}
    assert found == {
        "Conv2d_1a_3x3": (149, 149, 32),
        "Conv2d_2a_3x3": (147, 147, 32),
        "Conv2d_2b_3x3": (147, 147, 64),
        "Conv2d_3b_1x1": (73, 73, 80),
        "Conv2d_4a_3x3": (71, 71, 192),
        "Mixed_5b": (35, 35, 256),
        "Mixed_5c": (35, 35, 288),
        "Mixed_5d": (35, 35, 288),
        "Mixed_6a": (17, 17, 768),
        "Mixed_6b": (17, 17, 768),
        "Mixed_6c": (17, 17, 768),
        "Mixed_6d": (17, 17, 768),
        "Mixed_6e": (17, 17, 768),
        "Mixed_7a": (8, 8, 1280),
        "Mixed_7b": (8, 8, 2048),
        "Mixed_7c": (8, 8, 2048),
    }
    assert [o.shape for o in outputs] == [(2, 2048), (2, 1008)]


@pytest.mark.parametrize("sides", [(64, 64), (28, 28), (32, 48), (299, 299), (400, 310), (1, 5)])
def test_resizing_is_the_graphs(sides):
    """A double loop of TensorFlow's first formula, in float64."""
    height, width = sides
    image = np.random.default_rng(0).integers(0, 256, (1, height, width, 2)).astype(np.float64)
    expected = np.zeros((299, 299, 2))
    for i in range(299):
        for j in range(299):
            y, x = i * height / 299, j * width / 299
            top, left = int(y), int(x)
            bottom, right = min(top + 1, height - 1), min(left + 1, width - 1)
            v, u = y - top, x - left
            above = image[0, top, left] * (1 - u) + image[0, top, right] * u
            below = image[0, bottom, left] * (1 - u) + image[0, bottom, right] * u
            expected[i, j] = above * (1 - v) + below * v
    found = inception.resize(jnp.asarray(image, jnp.float32), 299)[0]
    # Places are float32: at 400 pixels they round to 3e-5 of a pixel, of 255 levels.
    np.testing.assert_allclose(found, expected, atol=0.02)
    if sides == (299, 299):
        np.testing.assert_array_equal(found, image[0])


def test_resizing_moves_the_picture_as_the_graph_does():
    # Doubled, pixel 1 lies midway between the first two; with centres of pixels it would be at a quarter.
    ramp = jnp.arange(4.0)[None, None, :, None] * jnp.ones((1, 4, 1, 1))
    np.testing.assert_array_equal(inception.resize(ramp, 8)[0, 0, :, 0], [0, 0.5, 1, 1.5, 2, 2.5, 3, 3])


def test_pixels_become_minus_one_to_one():
    # 255 becomes 127/128, not 1.
    pixels = jnp.asarray([0.0, 128.0, 255.0])[:, None, None, None] * jnp.ones((1, 2, 2, 3))
    found = inception.prepare(pixels)[:, 0, 0, 0]
    np.testing.assert_array_equal(found, [-1.0, 0.0, 127 / 128])


@pytest.fixture(scope="module")
def torch_inception():
    pytest.importorskip("torch")
    from benchmarks import torch_inception

    return torch_inception


@pytest.mark.slow
@pytest.mark.parametrize("older", [False, True])
def test_features_are_those_of_torch(torch_inception, tmp_path, older):
    import torch

    state = torch_inception.random_state(0)
    path = tmp_path / "inception.pth"
    torch.save(state, path, _use_new_zipfile_serialization=not older)
    file = weights.read(path)
    assert set(file.arrays) == set(state)
    kind = KINDS["inception"]
    params = weights.params(shapes(), file, kind.layer, kind.epsilon)
    x = np.random.default_rng(1).uniform(-1, 1, (2, 299, 299, 3)).astype(np.float32)
    features, logits = jax.jit(lambda x: kind.module.apply({"params": params}, x))(x)
    with torch.no_grad():
        double = {name: a.double() for name, a in state.items()}
        expected = torch_inception.forward(double, torch.tensor(x.transpose(0, 3, 1, 2)).double())
    for found, wanted in zip((features, logits), expected):
        wanted = wanted.numpy()
        assert wanted.std() > 0.1
        np.testing.assert_allclose(found, wanted, atol=1e-5 * np.abs(wanted).max())
