"""The nets of the second stage of [dai2019]."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp


class Skip(nn.Module):
    """`[b i]` to `[b outputs]`: rectified dense layers, then a linear one that sees the input beside them.

    Attributes:
      hidden: neurons of each layer.
      outputs: numbers an example.
    """

    hidden: tuple[int, ...]
    outputs: int

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        init, h = nn.initializers.glorot_uniform(), x
        for size in self.hidden:
            h = jax.nn.relu(nn.Dense(size, kernel_init=init)(h))
        return nn.Dense(self.outputs, kernel_init=init)(jnp.concatenate([h, x], axis=1))
