"""Squared distances between large sets a tile at a time, and the exact ones of chosen pairs.

A tile, some rows by some columns, is one float32 matrix product on the local devices, its rows
spread over them. What float32 cannot tell is told on the host by differences in float64.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array, Float, Int, Num

# Points of a tile on each device, and numbers in one of its sides as float32.
TILE_ROWS, TILE_COLUMNS, SIDE_VALUES = 1024, 8192, 2**24
# Numbers a step in float64 works on: more leave the cache, three times slower.
EXACT_VALUES = 2**16
# Points that the common centre is the mean of.
CENTRE_POINTS = 1024
AXIS = "rows"
SPREAD, WHOLE = PartitionSpec(AXIS), PartitionSpec()


def rows_of(**sets: Num[Array, "n ..."]) -> list[np.ndarray]:
    """The sets as matrices of one width, one row an example, uint8 or float32.

    Bytes stay bytes, and nothing is copied that is float32 already; float64 is rounded, as jax does.

    Raises:
      ValueError: a set without rows, rows of different shapes, or values whose squares are not finite.
    """
    arrays = {name: np.asarray(values) for name, values in sets.items()}
    shapes = ", ".join(f"{name} {array.shape}" for name, array in arrays.items())
    if any(array.ndim < 2 or 0 in array.shape for array in arrays.values()):
        raise ValueError(
            f"each set must have rows of numbers, but the shapes are {shapes}; pass [n, d] or images"
        )
    if len({array.shape[1:] for array in arrays.values()}) > 1:
        raise ValueError(
            f"all rows must have one shape, but the shapes are {shapes}; bring them into one space"
        )
    return [_matrix(name, array) for name, array in arrays.items()]


def _matrix(name, array):
    if array.dtype == np.uint8:
        return array.reshape(len(array), -1)
    with np.errstate(over="ignore"):
        matrix = array.reshape(len(array), -1).astype(np.float32, copy=False)
        # Row by row: a mask of all values would be a quarter of the set.
        wrong = sum(int(np.sum(~np.isfinite(row * row))) for row in matrix)
    if wrong:
        raise ValueError(
            f"{name} must be finite, squared in float32 too, but {wrong} values are not; drop those rows"
        )
    return matrix


def centre_of(points: Num[np.ndarray, "m d"]) -> Float[np.ndarray, " d"]:
    """About the mean of the points: distances from there are small, and so is their rounding."""
    return np.mean(points[:: -(-len(points) // CENTRE_POINTS)], 0, np.float64).astype(np.float32)


def row_blocks(rows: Num[np.ndarray, "n d"], fill: float = 0) -> Iterator[tuple[int, np.ndarray]]:
    """First row and rows of each block, the last one filled up, for all local devices."""
    devices = _mesh().size
    per_device = _size(TILE_ROWS, -(-len(rows) // devices), rows.shape[1])
    return _blocks(rows, per_device * devices, fill)


def column_blocks(columns: Num[np.ndarray, "m d"], fill: float = 0) -> Iterator[tuple[int, np.ndarray]]:
    """First column and columns of each block, the last one filled up."""
    return _blocks(columns, _size(TILE_COLUMNS, *columns.shape), fill)


def _size(most, n, width):
    fits = max(1, min(most, SIDE_VALUES // width))
    return -(-n // -(-n // fits))  # as many blocks as needed, all of about one size


def _blocks(array, size, fill):
    for start in range(0, len(array), size):
        yield start, filled(array[start : start + size], size, fill)


def filled(block: Num[np.ndarray, "b ..."], size: int, value: float) -> np.ndarray:
    """The block with rows of ``value`` at its end, ``size`` in all."""
    missing = size - len(block)
    if not missing:
        return block
    return np.concatenate([block, np.full((missing, *block.shape[1:]), value, block.dtype)])


@functools.cache
def _mesh():
    return Mesh(np.asarray(jax.local_devices()), (AXIS,))


def spread(block: Num[np.ndarray, "b ..."]) -> Array:
    """The block on the local devices, an equal share of its rows on each."""
    return jax.device_put(block, NamedSharding(_mesh(), SPREAD))


def evenly(n: int) -> int:
    """The least number from `n` on that the local devices share evenly."""
    return -(-n // _mesh().size) * _mesh().size


def over_rows(takes: tuple[PartitionSpec, ...]):
    """Decorator: run a function of a tile on each device's rows; results come back row by row.

    Args:
      takes: for each argument, whether its rows are spread or all devices have the whole.
    """

    def decorate(function: Callable) -> Callable:
        @functools.cache
        def program(mesh):
            return jax.jit(jax.shard_map(function, mesh=mesh, in_specs=takes, out_specs=SPREAD))

        return functools.wraps(function)(lambda *arguments: program(_mesh())(*arguments))

    return decorate


def tile(
    rows: Num[Array, "b d"], columns: Num[Array, "c d"], centre: Float[Array, " d"]
) -> tuple[Float[Array, "b c"], Float[Array, "b c"]]:
    """Squared distances in float32, and what each of them may be wrong by.

    The matrix product and its norms round to (d + 6)·2^-24·(|x − c| + |y − c|)² at most, centring
    the points and squaring a radius to a few more.
    """
    x, y = (side.astype(jnp.float32) - centre[None, :] for side in (rows, columns))
    of_x, of_y = jnp.sum(x * x, 1), jnp.sum(y * y, 1)
    # HIGHEST: the default is TF32 on a GPU and bfloat16 on a TPU, three digits.
    product = jnp.matmul(x, y.T, precision=jax.lax.Precision.HIGHEST)
    r2 = jnp.maximum(of_x[:, None] + of_y[None, :] - 2.0 * product, 0.0)
    sizes = jnp.sqrt(of_x)[:, None] + jnp.sqrt(of_y)[None, :]
    return r2, (x.shape[1] + 16) * 2.0**-24 * sizes * sizes


def exact_squares(
    rows: Num[np.ndarray, "n d"],
    columns: Num[np.ndarray, "m d"],
    pairs: tuple[Int[np.ndarray, " p"], Int[np.ndarray, " p"]],
) -> Float[np.ndarray, " p"]:
    """Squared distances of chosen pairs, from differences in float64.

    The same number for a pair whichever of its two points comes first, and 0 for equal points.
    """
    of_rows, of_columns = pairs
    step = max(1, EXACT_VALUES // rows.shape[1])
    squares = np.empty(len(of_rows))
    for start in range(0, len(squares), step):
        part = slice(start, start + step)
        difference = rows[of_rows[part]].astype(np.float64)
        difference -= columns[of_columns[part]]
        squares[part] = np.sum(np.square(difference, out=difference), 1)
    return squares
