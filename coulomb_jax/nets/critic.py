"""The adversary of [tolstikhin2018] in the space of codes."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.dcgan import LAW


class Critic(nn.Module):
    """`[b z_dim]` to one logit an example, `[b]`: rectified dense layers, then a linear one.

    Attributes:
      hidden: neurons of each layer.
      glorot: initial weights by the layers' sizes, as Wasserstein critics have them, in place of the small
        ones of [tolstikhin2018].
    """

    arch: Architecture
    hidden: tuple[int, ...]
    glorot: bool = False

    @nn.compact
    def __call__(self, z: jax.Array, *, train: bool) -> jax.Array:
        init = LAW(self.arch.gain)
        if self.glorot:
            init = nn.initializers.glorot_normal()
        dtype = jnp.dtype(self.arch.dtype)
        for size in self.hidden:
            z = jax.nn.relu(nn.Dense(size, dtype=dtype, kernel_init=init)(z))
        return nn.Dense(1, dtype=dtype, kernel_init=init)(z)[:, 0]
