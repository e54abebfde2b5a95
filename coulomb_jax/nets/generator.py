"""The prior generator of FlexAE [mondal2021]: noise to codes."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from coulomb_jax.nets.architecture import Architecture


class Generator(nn.Module):
    """`[b noise_dim]` to codes `[b z_dim]`: rectified dense layers, then a linear one.

    Attributes:
      hidden: neurons of each layer.
    """

    arch: Architecture
    hidden: tuple[int, ...]

    @nn.compact
    def __call__(self, noise: jax.Array, *, train: bool) -> jax.Array:
        init, dtype = nn.initializers.glorot_normal(), jnp.dtype(self.arch.dtype)
        for size in self.hidden:
            noise = jax.nn.relu(nn.Dense(size, dtype=dtype, kernel_init=init)(noise))
        return nn.Dense(self.arch.z_dim, dtype=dtype, kernel_init=init)(noise)
