"""Fully connected nets for vectors and small images."""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from coulomb_jax.nets import laws
from coulomb_jax.nets.architecture import ACTIVATIONS, Architecture
from coulomb_jax.nets.norms import dense

HIDDEN = (128, 128)
"""Two hidden layers of 128 neurons at each side, as [sansone2019] has on the grid."""


class Encoder(nn.Module):
    """`[b *x_shape]` to `[b outputs]`."""

    arch: Architecture
    outputs: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        h = x.reshape(x.shape[0], -1) / self.arch.x_scale
        return _layers(self.arch, self.arch.layers(HIDDEN), self.outputs, h, train, from_layer=0)


class Decoder(nn.Module):
    """`[b z_dim]` to `[b *x_shape]`, the hidden layers those of the encoder backwards."""

    arch: Architecture

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        shape = self.arch.x_shape
        sizes = self.arch.layers(HIDDEN)[::-1]
        y = _layers(self.arch, sizes, math.prod(shape), z, train, from_layer=1)
        return self.arch.into_range(y).reshape(-1, *shape)


def _layers(
    arch: Architecture,
    hidden: tuple[int, ...],
    outputs: int,
    h: jax.Array,
    train: bool,
    *,
    from_layer: int,
) -> jax.Array:
    """Dense layers and activations; where the architecture is spectral, so are they from one layer on."""
    init = arch.initial(laws.lecun_normal(arch.gain))
    dtype = jnp.dtype(arch.dtype)
    halves = 2 if arch.activation == "glu" else 1
    for i, size in enumerate((*(halves * size for size in hidden), outputs)):
        h = dense(size, init, dtype, train, spectral=arch.spectral and i >= from_layer)(h)
        if i < len(hidden):
            h = ACTIVATIONS[arch.activation](h)
    return h
