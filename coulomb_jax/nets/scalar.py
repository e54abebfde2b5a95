"""A number that is learned."""

from __future__ import annotations

import flax.linen as nn
import jax


class Scalar(nn.Module):
    """Nothing to a number `[]`, 0 at the start."""

    @nn.compact
    def __call__(self, *, train: bool) -> jax.Array:
        return self.param("value", nn.initializers.zeros, ())
