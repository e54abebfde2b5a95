"""Sums of a kernel over all pairs of points, in fixed memory, with their derivatives.

Small sets are summed at once and differentiated by jax. Larger ones are cut into blocks, and the
sum and its slopes are taken tile by tile, a tile the pairs of two blocks: autodiff would keep all
n² kernel values for the way back. With W the slope of the kernel at the squared distances of a
tile,

    ∂/∂x_i Σ_ij k(‖x_i − y_j‖²) = 2·(x_i·Σ_j W_ij − Σ_j W_ij·y_j),

two products of W with the points, centred at their mean. Their rounding is that of moving each
point by a few units in the last place of its distance from that centre.
"""

import functools
import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero
from jaxtyping import Array, Float

from coulomb_jax.mmd.pairwise import (
    DIFFERENCE_DIMS,
    by_differences,
    distinct_pairs,
    products,
    some_are_near,
    squared_distances,
)
from coulomb_jax.mmd.points import zeros_for
from coulomb_jax.mmd.radial import Kernel

# Up to this many pairs a dense sum and its autodiff are as fast as a tile.
DENSE_PAIRS = 256 * 256
# Most points in a block: on a CPU larger tiles leave the cache, a GPU wants more work at once.
CPU_BLOCK, ACCELERATOR_BLOCK = 2048, 4096


def sum_between(
    x: Float[Array, "n d"], y: Float[Array, "m d"], kernel: Kernel, block_size: int | None = None
) -> Float[Array, ""]:
    """Σ_ij k(‖x_i − y_j‖²) over all pairs of a point of x and a point of y.

    Args:
        x: n points of d coordinates, float32 or float64.
        y: m points of d coordinates.
        kernel: a function of squared distances.
        block_size: most points in a block; None chooses, and sums small sets at once.
    """
    dtype = jnp.promote_types(x.dtype, y.dtype)
    x, y = x.astype(dtype), y.astype(dtype)
    pairs = x.shape[0] * y.shape[0]
    if not pairs:  # an empty set has no mean to centre at
        return jnp.zeros((), x.dtype)
    if block_size is None and pairs <= DENSE_PAIRS:
        return jnp.sum(jnp.sum(kernel(squared_distances(x, y)), -1))
    parts = itertools.product(_even_parts(x, block_size), _even_parts(y, block_size))
    total = jnp.zeros((), x.dtype)
    for (part_x, rows), (part_y, columns) in parts:
        total += _tiles(kernel, part_x, rows, part_y, columns, distinct=False)
    return total


def sum_distinct(x: Float[Array, "n d"], kernel: Kernel, block_size: int | None = None) -> Float[Array, ""]:
    """Σ_{i<j} k(‖x_i − x_j‖²) over the distinct pairs of one set, the diagonal left out.

    Args:
        x: n points of d coordinates, float32 or float64.
        kernel: a function of squared distances.
        block_size: as for `sum_between`.
    """
    n, limit = x.shape[0], _limit(block_size)
    many_dims = x.shape[1] > DIFFERENCE_DIMS  # else a dense sum is as fast, and its slopes are exact
    if block_size is None and jax.default_backend() == "cpu" and (many_dims or n > limit):
        # Half of a block's pairs with itself is lost, and a pair of a small tile costs more: least near 8·√n.
        limit = min(limit, max(128, math.isqrt(64 * n)))
    if n <= limit:
        return _dense_distinct(kernel, x)
    (even, block), *rest = _even_parts(x, limit)
    total = _tiles(kernel, even, block, even, block, distinct=True)
    for points, _ in rest:
        total += sum_between(points, even, kernel, block_size) + sum_distinct(points, kernel, block_size)
    return total


def _limit(block_size):
    if block_size is not None:
        return block_size
    return CPU_BLOCK if jax.default_backend() == "cpu" else ACCELERATOR_BLOCK


