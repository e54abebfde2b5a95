"""Nets of [dupont2018]: convolutions of 4 pixels that halve the image, a dense layer, and no batch norm."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from coulomb_jax.nets import laws, squares
from coulomb_jax.nets.architecture import ACTIVATIONS, Architecture
from coulomb_jax.nets.convolution import Conv, ConvTranspose
from coulomb_jax.nets.norms import dense

KERNEL = 4
LARGE = (32, 32, 64, 64, 256)
"""Channels of the encoder's convolutions for images of 64 pixels, and last its dense layer's neurons."""

SMALL = (32, 64, 64, 256)
"""The same for smaller ones."""


class Encoder(nn.Module):
    """`[b h w c]` to `[b outputs]`."""

    arch: Architecture
    outputs: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        *convolutions, neurons = sizes(self.arch)
        squares.start(self.arch, len(convolutions))
        act, dtype, init, spectral = _means(self.arch)
        h = x / self.arch.x_scale
        for channels in convolutions:
            h = act(Conv(channels, KERNEL, 2, init, dtype, spectral)(h, train=train))
        h = act(dense(neurons, init, dtype, train, spectral=spectral)(h.reshape(h.shape[0], -1)))
        return dense(self.outputs, init, dtype, train, spectral=spectral)(h)


class Decoder(nn.Module):
    """`[b z_dim]` to `[b h w c]`: two dense layers, then as many doublings as the encoder has halvings.

    The last two before the image have the channels of the encoder's first, those before them its last's.
    """

    arch: Architecture

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        *convolutions, neurons = sizes(self.arch)
        start = squares.start(self.arch, len(convolutions))
        act, dtype, init, spectral = _means(self.arch)
        first, last = convolutions[0], convolutions[-1]
        h = act(nn.Dense(neurons, dtype=dtype, kernel_init=init)(z))
        h = act(dense(start * start * last, init, dtype, train, spectral=spectral)(h))
        h = h.reshape(-1, start, start, last)
        for left in range(len(convolutions) - 1, 0, -1):
            channels = first if left <= 2 else last
            h = act(ConvTranspose(channels, KERNEL, 2, init, dtype, spectral)(h, train=train))
        y = ConvTranspose(self.arch.x_shape[-1], KERNEL, 2, init, dtype, spectral)(h, train=train)
        return self.arch.into_range(y)


def sizes(arch: Architecture) -> tuple[int, ...]:
    """The sizes of the hidden layers; see `squares.with_dense`."""
    return squares.with_dense(arch, LARGE if squares.side(arch) >= 64 else SMALL)


def _means(arch: Architecture):
    """Activation, type of the arithmetic, initial weights, and whether they are under spectral norm."""
    init = arch.initial(laws.inputs_uniform(arch.gain))
    return ACTIVATIONS[arch.activation], jnp.dtype(arch.dtype), init, arch.spectral
