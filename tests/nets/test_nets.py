"""Nets: shapes, parameter counts by hand, ranges, and the transposed convolution against its definition."""

import itertools
import math

import chex
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import AXIS, Bound, initialize
from coulomb_jax.nets.pixels import to_units


def count(net):
    params, _ = jax.eval_shape(lambda key: initialize({"net": net}, key), jax.random.key(0))
    return sum(math.prod(a.shape) for a in jax.tree.leaves(params))


def dense(*sizes):
    return sum(a * b + b for a, b in itertools.pairwise(sizes))


@pytest.mark.parametrize(("width", "hidden"), [(0.25, 32), (0.5, 64), (1.0, 128)])
def test_the_grid_nets_have_the_papers_sizes(width, hidden):
    arch = Architecture((2,), 2, width=width)
    assert count(arch.encoder()) == dense(2, hidden, hidden, 2)
    assert count(arch.decoder()) == dense(2, hidden, hidden, 2)


def test_the_decoder_mirrors_the_encoder():
    arch = Architecture((8, 8, 1), 3, hidden=(20, 10), x_range=(0.0, 1.0))
    assert count(arch.encoder()) == dense(64, 20, 10, 3)
    assert count(arch.decoder()) == dense(3, 10, 20, 64)


def test_gated_layers_are_linear_ones_times_a_logistic():
    arch = Architecture((7,), 3, hidden=(5, 4), activation="glu", gain=2**0.5)
    net = arch.encoder()
    # Two linear layers of 5, then two of 4: tomczak2018.
    assert count(net) == 2 * dense(7, 5) + 2 * dense(5, 4) + dense(4, 3)
    x = np.random.default_rng(0).normal(size=(6, 7))
    params, stats = initialize({"net": net}, jax.random.key(0))
    params["net"]["Dense_0"]["bias"] = jnp.linspace(-1.0, 1.0, 10)
    found = Bound({"net": net}, params, stats).net(jnp.asarray(x, jnp.float32))
    h = x
    for layer, size in (("Dense_0", 5), ("Dense_1", 4)):
        weights = {k: np.asarray(v, np.float64) for k, v in params["net"][layer].items()}
        both = h @ weights["kernel"] + weights["bias"]
        h = both[:, :size] / (1.0 + np.exp(-both[:, size:]))
    last = {k: np.asarray(v, np.float64) for k, v in params["net"]["Dense_2"].items()}
    np.testing.assert_allclose(found, h @ last["kernel"] + last["bias"], rtol=1e-5)


def test_gated_layers_begin_at_hes_weights_and_are_those_of_one_net():
    net = Architecture((900,), 3, hidden=(400,), activation="glu", gain=2**0.5).encoder()
    params, _ = initialize({"net": net}, jax.random.key(0))
    kernel = np.asarray(params["net"]["Dense_0"]["kernel"])
    assert kernel.std() == pytest.approx((2.0 / 900) ** 0.5, rel=4.0 / (2 * kernel.size) ** 0.5)
    with pytest.raises(ValueError, match="gated layers of glu are those of the net mlp, not of dcgan"):
        Architecture((64, 64, 3), 3, name="dcgan", activation="glu")


@pytest.mark.parametrize(
    ("name", "side", "dtype"),
    [
        ("mlp", 8, "float32"),
        ("mlp", 8, "bfloat16"),
        ("dcgan", 8, "float32"),
        ("dcgan", 28, "bfloat16"),
        ("dcgan", 32, "float32"),
        ("rae", 28, "bfloat16"),
        ("rae", 32, "float32"),
        ("flex_ae", 28, "bfloat16"),
        ("infogan", 28, "bfloat16"),
        ("joint_vae", 32, "bfloat16"),
        ("infogan", 32, "float32"),
        ("two_stage", 28, "float32"),
        ("gmm_dae", 8, "bfloat16"),
        ("residual", 4, "bfloat16"),
    ],
)
def test_shapes_and_ranges_and_float32_outputs(name, side, dtype):
    arch = Architecture(
        (side, side, 3), 5, x_range=(-1.0, 1.0), name=name, hidden=(8, 8, 8), gain=30.0, dtype=dtype
    )
    family = {"encoder": arch.encoder(), "decoder": arch.decoder()}

    @jax.jit
    def run(pixels, codes):
        nets = Bound(family, *initialize(family, jax.random.key(0)))
        return nets.encoder(pixels), nets.decoder(codes)

    pixels = jax.random.uniform(jax.random.key(1), (4, side, side, 3))
    z, x = run(pixels, 100.0 * jax.random.normal(jax.random.key(2), (4, 5)))
    assert z.shape == (4, 5)
    assert x.shape == (4, side, side, 3)
    assert z.dtype == x.dtype == jnp.float32
    assert -1.0 <= x.min() < -0.5
    assert 0.5 < x.max() <= 1.0


