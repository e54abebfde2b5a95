"""The nets of the two-stage VAE [dai2019]: two convolutions and a wide dense layer, as in InfoGAN."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp

from coulomb_jax.nets import laws, squares
from coulomb_jax.nets.architecture import ACTIVATIONS, Architecture
from coulomb_jax.nets.convolution import Conv, ConvTranspose
from coulomb_jax.nets.norms import dense, normed

HIDDEN = (64, 128, 1024)
"""Channels of the encoder's convolutions, and neurons of its dense layer, the last."""

KERNEL = 4
LAW = laws.deviation(0.02)
SLOPE = 0.2
"""Of the encoder's leaky rectifier."""


def leaky(arch: Architecture) -> Callable:
    """The encoder's activation, whatever the architecture's."""
    return partial(jax.nn.leaky_relu, negative_slope=SLOPE)


@dataclass(frozen=True)
class Form:
    """What other papers' nets of this kind differ in.

    Attributes:
      spectral: whether every weight of the encoder is under spectral norm, whatever the architecture says.
      activation: of the encoder, for an architecture.
      last_kernel: of a convolution that ends the decoder at the image's size; 0 ends it with a doubling.
      decay: of the running statistics of batch norm.
      epsilon: added to its variances.
      law: the initial weights' for a gain.
      back: theirs in the decoder but for its last layer.
    """

    spectral: bool = True
    activation: Callable[[Architecture], Callable] = leaky
    last_kernel: int = 0
    decay: float = 0.999
    epsilon: float = 1e-5
    law: laws.Law = LAW
    back: laws.Law = LAW

    def normed(self, h: jax.Array, act: Callable, arch: Architecture, train: bool) -> jax.Array:
        """A layer's batch norm and activation."""
        return normed(h, act, arch, train, decay=self.decay, epsilon=self.epsilon)


class Encoder(nn.Module):
    """`[b h w c]` to `[b outputs]`: no batch norm in the first layer."""

    arch: Architecture
    outputs: int
    form: Form = Form()

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        *convolutions, neurons = squares.with_dense(self.arch, HIDDEN)
        squares.start(self.arch, len(convolutions))
        dtype, init = jnp.dtype(self.arch.dtype), self.arch.initial(self.form.law(self.arch.gain))
        act, spectral = self.form.activation(self.arch), self.form.spectral or self.arch.spectral
        h = x / self.arch.x_scale
        for i, channels in enumerate(convolutions):
            h = Conv(channels, KERNEL, 2, init, dtype, spectral)(h, train=train)
            h = act(h) if i == 0 else self.form.normed(h, act, self.arch, train)
        h = dense(neurons, init, dtype, train, spectral=spectral)(h.reshape(h.shape[0], -1))
        h = self.form.normed(h, act, self.arch, train)
        return dense(self.outputs, init, dtype, train, spectral=spectral)(h)


class Decoder(nn.Module):
    """`[b z_dim]` to `[b h w c]`: two dense layers, then a doubling for each convolution of the encoder."""

    arch: Architecture
    form: Form = Form()

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        *convolutions, neurons = squares.with_dense(self.arch, HIDDEN)
        start = squares.start(self.arch, len(convolutions))
        dtype, gain, spectral = jnp.dtype(self.arch.dtype), self.arch.gain, self.arch.spectral
        init, last_init = (self.arch.initial(law(gain)) for law in (self.form.back, self.form.law))
        act = ACTIVATIONS[self.arch.activation]
        first, *rest = convolutions[::-1]
        h = z
        for i, size in enumerate((neurons, start * start * first)):
            h = dense(size, init, dtype, train, spectral=spectral and i > 0)(h)
            h = self.form.normed(h, act, self.arch, train)
        h = h.reshape(-1, start, start, first)
        for channels in (first, *rest) if self.form.last_kernel else rest:
            h = ConvTranspose(channels, KERNEL, 2, init, dtype, spectral)(h, train=train)
            h = self.form.normed(h, act, self.arch, train)
        pixels = self.arch.x_shape[-1]
        if self.form.last_kernel:
            last = Conv(pixels, self.form.last_kernel, 1, last_init, dtype, spectral)
        else:
            last = ConvTranspose(pixels, KERNEL, 2, last_init, dtype, spectral)
        return self.arch.into_range(last(h, train=train))
