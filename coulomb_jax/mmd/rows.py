"""Kernel matrices row by row: what needs every row of one, but never the whole."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coulomb_jax.mmd.pairwise import squared_distances
from coulomb_jax.mmd.radial import Kernel

# Kernel values held at once.
VALUES_AT_ONCE = 2**22


def over_rows(function, rows, columns: int):
    """Apply ``function`` to blocks of rows, so that a block by all columns stays small.

    Args:
        function: (block of rows) -> a pytree of results, one a row.
        rows: a pytree of arrays with n rows each.
        columns: the number of columns a row meets.

    Returns:
        The results of all n rows. The last block is filled up with rows of zeros, whose results
        are dropped.
    """
    n = jax.tree.leaves(rows)[0].shape[0]
    block = max(1, min(n, VALUES_AT_ONCE // columns))

    def cut(array):
        filled = jnp.pad(array, [(0, -n % block)] + [(0, 0)] * (array.ndim - 1))
        return filled.reshape(-1, block, *array.shape[1:])

    results = jax.lax.map(jax.checkpoint(function), jax.tree.map(cut, rows))
    return jax.tree.map(lambda result: result.reshape(-1, *result.shape[2:])[:n], results)


def mean_over_columns(x: Float[Array, "n d"], y: Float[Array, "m d"], kernel: Kernel) -> Float[Array, "n"]:
    """mean_j k(x_i, y_j) for every i."""
    return over_rows(lambda block: jnp.mean(kernel(squared_distances(block, y)), -1), x, y.shape[0])
