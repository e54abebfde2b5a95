"""The residual nets of [dai2019]: batch norm and activation come before each convolution of a block.

`hidden` has the channels of the encoder's scales, and last the neurons of its dense block. The decoder counts
its channels from the image's size downwards: those of the scales, then twice as many at each halving.
"""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from coulomb_jax.nets import laws, squares
from coulomb_jax.nets.architecture import ACTIVATIONS, Architecture
from coulomb_jax.nets.convolution import Conv, ConvTranspose
from coulomb_jax.nets.norms import batch_norm, dense
from coulomb_jax.nets.two_stage import DECAY

HIDDEN = (16, 32, 64, 128, 512)
"""Channels of the encoder's scales, and neurons of its dense block, the last."""

KERNEL = 3
DEPTH = 2
"""Layers of a block's branch."""

START = 2
"""The side at which the decoder begins."""

MOST_CHANNELS = 1024
"""That the decoder's doubling ends at."""


class Block(nn.Module):
    """`[b h w i]` to `[b h w channels]`: a convolution, plus twice batch norm, activation, convolution."""

    arch: Architecture
    channels: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        act, dtype, init = _means(self.arch)
        h = x
        for _ in range(DEPTH):
            h = act(batch_norm(dtype, train, decay=DECAY)(h))
            h = Conv(self.channels, KERNEL, 1, init, dtype, self.arch.spectral)(h, train=train)
        return h + Conv(self.channels, KERNEL, 1, init, dtype, self.arch.spectral)(x, train=train)


class DenseBlock(nn.Module):
    """`[b i]` to `[b neurons]`: a dense layer, plus twice activation, dense layer."""

    arch: Architecture
    neurons: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        act, dtype, init = _means(self.arch)
        h = x
        for _ in range(DEPTH):
            h = dense(self.neurons, init, dtype, train, spectral=self.arch.spectral)(act(h))
        return h + dense(self.neurons, init, dtype, train, spectral=self.arch.spectral)(x)


class Encoder(nn.Module):
    """`[b h w c]` to `[b outputs]`: a block a scale with halvings between, pixels' mean, a dense block."""

    arch: Architecture
    outputs: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        *scales, neurons = squares.with_dense(self.arch, HIDDEN)
        channels(self.arch)
        _, dtype, init = _means(self.arch)
        h = x / self.arch.x_scale
        for i, size in enumerate(scales):
            h = Conv(size, KERNEL, 1 if i == 0 else 2, init, dtype, self.arch.spectral)(h, train=train)
            h = Block(self.arch, size)(h, train=train)
        h = DenseBlock(self.arch, neurons)(jnp.mean(h, axis=(1, 2)), train=train)
        return dense(self.outputs, init, dtype, train, spectral=self.arch.spectral)(h)


class Decoder(nn.Module):
    """`[b z_dim]` to `[b h w c]`: a dense layer to 2 x 2 pixels, then doublings with a block after each."""

    arch: Architecture

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        first, *rest = channels(self.arch)
        _, dtype, init = _means(self.arch)
        h = nn.Dense(START * START * first, dtype=dtype, kernel_init=init)(z).reshape(-1, START, START, first)
        for size in rest:
            h = ConvTranspose(size, KERNEL, 2, init, dtype, self.arch.spectral)(h, train=train)
            h = Block(self.arch, size)(h, train=train)
        last = Conv(self.arch.x_shape[-1], KERNEL, 1, init, dtype, self.arch.spectral)
        return self.arch.into_range(last(h, train=train))


def channels(arch: Architecture) -> list[int]:
    """Channels of the decoder from 2 x 2 pixels up to the image's size.

    Raises:
      ValueError: no doublings lead from 2 pixels to its side, or the encoder cannot halve it.
    """
    *found, _ = squares.with_dense(arch, HIDDEN)
    side, doublings = squares.side(arch), 0
    while START * 2**doublings < side:
        doublings += 1
    if START * 2**doublings != side:
        raise ValueError(
            f"the {arch.name} nets take images of 2, 4, 8, 16, ... pixels a side, not {side}; resize the "
            "images or use --config.arch.name=dcgan"
        )
    squares.start(arch, len(found) - 1)
    while len(found) <= doublings:
        found.append(min(2 * found[-1], MOST_CHANNELS))
    return found[doublings::-1]


def _means(arch: Architecture):
    """Activation, type of the arithmetic, and initial weights."""
    return ACTIVATIONS[arch.activation], jnp.dtype(arch.dtype), arch.initial(laws.glorot_uniform(arch.gain))
