"""k-means: where a mixture starts."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

BLOCK_ENTRIES = 2**20


def in_blocks(
    z: Float[Array, "n d"], columns: int
) -> tuple[Float[Array, "blocks b d"], Float[Array, "blocks b"]]:
    """Points as blocks of equal size, and 1 for every point, 0 for the filling of the last block.

    Args:
      z: points.
      columns: of the tables that are made of a block, b rows each: they have about a million entries.
    """
    n, d = z.shape
    block = max(1, min(n, BLOCK_ENTRIES // max(columns, d)))
    count = -(-n // block)
    block = -(-n // count)
    filled = jnp.pad(z, ((0, count * block - n), (0, 0)))
    present = (jnp.arange(count * block) < n).astype(z.dtype)
    return filled.reshape(count, block, d), present.reshape(count, block)


def seed(key: jax.Array, z: Float[Array, "n d"], clusters: int) -> Float[Array, "k d"]:
    """Centres chosen among the points, by the greedy k-means++ of [arthur2007].

    Each is the best of 2 + ln k points drawn in proportion to the squared distance from the centres
    before it.
    """
    trials = 2 + int(math.log(clusters))
    first, key = jax.random.split(key)
    centre = z[jax.random.randint(first, (), 0, len(z))]
    nearest = jnp.sum((z - centre[None]) ** 2, axis=1)

    def one(nearest, key):
        upto = jnp.cumsum(nearest)
        drawn = jnp.searchsorted(upto, jax.random.uniform(key, (trials,)) * upto[-1], side="right")
        candidates = z[jnp.minimum(drawn, len(z) - 1)]
        closer = jax.lax.map(lambda c: jnp.minimum(nearest, jnp.sum((z - c[None]) ** 2, axis=1)), candidates)
        best = jnp.argmin(jnp.sum(closer, axis=1))
        return closer[best], candidates[best]

    _, rest = jax.lax.scan(one, nearest, jax.random.split(key, clusters - 1))
    return jnp.concatenate([centre[None], rest])


def assign(points: Float[Array, "b d"], centres: Float[Array, "k d"]) -> Float[Array, "k b"]:
    """1 where a centre is a point's nearest, 0 elsewhere."""
    products = jnp.matmul(centres, points.T, precision="highest")
    nearest = jnp.argmax(products - 0.5 * jnp.sum(centres**2, axis=1)[:, None], axis=0)
    return jax.nn.one_hot(nearest, len(centres), axis=0, dtype=points.dtype)


def improve(
    z: Float[Array, "n d"], centres: Float[Array, "k d"], *, iterations: int = 100, tolerance: float = 1e-4
) -> Float[Array, "k d"]:
    """Lloyd's steps from given centres; a centre that no point is nearest to stays where it is.

    Args:
      z: points.
      centres: to begin with.
      iterations: at most so many.
      tolerance: it ends where the centres moved by less than this share of the mean variance of a
        coordinate, as a sum of squares.
    """
    blocks = in_blocks(z, len(centres))
    limit = tolerance * jnp.mean(jnp.var(z, axis=0))

    def total(centres, sums, block):
        points, present = block
        nearest = assign(points, centres) * present[None]
        added = jnp.sum(nearest, axis=1), jnp.matmul(nearest, points, precision="highest")
        return jax.tree.map(jnp.add, sums, added)

    def step(state):
        centres, _, i = state
        zeros = jnp.zeros(len(centres), z.dtype), jnp.zeros_like(centres)
        (counts, sums), _ = jax.lax.scan(lambda s, block: (total(centres, s, block), None), zeros, blocks)
        means = sums / jnp.maximum(counts, 1.0)[:, None]
        moved = jnp.where(counts[:, None] > 0, means, centres)
        return moved, jnp.sum((moved - centres) ** 2), i + 1

    def goes_on(state):
        return (state[1] > limit) & (state[2] < iterations)

    return jax.lax.while_loop(goes_on, step, (centres, jnp.inf, 0))[0]
