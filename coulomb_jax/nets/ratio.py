"""The density-ratio net of the implicit optimal prior [takahashi2019]."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from coulomb_jax.nets.architecture import Architecture


class Ratio(nn.Module):
    """`[b z_dim]` to the logarithm of a ratio of densities, `[b]`: tanh layers, then a linear one.

    Attributes:
      hidden: neurons of each layer.
    """

    arch: Architecture
    hidden: tuple[int, ...]

    @nn.compact
    def __call__(self, z: jax.Array, keep: jax.Array | None = None, *, train: bool) -> jax.Array:
        """The log-ratio, with the factors `keep` `[b hidden[-1]]` on the last layer: 0 drops a neuron.

        Dropout comes in as an array so that its noise is the caller's, who knows the global batch.
        """
        dtype = jnp.dtype(self.arch.dtype)
        for size in self.hidden:
            z = jnp.tanh(nn.Dense(size, dtype=dtype)(z))
        return nn.Dense(1, dtype=dtype)(z if keep is None else z * keep.astype(dtype))[:, 0]
