"""Parameter counts by hand, layer by layer, from the tables of the papers' code."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import pytest

from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import initialize

SIDES, WIDTHS = (64, 32, 28), (0.25, 0.5, 1.0)


def count(net):
    params, _ = jax.eval_shape(lambda key: initialize({"net": net}, key), jax.random.key(0))
    return sum(math.prod(a.shape) for a in jax.tree.leaves(params))


def architecture(name, side, width):
    channels = 1 if side == 28 else 3
    return Architecture((side, side, channels), 64, name=name, x_range=(0.0, 1.0), width=width), channels


@pytest.mark.parametrize("name", ["dcgan", "rae", "two_stage"])
@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("width", WIDTHS)
def test_nets_of_wae_and_rae(name, side, width):
    arch, c = architecture(name, side, width)
    a, b, d, e = (int(width * n) for n in (128, 256, 512, 1024))
    keeps = name == "two_stage"  # the size in the encoder's first layer, and kernels of 5 x 5
    k = 25 if side == 64 or keeps else 16  # taps of a kernel: 5 x 5 at 64 pixels, 4 x 4 below
    norm = 2  # scale and shift of batch norm, one each a channel; the third per-channel number is the bias
    left = {64: 4, 32: 2, 28: 2}[side]  # pixels of a side after four halvings, rounded up
    left = 2 * left if keeps else left
    encoder = k * c * a + a + norm * a
    encoder += k * a * b + b + norm * b
    encoder += k * b * d + d + norm * d
    encoder += k * d * e + e + norm * e
    encoder += left * left * e * 64 + 64
    assert count(arch.encoder()) == encoder
    start = 7 if side == 28 else 8
    decoder = 64 * start * start * e + start * start * e
    decoder += k * e * d + d + norm * d
    decoder += k * d * b + b + norm * b
    if side == 64:  # a third doubling, from 32 to 64
        decoder += k * b * a + a + norm * a
        decoder += k * a * c + c
    else:
        decoder += k * b * c + c
    assert count(arch.decoder()) == decoder


def test_totals_of_wae_at_64_pixels():
    # Layer by layer: 9,600 + 128 + 256; 819,200 + 256 + 512; 3,276,800 + 512 + 1,024;
    # 13,107,200 + 1,024 + 2,048; 16,384 * 64 + 64.
    arch, _ = architecture("dcgan", 64, 1.0)
    assert count(arch.encoder()) == 9_984 + 819_968 + 3_278_336 + 13_110_272 + 1_048_640 == 18_267_200
    # 64 * 65,536 + 65,536; 13,107,200 + 512 + 1,024; 3,276,800 + 256 + 512; 819,200 + 128 + 256; 9,600 + 3.
    assert count(arch.decoder()) == 4_259_840 + 13_108_736 + 3_277_568 + 819_584 + 9_603 == 21_475_331


@pytest.mark.parametrize("side", SIDES)
@pytest.mark.parametrize("width", WIDTHS)
def test_infogan_nets(side, width):
    arch, c = architecture("infogan", side, width)
    a, b, neurons = (int(width * n) for n in (64, 128, 1024))
    quarter = side // 4
    encoder = 16 * c * a + a  # the first convolution has no batch norm
    encoder += 16 * a * b + b + 2 * b
    encoder += quarter * quarter * b * neurons + neurons + 2 * neurons
    encoder += neurons * 128 + 128  # means and deviations of 64 codes
    assert count(arch.encoder(2 * 64)) == encoder
    wide = quarter * quarter * b
    decoder = 64 * neurons + neurons + 2 * neurons
    decoder += neurons * wide + wide + 2 * wide
    decoder += 16 * b * a + a + 2 * a
    decoder += 16 * a * c + c
    assert count(arch.decoder()) == decoder


@pytest.mark.parametrize(
    ("side", "encoder", "decoder"),
    [
        # 4 x 4 kernels and biases: 3 to 32, 32 to 64, 64 to 64; 4 x 4 x 64 to 256; back to 64, 32, 32, 3.
        (32, (1_568, 32_832, 65_600), (32_800, 16_416, 1_539)),
        (64, (1_568, 16_416, 32_832, 65_600), (65_600, 32_800, 16_416, 1_539)),
    ],
)
def test_nets_of_the_joint_vae(side, encoder, decoder):
    arch, _ = architecture("joint_vae", side, 1.0)
    assert count(arch.encoder(30)) == sum(encoder) + 1024 * 256 + 256 + 256 * 30 + 30
    assert count(arch.decoder()) == 64 * 256 + 256 + 256 * 1024 + 1024 + sum(decoder)


@pytest.mark.parametrize("side", SIDES)
def test_nets_of_the_flex_ae(side):
    arch, c = architecture("flex_ae", side, 1.0)
    wide = (side // 4) ** 2 * 128
    # The InfoGAN nets', with a doubling to 128 channels first, one to 64 and a convolution in place of one.
    encoder = 16 * c * 64 + 64 + 16 * 64 * 128 + 3 * 128 + wide * 1024 + 3 * 1024 + 1024 * 64 + 64
    assert count(arch.encoder()) == encoder
    decoder = 64 * 1024 + 3 * 1024 + 1024 * wide + 3 * wide
    decoder += 16 * 128 * 128 + 3 * 128 + 16 * 128 * 64 + 3 * 64 + 9 * 64 * c + c
    assert count(arch.decoder()) == decoder


@pytest.mark.parametrize(("side", "left"), [(64, 4), (32, 2)])
@pytest.mark.parametrize("width", WIDTHS)
def test_nets_of_the_gmm_dae(side, left, width):
    arch, _ = architecture("gmm_dae", side, width)
    a, b, d, e = (int(width * n) for n in (128, 256, 512, 1024))
    encoder = 16 * 3 * a + 3 * a + 16 * a * b + 3 * b + 16 * b * d + 3 * d + 16 * d * e + 3 * e
    encoder += left * left * e * 64 + 64
    assert count(arch.encoder()) == encoder
    decoder = 65 * left * left * e  # 64 codes and a bias
    decoder += 16 * e * d + 3 * d + 16 * d * b + 3 * b + 16 * b * a + 3 * a + 16 * a * 3 + 3
    assert count(arch.decoder()) == decoder


def block(i, o):
    """Norm of i, i to o, norm of o, o to o; beside them i to o: three by three taps and a bias."""
    return 2 * i + (9 * i * o + o) + 2 * o + (9 * o * o + o) + (9 * i * o + o)


@pytest.mark.parametrize(
    ("side", "base", "up"),
    [
        # Channels of the decoder from 2 x 2 pixels on.
        (64, 16, (512, 256, 128, 64, 32, 16)),
        (64, 32, (1024, 512, 256, 128, 64, 32)),
        (64, 64, (1024, 1024, 512, 256, 128, 64)),
        (32, 16, (256, 128, 64, 32, 16)),
        (8, 16, (64, 32, 16)),
    ],
)
def test_residual_nets(side, base, up):
    hidden = () if base == 16 else (base, 2 * base, 4 * base, 8 * base, 512)
    arch = Architecture((side, side, 3), 64, name="residual", hidden=hidden)
    encoder, before = 0, 3
    for channels in (base, 2 * base, 4 * base, 8 * base):
        encoder += 9 * before * channels + channels + block(channels, channels)
        before = channels
    encoder += 2 * (8 * base * 512 + 512) + 512 * 512 + 512  # both layers that see the mean, and the second
    encoder += 512 * 128 + 128  # means and deviations of 64 codes
    assert count(arch.encoder(2 * 64)) == encoder
    decoder, before = 65 * 2 * 2 * up[0], up[0]
    for channels in up[1:]:
        decoder += 9 * before * channels + channels + block(channels, channels)
        before = channels
    decoder += 9 * base * 3 + 3
    assert count(arch.decoder()) == decoder


@pytest.mark.parametrize("name", ["flex_ae", "gmm_dae", "joint_vae", "residual", "two_stage"])
@pytest.mark.parametrize("side", [64, 32])
def test_shapes_at_full_width(name, side):
    arch, _ = architecture(name, side, 1.0)
    for net, gives in ((arch.encoder(7), (7,)), (arch.decoder(), (side, side, 3))):
        takes = jax.ShapeDtypeStruct((2, *net.takes), jnp.float32)
        made = partial(net.module.init_with_output, jax.random.key(0), train=False)
        assert jax.eval_shape(made, takes)[0].shape == (2, *gives)


@pytest.mark.parametrize("hidden", [(1024,) * 4, (512,) * 4])
def test_the_critics_of_wae_gan(hidden):
    n = hidden[0]
    arch = Architecture((64, 64, 3), 64, name="dcgan")
    assert count(arch.critic(hidden)) == 64 * n + n + 3 * (n * n + n) + n + 1