def _even_parts(points, block_size):
    """The points in as few equal blocks as the limit allows, then those left over, if any."""
    n = points.shape[0]
    count = -(-n // _limit(block_size))
    block = n // count
    parts = [(points[: count * block], block), (points[count * block :], n - count * block)]
    return parts if parts[1][1] else parts[:1]


def _dense_distinct(kernel, x):
    zero = jnp.zeros((), x.dtype)
    if x.shape[0] < 2:
        return zero
    return sum((jnp.sum(jnp.sum(kernel(part), -1)) for part in distinct_pairs(x)), zero)


class _Plan(NamedTuple):
    """What is known of a sum before any value."""

    function: Callable  # (parameters, r2) -> kernel values
    rows: int  # points in a block of x
    columns: int  # points in a block of y
    distinct: bool  # y is x, and each of its distinct pairs counts once


def _tiles(kernel, x, rows, y, columns, distinct):
    if isinstance(kernel, Kernel):
        leaves, structure = jax.tree.flatten(kernel)
        real = [jnp.issubdtype(jnp.result_type(leaf), jnp.floating) for leaf in leaves]
        parameters = [jnp.asarray(leaf, x.dtype) for leaf, is_real in zip(leaves, real) if is_real]

        def function(parameters, r2):
            given = iter(parameters)
            return structure.unflatten([next(given) if r else leaf for leaf, r in zip(leaves, real)])(r2)

    else:  # a plain function: what it closes over may be what is differentiated
        # In a shard_map what it closes over must vary as the points do (jax.lax.pcast); a Kernel's need not.
        zero = zeros_for((x, y), x.dtype)[0][0, 0]
        converted, parameters = jax.closure_convert(kernel, jnp.broadcast_to(zero, (rows, columns)))

        def function(parameters, r2):
            return converted(r2, *parameters)

    return _tiled(_Plan(function, rows, columns, distinct), parameters, x, y)


@functools.partial(jax.custom_jvp, nondiff_argnums=(0,))
def _tiled(plan, parameters, x, y):
    return _with_slopes(plan, parameters, x, y, (False, False, False))[0]


@functools.partial(_tiled.defjvp, symbolic_zeros=True)
def _(plan, primals, tangents):
    wanted = tuple(
        any(not isinstance(leaf, SymbolicZero) for leaf in jax.tree.leaves(part)) for part in tangents
    )
    total, slopes = _with_slopes(plan, *primals, wanted)
    change = jnp.zeros_like(total)
    for slope, tangent in zip(jax.tree.leaves(slopes), jax.tree.leaves(tangents)):
        if not isinstance(tangent, SymbolicZero):
            change += jnp.vdot(slope, tangent, precision=jax.lax.Precision.HIGHEST)
    return total, change


def _with_slopes(plan, parameters, x, y, wanted):
    """Return the sum and its slopes in the parameters, in x and in y: zeros where not wanted."""
    # Parameters alike on all devices of a shard_map would come back summed over them.
    parameters, x, y = jax.tree.map(jnp.add, (parameters, x, y), zeros_for((parameters, x, y), x.dtype))
    dim = x.shape[1]
    x_blocks, y_blocks = x.reshape(-1, plan.rows, dim), y.reshape(-1, plan.columns, dim)

    # The blocks of a tile are cut out one step ahead: XLA on a CPU fuses a slice into whatever reads
    # it, and then cuts again for every pair, three times slower. A loop's own state it must store.
    def add_tile(state, next_tile):
        slopes, (i, j), block_x, block_y = state
        total, changes = _tile(plan.function, parameters, block_x, block_y, wanted)
        return (_added(slopes, changes, i, j), *at(next_tile)), total

    def add_square(state, next_tile):
        slopes, (i, j), block, _ = state
        total, changes = _square(plan.function, parameters, block, wanted)
        return (_added(slopes, changes, i, j), *at(next_tile)), total

    def at(tile):
        return tile, x_blocks[tile[0]], y_blocks[tile[1]]

    def add(step, slopes, tiles):
        (slopes, *_), totals = jax.lax.scan(step, (slopes, *at(tiles[0])), jnp.roll(tiles, -1, 0))
        return jnp.sum(totals), slopes

    slopes = zeros_for((parameters, x_blocks, y_blocks), x.dtype)
    rows, columns = np.indices((len(x_blocks), len(y_blocks)))
    if plan.distinct:
        diagonal = np.stack([np.arange(len(x_blocks))] * 2, -1)
        within, slopes = add(add_square, slopes, jnp.asarray(diagonal))
        across, slopes = add(add_tile, slopes, jnp.asarray(np.argwhere(rows < columns)))
        total = within + across
    else:
        total, slopes = add(add_tile, slopes, jnp.asarray(np.argwhere(rows >= 0)))
    of_parameters, of_x, of_y = slopes
    return total, (of_parameters, of_x.reshape(x.shape), of_y.reshape(y.shape))


def _added(slopes, changes, i, j):
    """Add the slopes of tile (i, j), None where there are none."""
    of_parameters, of_x, of_y = slopes
    change_of_parameters, change_of_x, change_of_y = changes
    if change_of_parameters is not None:
        of_parameters = jax.tree.map(jnp.add, of_parameters, change_of_parameters)
    if change_of_x is not None:
        of_x = of_x.at[i].add(change_of_x)
    if change_of_y is not None:
        of_y = of_y.at[j].add(change_of_y)
    return of_parameters, of_x, of_y


def _tile(function, parameters, x, y, wanted, apart=True):
    """Return the sum over all pairs of two blocks, and its slopes; near pairs are sought where ``apart``."""
    if x.shape[1] <= DIFFERENCE_DIMS:
        return _tile_at(squared_distances(x, y), function, parameters, x, y, wanted)
    # All of a tile is in both branches: distances that a branch gave back would be stored and read again.
    _, _, norms, twice = products(x, y)
    twice = jnp.where(apart, twice, 0.0)
    return jax.lax.cond(
        some_are_near(norms, twice),
        lambda: _tile_at(by_differences(x, y), function, parameters, x, y, wanted),
        lambda: _tile_at(jnp.maximum(norms - twice, 0.0), function, parameters, x, y, wanted),
    )


def _tile_at(r2, function, parameters, x, y, wanted):
    """Return them from the squared distances."""
    if wanted[0]:
        values, pull = jax.vjp(function, parameters, r2)
    else:
        values, pull = jax.vjp(functools.partial(function, parameters), r2)
    total = jnp.sum(jnp.sum(values, -1))
    if not any(wanted):
        return total, (None, None, None)
    *of_parameters, slope = pull(jnp.ones_like(values))
    # Kept for both products: XLA would otherwise evaluate it again for each.
    slope = jax.lax.optimization_barrier(slope)
    centre = jax.lax.stop_gradient((jnp.mean(x, 0) + jnp.mean(y, 0)) / 2)
    x, y = x - centre[None, :], y - centre[None, :]
    of_x = of_y = None
    if wanted[1]:
        pulls = _product("ij,jk->ik", slope, _with_ones(y))
        of_x = 2.0 * (x * pulls[:, -1:] - pulls[:, :-1])
    if wanted[2]:
        # XLA would turn a transposed product into one by slope.T, four times slower on a CPU.
        pulls = jax.lax.optimization_barrier(_product("ik,ij->kj", _with_ones(x), slope)).T
        of_y = 2.0 * (y * pulls[:, -1:] - pulls[:, :-1])
    return total, (of_parameters[0] if of_parameters else None, of_x, of_y)


def _square(function, parameters, x, wanted):
    """Return the sum over the distinct pairs of one block, and its slopes.

    It is half of that over all pairs. A point and itself are put at distance 1 and then left out.
    """
    own = jnp.eye(x.shape[0], dtype=bool)

    def distinct(parameters, r2):
        return jnp.where(own, 0.0, function(parameters, jnp.where(own, 1.0, r2)))

    total, (of_parameters, of_x, _) = _tile(distinct, parameters, x, x, (*wanted[:2], False), ~own)
    return total / 2, (jax.tree.map(lambda slope: slope / 2, of_parameters), of_x, None)


def _product(axes, a, b):
    return jnp.einsum(axes, a, b, precision=jax.lax.Precision.HIGHEST)


def _with_ones(points):
    return jnp.concatenate([points, jnp.ones((points.shape[0], 1), points.dtype)], 1)
