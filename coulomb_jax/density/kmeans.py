"""k-means clustering: k-means++ starts and Lloyd's iterations."""

from __future__ import annotations

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PRNGKeyArray

# Points from which a start is drawn, and by which the best of several is known.
START_POINTS = 3072
# Iterations end when one lowers the inertia by less than this share of it, or after so many.
TOLERANCE, ITERATIONS = 1e-4, 300


class KMeans(NamedTuple):
    """A clustering.

    Attributes:
      centres: means of the clusters' points.
      labels: of each point, its nearest centre.
      inertia: sum of the squared distances of the points to their centres.
    """

    centres: Float[Array, "k d"]
    labels: Int[Array, " n"]
    inertia: Float[Array, ""]


@functools.partial(jax.jit, static_argnames=("clusters", "starts"))
def k_means(key: PRNGKeyArray, points: Float[Array, "n d"], clusters: int, *, starts: int = 10) -> KMeans:
    """Cluster points by Lloyd's iterations over all of them, from the best of several starts.

    A start is k-means++ on a random subset of at most 3,072 points, and the best is that of least
    inertia there. Iterations end when one lowers the inertia by less than a ten-thousandth. The
    points should be centred: squares of large means cancel in float32.

    Args:
      key: random key.
      points: n points, floating; finite.
      clusters: k >= 1. Where fewer points are distinct, some clusters stay empty.
      starts: >= 1.

    Source: [arthur2007], [lloyd1982].
    """
    points = points.astype(jnp.promote_types(points.dtype, jnp.float32))
    for_subset, for_starts = jax.random.split(key)
    some = jax.random.permutation(for_subset, points)[:START_POINTS] if len(points) > START_POINTS else points

    def start(key):
        centres = _plus_plus(key, some, clusters)
        return centres, jnp.sum(nearest(some, centres)[1])

    centres, inertias = jax.lax.map(start, jax.random.split(for_starts, starts))
    return _lloyd(points, centres[jnp.argmin(inertias)])


def _plus_plus(key, points, clusters):
    """Points as centres, each drawn in proportion to its squared distance from those before it."""
    for_first, for_others = jax.random.split(key)
    norms = jnp.sum(points * points, 1)

    def from_centre(index):
        centre = points[index]
        r2 = norms + norms[index] - 2.0 * jnp.matmul(points, centre, precision=jax.lax.Precision.HIGHEST)
        return jnp.maximum(r2, 0.0).at[index].set(0.0)

    def draw(r2, key):
        index = jax.random.categorical(key, jnp.log(r2))
        return jnp.minimum(r2, from_centre(index)), index

    first = jax.random.randint(for_first, (), 0, len(points))
    _, others = jax.lax.scan(draw, from_centre(first), jax.random.split(for_others, clusters)[1:])
    return points[jnp.concatenate([first[None], others])]


def nearest(
    points: Float[Array, "n d"], centres: Float[Array, "k d"]
) -> tuple[Int[Array, " n"], Float[Array, " n"]]:
    """The nearest centre of each point, and its squared distance."""
    products = jnp.matmul(points, centres.T, precision=jax.lax.Precision.HIGHEST)
    r2 = jnp.sum(centres * centres, 1)[None, :] - 2.0 * products
    labels = jnp.argmin(r2, 1)
    return labels, jnp.maximum(jnp.min(r2, 1) + jnp.sum(points * points, 1), 0.0)


def _lloyd(points, centres):
    def unfinished(state):
        _, _, inertia, before, iteration = state
        # Of the first there is nothing before to compare with: inf − inertia is no more than inf.
        return (iteration == 0) | (before - inertia > TOLERANCE * before) & (iteration < ITERATIONS)

    def improve(state):
        centres, labels, inertia, _, iteration = state
        members = jax.nn.one_hot(labels, len(centres), axis=0, dtype=points.dtype)
        sizes = jnp.sum(members, 1)[:, None]
        sums = jnp.matmul(members, points, precision=jax.lax.Precision.HIGHEST)
        centres = jnp.where(sizes > 0, sums / jnp.maximum(sizes, 1.0), centres)
        labels, r2 = nearest(points, centres)
        return centres, labels, jnp.sum(r2), inertia, iteration + 1

    labels, r2 = nearest(points, centres)
    state = centres, labels, jnp.sum(r2), jnp.asarray(jnp.inf, points.dtype), jnp.int32(0)
    centres, labels, inertia, _, _ = jax.lax.while_loop(unfinished, improve, state)
    return KMeans(centres, labels, inertia)
