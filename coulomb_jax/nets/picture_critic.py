"""The critic of FlexAE's smoothing [mondal2021], in the space of the data."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.convolution import Conv

CHANNELS, KERNEL, NEURONS = (64, 128), 4, 1024


class PictureCritic(nn.Module):
    """`[b *x_shape]` to one number an example, `[b]`: two convolutions that halve an image, a dense layer.

    It has no batch norm, as a gradient penalty is of one example at a time. Vectors go to the dense
    layer at once. Sizes are times the architecture's `width`.
    """

    arch: Architecture

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        init, dtype = nn.initializers.glorot_uniform(), jnp.dtype(self.arch.dtype)
        x = x / self.arch.x_scale
        *channels, neurons = (max(1, round(n * self.arch.width)) for n in (*CHANNELS, NEURONS))
        if x.ndim == 4:
            for size in channels:
                x = jax.nn.relu(Conv(size, KERNEL, 2, init, dtype)(x))
        x = x.reshape(x.shape[0], -1)
        x = jax.nn.relu(nn.Dense(neurons, dtype=dtype, kernel_init=init)(x))
        return nn.Dense(1, dtype=dtype, kernel_init=init)(x)[:, 0]