def test_gain_scales_the_weights_and_x_scale_the_units():
    small, large = (Architecture((2,), 2, gain=gain) for gain in (1.0, 3.0))
    a, _ = initialize({"net": small.encoder()}, jax.random.key(0))
    b, _ = initialize({"net": large.encoder()}, jax.random.key(0))
    kernel = a["net"]["Dense_0"]["kernel"]
    np.testing.assert_allclose(b["net"]["Dense_0"]["kernel"], 3.0 * kernel, rtol=1e-6)
    assert abs(np.std(kernel) - math.sqrt(1.0 / 2.0)) < 0.08  # LeCun's, of two inputs

    scaled = Architecture((2,), 2, x_scale=4.0)
    plain = {"encoder": small.encoder(), "decoder": small.decoder()}
    other = {"encoder": scaled.encoder(), "decoder": scaled.decoder()}
    params = initialize(plain, jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (3, 2))
    chex.assert_trees_all_close(
        Bound(other, *params).encoder(4.0 * x), Bound(plain, *params).encoder(x), rtol=1e-6
    )
    chex.assert_trees_all_close(
        Bound(other, *params).decoder(x), 4.0 * Bound(plain, *params).decoder(x), rtol=1e-6
    )


def test_batch_norm_in_training_sees_the_batch_of_all_devices():
    arch = Architecture((8, 8, 1), 4, name="dcgan", hidden=(6,))
    family = {"encoder": arch.encoder()}
    params, stats = jax.jit(lambda key: initialize(family, key))(jax.random.key(0))
    x = jax.random.normal(jax.random.key(1), (8, 8, 8, 1)) * jnp.arange(1.0, 9.0)[:, None, None, None]

    def run(x):
        nets = Bound(family, params, stats, learns=("encoder",), axis=AXIS)
        return nets.encoder(x), nets.recorded

    over_devices = jax.jit(jax.vmap(run, axis_name=AXIS))
    together, one = over_devices(x[None])
    apart, four = over_devices(x.reshape(4, 2, 8, 8, 1))
    np.testing.assert_allclose(together.reshape(8, 4), apart.reshape(8, 4), rtol=1e-4, atol=1e-6)
    chex.assert_trees_all_close(
        jax.tree.map(lambda a: a[0], one), jax.tree.map(lambda a: a[3], four), rtol=1e-5
    )


def test_gather_and_share_are_inverse():
    rows = jnp.arange(12.0).reshape(4, 3, 1)

    def there_and_back(local):
        nets = Bound({}, {}, {}, axis=AXIS)
        return nets.gather(local), nets.share(nets.gather(local)), nets.devices

    whole, local, devices = jax.vmap(there_and_back, axis_name=AXIS, out_axes=(0, 0, None))(rows)
    np.testing.assert_array_equal(whole[2], rows.reshape(12, 1))
    np.testing.assert_array_equal(local, rows)
    assert devices == 4


def test_pixels_are_mapped_onto_their_range():
    x = np.array([0, 51, 255], np.uint8)
    np.testing.assert_allclose(to_units(jnp.asarray(x), (-1.0, 1.0)), [-1.0, -0.6, 1.0], atol=1e-6)
    np.testing.assert_array_equal(to_units(jnp.ones(2), None), np.ones(2))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"z_dim": 0}, "z_dim must be at least 1, not 0"),
        ({"name": "dcgn"}, "no net 'dcgn'; did you mean dcgan"),
        ({"activation": "rely"}, "did you mean relu"),
        ({"width": -1.0}, "width must be positive"),
        ({"dtype": "float16"}, "no dtype 'float16'"),
    ],
)
def test_bad_architectures_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        Architecture(**({"x_shape": (2,), "z_dim": 2} | options))


@pytest.mark.parametrize(
    ("name", "shape", "hidden", "sentence"),
    [
        ("dcgan", (2,), (), "square images"),
        ("dcgan", (30, 30, 1), (), "30 pixels do not allow"),
        ("dcgan", (64, 64, 3), (8, 8, 8), "at least 4 hidden layers, not 3"),
        ("two_stage", (64, 64, 3), (8, 8, 8), "at least 4 hidden layers, not 3"),
        ("gmm_dae", (28, 28, 1), (), "gmm_dae nets halve the image 4 times, which 28 pixels do not allow"),
        ("joint_vae", (28, 28, 1), (), "halve the image 3 times, which 28 pixels do not allow"),
        ("flex_ae", (28, 28, 1), (8,), "so two hidden layers, not 1"),
        ("residual", (28, 28, 1), (), "images of 2, 4, 8, 16, ... pixels a side, not 28; resize"),
        ("residual", (1, 1, 1), (), "images of 2, 4, 8, 16, ... pixels a side, not 1; resize"),
        ("residual", (4, 4, 1), (), "halve the image 3 times, which 4 pixels do not allow"),
        ("residual", (8, 8, 1), (8,), "so two hidden layers, not 1"),
    ],
)
@pytest.mark.parametrize("half", ["encoder", "decoder"])
def test_images_that_cannot_be_halved_are_refused(name, shape, hidden, sentence, half):
    arch = Architecture(shape, 2, name=name, hidden=hidden)
    with pytest.raises(ValueError, match=sentence):
        initialize({"net": getattr(arch, half)()}, jax.random.key(0))


def test_the_key_of_a_net_depends_on_its_name_alone():
    arch = Architecture((2,), 2)
    alone, _ = initialize({"encoder": arch.encoder()}, jax.random.key(0))
    both, _ = initialize({"decoder": arch.decoder(), "encoder": arch.encoder()}, jax.random.key(0))
    chex.assert_trees_all_equal(alone["encoder"], both["encoder"])
    assert isinstance(arch.encoder().module, nn.Module)
