"""Fully connected nets for vectors and small images."""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from coulomb_jax.nets.architecture import ACTIVATIONS, Architecture

HIDDEN = (128, 128)
"""Two hidden layers of 128 neurons at each side, as [sansone2019] has on the grid."""


class Encoder(nn.Module):
    """`[b *x_shape]` to `[b outputs]`."""

    arch: Architecture
    outputs: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        h = x.reshape(x.shape[0], -1) / self.arch.x_scale
        return _dense(self.arch, self.arch.layers(HIDDEN), self.outputs, h)


class Decoder(nn.Module):
    """`[b z_dim]` to `[b *x_shape]`, the hidden layers those of the encoder backwards."""

    arch: Architecture

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        shape = self.arch.x_shape
        y = _dense(self.arch, self.arch.layers(HIDDEN)[::-1], math.prod(shape), z)
        return self.arch.into_range(y).reshape(-1, *shape)


def _dense(arch: Architecture, hidden: tuple[int, ...], outputs: int, h: jax.Array) -> jax.Array:
    init = nn.initializers.variance_scaling(arch.gain**2, "fan_in", "truncated_normal")
    for size in hidden:
        h = nn.Dense(size, kernel_init=init, dtype=jnp.dtype(arch.dtype))(h)
        h = ACTIVATIONS[arch.activation](h)
    return nn.Dense(outputs, kernel_init=init, dtype=jnp.dtype(arch.dtype))(h)
