"""Convolutional nets of [tolstikhin2018]: strided convolutions down, transposed ones up."""

from __future__ import annotations

from dataclasses import dataclass

import flax.linen as nn
import jax
import jax.numpy as jnp

from coulomb_jax.nets import laws, squares
from coulomb_jax.nets.architecture import ACTIVATIONS, Architecture
from coulomb_jax.nets.convolution import Conv, ConvTranspose
from coulomb_jax.nets.norms import dense, normed

HIDDEN = (128, 256, 512, 1024)
"""Channels of the encoder's layers in the published nets."""

LARGEST_START = 8
"""The decoder begins at the first halving of the image that is no larger: 8 of 64, 7 of 28."""

LAW = laws.deviation(0.01)
"""Of the initial weights; biases are 0."""


@dataclass(frozen=True)
class Form:
    """What other papers' nets of this kind differ in.

    Attributes:
      kernel: side of every kernel; 0 is 5 for images of 64 pixels and more, 4 below: the published CelebA
        and MNIST nets.
      first_stride: of the encoder's first layer; all others have 2.
      centred: whether the encoder is fed the data's range moved onto [-1, 1].
      starts_linear: whether the decoder's dense layer has no activation.
      mirrored: whether the decoder begins where the encoder's convolutions end, and its last layer doubles.
      decay: of the running statistics of batch norm.
      law: the initial weights' for a gain.
    """

    kernel: int = 0
    first_stride: int = 2
    centred: bool = False
    starts_linear: bool = False
    mirrored: bool = False
    decay: float = 0.9
    law: laws.Law = LAW


def kernel_size(arch: Architecture, form: Form) -> int:
    """The side of every kernel."""
    return form.kernel or (5 if squares.side(arch) >= 64 else 4)


def halvings(arch: Architecture, form: Form) -> int:
    """How often an image is halved until the decoder may begin.

    Raises:
      ValueError: its side or the number of layers does not allow it.
    """
    side, times, layers = squares.side(arch), 0, len(arch.layers(HIDDEN))
    if form.mirrored:
        squares.start(arch, layers)
        return layers
    while side > LARGEST_START:
        side, times = side // 2, times + 1
    squares.start(arch, times)
    if times >= layers:
        raise ValueError(
            f"images of {squares.side(arch)} pixels need at least {times + 1} hidden layers, "
            f"not {layers}; lengthen --config.arch.hidden"
        )
    return times


class Encoder(nn.Module):
    """`[b h w c]` to `[b outputs]`: a convolution of stride 2, batch norm, activation a layer."""

    arch: Architecture
    outputs: int
    form: Form = Form()

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        halvings(self.arch, self.form)
        act, dtype, init = _means(self.arch, self.form)
        kernel = kernel_size(self.arch, self.form)
        h = self.arch.centre(x) if self.form.centred else x / self.arch.x_scale
        for i, channels in enumerate(self.arch.layers(HIDDEN)):
            stride = self.form.first_stride if i == 0 else 2
            h = Conv(channels, kernel, stride, init, dtype, self.arch.spectral)(h, train=train)
            h = normed(h, act, self.arch, train, decay=self.form.decay)
        last = dense(self.outputs, init, dtype, train, spectral=self.arch.spectral)
        return last(h.reshape(h.shape[0], -1))


class Decoder(nn.Module):
    """`[b z_dim]` to `[b h w c]`: a dense layer, then doublings up to the image's size.

    The dense layer has no batch norm; the last layer keeps the size, but in a mirrored form.
    """

    arch: Architecture
    form: Form = Form()

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        doublings = halvings(self.arch, self.form)
        act, dtype, init = _means(self.arch, self.form)
        kernel = kernel_size(self.arch, self.form)
        first, *rest = self.arch.layers(HIDDEN)[::-1]
        start = squares.start(self.arch, doublings)
        h = nn.Dense(start * start * first, dtype=dtype, kernel_init=init)(z)
        h = (h if self.form.starts_linear else act(h)).reshape(-1, start, start, first)
        for channels in rest[:doublings]:
            h = ConvTranspose(channels, kernel, 2, init, dtype, self.arch.spectral)(h, train=train)
            h = normed(h, act, self.arch, train, decay=self.form.decay)
        stride = 2 if self.form.mirrored else 1
        last = ConvTranspose(self.arch.x_shape[-1], kernel, stride, init, dtype, self.arch.spectral)
        y = last(h, train=train)
        return self.arch.into_range(y)


def _means(arch: Architecture, form: Form):
    """Activation, type of the arithmetic, and initial weights."""
    return ACTIVATIONS[arch.activation], jnp.dtype(arch.dtype), arch.initial(form.law(arch.gain))
