"""The nets of the two-stage VAE [dai2019]: two convolutions and a wide dense layer, as in InfoGAN."""

from __future__ import annotations

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from coulomb_jax.nets import squares
from coulomb_jax.nets.architecture import ACTIVATIONS, Architecture
from coulomb_jax.nets.convolution import Conv, ConvTranspose
from coulomb_jax.nets.norms import SpectralDense, dense, normed

HIDDEN = (64, 128, 1024)
"""Channels of the encoder's convolutions, and neurons of its dense layer, the last."""

KERNEL = 4
DECAY = 0.999
DEVIATION = 0.02
SLOPE = 0.2
"""Of the encoder's leaky rectifier."""


class Encoder(nn.Module):
    """`[b h w c]` to `[b outputs]`, with spectral norm on every weight; no batch norm in the first layer.

    Its activation is the leaky rectifier of the paper's code, whatever the architecture's.
    """

    arch: Architecture
    outputs: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        *convolutions, neurons = _sizes(self.arch)
        squares.start(self.arch, len(convolutions))
        dtype, init = _means(self.arch)
        act = partial(jax.nn.leaky_relu, negative_slope=SLOPE)
        h = x / self.arch.x_scale
        for i, channels in enumerate(convolutions):
            h = Conv(channels, KERNEL, 2, init, dtype, spectral=True)(h, train=train)
            h = act(h) if i == 0 else normed(h, act, self.arch, train, decay=DECAY)
        h = SpectralDense(neurons, init, dtype)(h.reshape(h.shape[0], -1), train=train)
        h = normed(h, act, self.arch, train, decay=DECAY)
        return SpectralDense(self.outputs, init, dtype)(h, train=train)


class Decoder(nn.Module):
    """`[b z_dim]` to `[b h w c]`: two dense layers, then a doubling for each convolution of the encoder."""

    arch: Architecture

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        *convolutions, neurons = _sizes(self.arch)
        start = squares.start(self.arch, len(convolutions))
        dtype, init = _means(self.arch)
        act = ACTIVATIONS[self.arch.activation]
        first, *rest = convolutions[::-1]
        h = z
        for i, size in enumerate((neurons, start * start * first)):
            h = dense(size, init, dtype, train, spectral=self.arch.spectral and i > 0)(h)
            h = normed(h, act, self.arch, train, decay=DECAY)
        h = h.reshape(-1, start, start, first)
        for channels in rest:
            h = ConvTranspose(channels, KERNEL, 2, init, dtype, self.arch.spectral)(h, train=train)
            h = normed(h, act, self.arch, train, decay=DECAY)
        last = ConvTranspose(self.arch.x_shape[-1], KERNEL, 2, init, dtype, self.arch.spectral)
        y = last(h, train=train)
        return self.arch.into_range(y)


def _sizes(arch: Architecture) -> tuple[int, ...]:
    """The sizes of the hidden layers; an error where there is no convolution among them."""
    sizes = arch.layers(HIDDEN)
    if len(sizes) < 2:
        raise ValueError(
            f"the infogan nets have a dense layer behind at least one convolution, so two hidden layers, "
            f"not {len(sizes)}; lengthen --config.arch.hidden"
        )
    return sizes


def _means(arch: Architecture):
    """Type of the arithmetic, and initial weights."""
    return jnp.dtype(arch.dtype), arch.initial(nn.initializers.normal(DEVIATION * arch.gain))
