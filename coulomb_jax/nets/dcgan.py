"""Convolutional nets of [tolstikhin2018]: strided convolutions down, transposed ones up."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from coulomb_jax.nets import squares
from coulomb_jax.nets.architecture import ACTIVATIONS, Architecture
from coulomb_jax.nets.convolution import Conv, ConvTranspose
from coulomb_jax.nets.norms import dense, normed

HIDDEN = (128, 256, 512, 1024)
"""Channels of the encoder's layers in the published nets."""

LARGEST_START = 8
"""The decoder begins at the first halving of the image that is no larger: 8 of 64, 7 of 28."""

DECAY = 0.9
"""Of the running statistics of batch norm."""

DEVIATION = 0.01
"""Of the initial weights; biases are 0."""


def kernel_size(side: int) -> int:
    """5 for images of 64 pixels and more, 4 below: the published CelebA and MNIST nets."""
    return 5 if side >= 64 else 4


def halvings(arch: Architecture) -> int:
    """How often an image is halved until the decoder may begin.

    Raises:
      ValueError: its side or the number of layers does not allow it.
    """
    side, times = squares.side(arch), 0
    while side > LARGEST_START:
        side, times = side // 2, times + 1
    squares.start(arch, times)
    if times >= len(arch.layers(HIDDEN)):
        raise ValueError(
            f"images of {squares.side(arch)} pixels need at least {times + 1} hidden layers, "
            f"not {len(arch.layers(HIDDEN))}; lengthen --config.arch.hidden"
        )
    return times


class Encoder(nn.Module):
    """`[b h w c]` to `[b outputs]`: a convolution of stride 2, batch norm, activation a layer.

    Attributes:
      centred: whether the data's range is moved onto [-1, 1] first.
    """

    arch: Architecture
    outputs: int
    centred: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        halvings(self.arch)
        act, dtype, init = _means(self.arch)
        kernel = kernel_size(squares.side(self.arch))
        h = self.arch.centre(x) if self.centred else x / self.arch.x_scale
        for channels in self.arch.layers(HIDDEN):
            h = Conv(channels, kernel, 2, init, dtype, self.arch.spectral)(h, train=train)
            h = normed(h, act, self.arch, train, decay=DECAY)
        last = dense(self.outputs, init, dtype, train, spectral=self.arch.spectral)
        return last(h.reshape(h.shape[0], -1))


class Decoder(nn.Module):
    """`[b z_dim]` to `[b h w c]`: a dense layer, then doublings up to the image's size.

    The dense layer has no batch norm; the last layer keeps the size.

    Attributes:
      starts_linear: whether the dense layer has no activation.
    """

    arch: Architecture
    starts_linear: bool = False

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        doublings = halvings(self.arch)
        act, dtype, init = _means(self.arch)
        kernel = kernel_size(squares.side(self.arch))
        first, *rest = self.arch.layers(HIDDEN)[::-1]
        start = squares.start(self.arch, doublings)
        h = nn.Dense(start * start * first, dtype=dtype, kernel_init=init)(z)
        h = (h if self.starts_linear else act(h)).reshape(-1, start, start, first)
        for channels in rest[:doublings]:
            h = ConvTranspose(channels, kernel, 2, init, dtype, self.arch.spectral)(h, train=train)
            h = normed(h, act, self.arch, train, decay=DECAY)
        last = ConvTranspose(self.arch.x_shape[-1], kernel, 1, init, dtype, self.arch.spectral)
        y = last(h, train=train)
        return self.arch.into_range(y)


def _means(arch: Architecture):
    """Activation, type of the arithmetic, and initial weights."""
    init = arch.initial(nn.initializers.normal(DEVIATION * arch.gain))
    return ACTIVATIONS[arch.activation], jnp.dtype(arch.dtype), init
