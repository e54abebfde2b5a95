"""The learned mask of [mondal2020], which switches latent dimensions off."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from coulomb_jax.nets.architecture import Architecture

LARGEST = 5.0
"""Of the initial parameters, uniform from 0: masks from 0 to 0.993, four in five of them above 0.6."""


class Mask(nn.Module):
    """Takes nothing and gives a factor in [0, 1) for each latent dimension, 1 - exp(-|a|), `[z_dim]`.

    The authors set a negative `a` to 0 after each step. Its absolute value needs no such step, and a mask
    that came to 0 can grow again as theirs can.
    """

    arch: Architecture

    @nn.compact
    def __call__(self, *, train: bool) -> jax.Array:
        init = nn.initializers.uniform(LARGEST)
        return -jnp.expm1(-jnp.abs(self.param("a", init, (self.arch.z_dim,))))
