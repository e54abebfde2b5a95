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
        The results of all n rows.
    """
    n = jax.tree.leaves(rows)[0].shape[0]
    results = by_blocks(function, rows, columns)
    return jax.tree.map(lambda result: result.reshape(-1, *result.shape[2:])[:n], results)


def by_blocks(function, rows, columns: int):
    """Apply ``function`` to blocks of rows, the last filled up with rows of zeros.

    Args:
        function: (block of rows) -> a pytree of results of the block.
        rows: a pytree of arrays with n rows each.
        columns: the number of columns a row meets.

    Returns:
        The results of all blocks, stacked.
    """
    n = jax.tree.leaves(rows)[0].shape[0]
    block = max(1, min(n, VALUES_AT_ONCE // columns))
    if block == n:
        return jax.tree.map(lambda result: result[None], function(rows))

    def cut(array):
        filled = jnp.pad(array, [(0, -n % block)] + [(0, 0)] * (array.ndim - 1))
        return filled.reshape(-1, block, *array.shape[1:])

    def step(current, following):
        return following, jax.checkpoint(function)(current)

    # The block at hand is the loop's state: as a slice, XLA on a CPU would cut it out for every value.
    blocks = jax.tree.map(cut, rows)
    first = jax.tree.map(lambda array: array[0], blocks)
    following = jax.tree.map(lambda array: jnp.roll(array, -1, 0), blocks)
    _, results = jax.lax.scan(step, first, following)
    return results


def mean_over_columns(x: Float[Array, "n d"], y: Float[Array, "m d"], kernel: Kernel) -> Float[Array, "n"]:
    """mean_j k(x_i, y_j) for every i."""
    return over_rows(lambda block: jnp.mean(kernel(squared_distances(block, y)), -1), x, y.shape[0])
