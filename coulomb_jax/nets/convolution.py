"""Convolutions with "SAME" padding and their transposes, each the gradient of the other.

Left to themselves, both gradients of a transposed convolution and the one in the input of a strided
convolution are convolutions of dilated arrays, which XLA runs up to a hundred times slower on a CPU.
They have reverse-mode derivatives of any order, and no forward mode.
"""

from __future__ import annotations

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coulomb_jax.nets.norms import spectral

AXES = ("NHWC", "HWIO", "NHWC")
SWAPPED = ("NHWC", "HWOI", "NHWC")


class Conv(nn.Module):
    """A strided convolution plus a bias: `[b H W i]` to `[b H/stride W/stride channels]`, rounded up.

    Attributes:
      channels: of the output.
      kernel: side of the square kernel, at least the stride.
      stride: the factor by which height and width shrink.
      spectral: whether the weight is under spectral norm, which `train` is for.
    """

    channels: int
    kernel: int
    stride: int
    kernel_init: nn.initializers.Initializer
    dtype: jnp.dtype
    spectral: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        shape = (self.kernel, self.kernel, x.shape[-1], self.channels)
        weight = self.param("kernel", self.kernel_init, shape)
        if self.spectral:
            weight = spectral(self, weight, train)
        bias = self.param("bias", nn.initializers.zeros, (self.channels,))
        y = down(x.astype(self.dtype), weight.astype(self.dtype), self.stride)
        return y + bias.astype(self.dtype)[None, None, None]


class ConvTranspose(nn.Module):
    """The linear transpose of a `Conv`, plus a bias: `[b h w i]` to `[b stride*h stride*w channels]`.

    Attributes:
      channels: of the output.
      kernel: side of the square kernel, at least the stride.
      stride: the factor by which height and width grow.
      spectral: whether the weight is under spectral norm, which `train` is for.
    """

    channels: int
    kernel: int
    stride: int
    kernel_init: nn.initializers.Initializer
    dtype: jnp.dtype
    spectral: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool = False) -> jax.Array:
        shape = (self.kernel, self.kernel, self.channels, x.shape[-1])
        weight = self.param("kernel", self.kernel_init, shape)
        if self.spectral:
            weight = spectral(self, weight, train)
        bias = self.param("bias", nn.initializers.zeros, (self.channels,))
        sides = (x.shape[1] * self.stride, x.shape[2] * self.stride)
        y = up(x.astype(self.dtype), weight.astype(self.dtype), self.stride, sides)
        return y + bias.astype(self.dtype)[None, None, None]


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def down(y: Float[Array, "b H W o"], weight: Float[Array, "k k o i"], stride: int) -> Float[Array, "b h w i"]:
    """The convolution of stride `stride`."""
    return _convolve(y, weight, stride)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def up(
    x: Float[Array, "b h w i"], weight: Float[Array, "k k o i"], stride: int, sides: tuple[int, int]
) -> Float[Array, "b H W o"]:
    """The transpose of `down` of images of `sides` (H, W) pixels.

    On a CPU as `stride` squared small convolutions, whose outputs are interleaved; elsewhere as one of the
    dilated input, which the libraries of accelerators know as the transpose of a convolution.
    """
    return jax.lax.platform_dependent(
        x,
        weight,
        cpu=partial(by_phases, stride=stride, sides=sides),
        default=partial(by_dilation, stride=stride, sides=sides),
    )


def by_dilation(x: Array, weight: Array, *, stride: int, sides: tuple[int, int]) -> Array:
    """`up` as the transpose that XLA derives."""
    y = jax.ShapeDtypeStruct((x.shape[0], *sides, weight.shape[2]), x.dtype)
    return jax.linear_transpose(lambda y: _convolve(y, weight, stride), y)(x)[0]


def by_phases(x: Array, weight: Array, *, stride: int, sides: tuple[int, int]) -> Array:
    """`up` by the taps of the kernel that reach each of the phases of the output's grid."""
    kernel = weight.shape[:2]
    pads = jax.lax.padtype_to_pads(sides, kernel, (stride, stride), "SAME")
    (above, _), (left, _) = pads

    def phase(i: int, j: int) -> Array:
        taps = weight[(above + i) % stride :: stride, (left + j) % stride :: stride][::-1, ::-1]
        after = ((above + i) // stride, (left + j) // stride)
        around = [(n - 1 - last, last) for n, last in zip(taps.shape[:2], after)]
        return jax.lax.conv_general_dilated(x, taps, (1, 1), around, dimension_numbers=SWAPPED)

    rows = [jnp.stack([phase(i, j) for j in range(stride)], 3) for i in range(stride)]
    b, h, w, _ = x.shape
    y = jnp.stack(rows, 2).reshape(b, h * stride, w * stride, weight.shape[2])
    return y[:, : sides[0], : sides[1]]


def _convolve(y: Array, weight: Array, stride: int) -> Array:
    return jax.lax.conv_general_dilated(y, weight, (stride, stride), "SAME", dimension_numbers=AXES)


def _of_weight(y: Array, weight: Array, x: Array, stride: int) -> Array:
    """The gradient in the weight of <x, down(y)>, which is that of <up(x), y>."""
    return jax.linear_transpose(lambda w: _convolve(y, w, stride), weight)(x)[0]


def _down_forward(y, weight, stride):
    return down(y, weight, stride), (y, weight)


def _down_backward(stride, saved, g):
    y, weight = saved
    return up(g, weight, stride, y.shape[1:3]), _of_weight(y, weight, g, stride)


def _up_forward(x, weight, stride, sides):
    return up(x, weight, stride, sides), (x, weight)


def _up_backward(stride, sides, saved, g):
    x, weight = saved
    return down(g, weight, stride), _of_weight(g, weight, x, stride)


down.defvjp(_down_forward, _down_backward)
up.defvjp(_up_forward, _up_backward)
