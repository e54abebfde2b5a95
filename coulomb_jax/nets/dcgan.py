"""Convolutional nets of [tolstikhin2018]: strided convolutions down, transposed ones up."""

from __future__ import annotations

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coulomb_jax.nets.architecture import ACTIVATIONS, Architecture
from coulomb_jax.nets.bound import AXIS

HIDDEN = (128, 256, 512, 1024)
"""Channels of the encoder's layers in the published nets."""

LARGEST_START = 8
"""The decoder begins at the first halving of the image that is no larger: 8 of 64, 7 of 28."""


def kernel_size(side: int) -> int:
    """5 for images of 64 pixels and more, 4 below: the published CelebA and MNIST nets."""
    return 5 if side >= 64 else 4


def halvings(side: int) -> int:
    """How often an image of `side` pixels is halved until the decoder may begin."""
    times = 0
    while side > LARGEST_START:
        side, times = side // 2, times + 1
    return times


class Encoder(nn.Module):
    """`[b h w c]` to `[b outputs]`: a convolution of stride 2, batch norm, activation a layer."""

    arch: Architecture
    outputs: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        side, act = _side(self.arch), ACTIVATIONS[self.arch.activation]
        dtype, init = jnp.dtype(self.arch.dtype), _normal(self.arch)
        h = x / self.arch.x_scale
        for channels in self.arch.layers(HIDDEN):
            kernel = (kernel_size(side), kernel_size(side))
            h = nn.Conv(channels, kernel, (2, 2), dtype=dtype, kernel_init=init)(h)
            h = act(_norm(dtype, train)(h))
        return nn.Dense(self.outputs, dtype=dtype, kernel_init=init)(h.reshape(h.shape[0], -1))


class Decoder(nn.Module):
    """`[b z_dim]` to `[b h w c]`: a dense layer, then doublings up to the image's size.

    The dense layer has an activation and no batch norm; the last layer keeps the size.
    """

    arch: Architecture

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        side, act = _side(self.arch), ACTIVATIONS[self.arch.activation]
        dtype, init = jnp.dtype(self.arch.dtype), _normal(self.arch)
        doublings = halvings(side)
        first, *rest = self.arch.layers(HIDDEN)[::-1]
        start = side // 2**doublings
        h = nn.Dense(start * start * first, dtype=dtype, kernel_init=init)(z)
        h = act(h).reshape(-1, start, start, first)
        for channels in rest[:doublings]:
            h = ConvTranspose(channels, kernel_size(side), 2, init, dtype)(h)
            h = act(_norm(dtype, train)(h))
        y = ConvTranspose(self.arch.x_shape[-1], kernel_size(side), 1, init, dtype)(h)
        return self.arch.into_range(y)


class ConvTranspose(nn.Module):
    """The linear transpose of a convolution with "SAME" padding, plus a bias.

    Attributes:
      channels: of the output.
      kernel: side of the square kernel.
      stride: the factor by which height and width grow.
    """

    channels: int
    kernel: int
    stride: int
    kernel_init: nn.initializers.Initializer
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.kernel, self.kernel, self.channels, x.shape[-1])
        weight = self.param("kernel", self.kernel_init, shape)
        bias = self.param("bias", nn.initializers.zeros, (self.channels,))
        y = _up(x.astype(self.dtype), weight.astype(self.dtype), self.stride)
        return y + bias.astype(self.dtype)[None, None, None]


def _down(y: Array, weight: Array, stride: int) -> Array:
    return jax.lax.conv_general_dilated(
        y, weight, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def _up(x: Float[Array, "b h w i"], weight: Float[Array, "k k o i"], stride: int) -> Float[Array, "b H W o"]:
    """Transpose of `_down`, with both gradients written as those of a convolution.

    Left to automatic differentiation, the gradient in the weight is a convolution of a dilated input,
    which XLA runs about a hundred times slower on a CPU.
    """
    b, h, w, _ = x.shape
    y = jax.ShapeDtypeStruct((b, h * stride, w * stride, weight.shape[2]), x.dtype)
    return jax.linear_transpose(lambda y: _down(y, weight, stride), y)(x)[0]


def _up_forward(x, weight, stride):
    return _up(x, weight, stride), (x, weight)


def _up_backward(stride, saved, g):
    x, weight = saved
    of_x, of_weight = jax.vjp(lambda w: _down(g, w, stride), weight)
    return of_x, of_weight(x)[0]


_up.defvjp(_up_forward, _up_backward)


def _norm(dtype: jnp.dtype, train: bool) -> nn.BatchNorm:
    """Batch norm over the global batch, decay 0.9 and epsilon 1e-5 as published."""
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=0.9,
        epsilon=1e-5,
        dtype=dtype,
        axis_name=AXIS if train else None,
    )


def _normal(arch: Architecture) -> nn.initializers.Initializer:
    return nn.initializers.normal(0.01 * arch.gain)


def _side(arch: Architecture) -> int:
    """The side of the square image; an error where the nets cannot halve it evenly."""
    if len(arch.x_shape) != 3 or arch.x_shape[0] != arch.x_shape[1]:
        raise ValueError(
            f"the dcgan nets take square images (h, w, c), not examples of shape {arch.x_shape}; "
            "use --config.arch.name=mlp"
        )
    side = arch.x_shape[0]
    if side % 2 ** halvings(side):
        raise ValueError(
            f"the dcgan nets halve the image {halvings(side)} times, which {side} pixels do not "
            "allow; resize the images or use --config.arch.name=mlp"
        )
    if halvings(side) >= len(arch.layers(HIDDEN)):
        raise ValueError(
            f"images of {side} pixels need at least {halvings(side) + 1} hidden layers, "
            f"not {len(arch.layers(HIDDEN))}; lengthen --config.arch.hidden"
        )
    return side
