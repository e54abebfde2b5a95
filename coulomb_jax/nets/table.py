"""Nets that take nothing: an array of learned examples."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from coulomb_jax.nets.architecture import Architecture


class Table(nn.Module):
    """Learned examples `[rows *x_shape]` of the data's kind, as the pseudo-inputs of [tomczak2018].

    They are kept within the data's range by a clip that their gradient passes unchanged: at the published
    start, just below the range's lower end, the gradient of the clip itself is 0 and nothing would move.

    Attributes:
      rows: how many.
      mean: of the initial values, in units of the range (0 its lower end, 1 its upper one), or of
        `x_scale` where the data have no range.
      deviation: theirs, in the same units.
    """

    arch: Architecture
    rows: int
    mean: float
    deviation: float

    @nn.compact
    def __call__(self, *, train: bool) -> jax.Array:
        init = nn.initializers.normal(self.deviation)
        table = self.mean + self.param("table", init, (self.rows, *self.arch.x_shape))
        if self.arch.x_range is None:
            return self.arch.x_scale * table
        low, high = self.arch.x_range
        within = table + jax.lax.stop_gradient(jnp.clip(table, 0.0, 1.0) - table)
        return low + (high - low) * within
