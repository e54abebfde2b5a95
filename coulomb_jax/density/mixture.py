"""Mixtures of normal laws with full covariances: fitting by EM, density, sampling.

A mixture is `weights` `[k]`, `means` `[k d]` and `factors` `[k d d]`, the lower Cholesky factors of the
covariances, in a dictionary.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from coulomb_jax.density.kmeans import k_means, nearest

BLOCK_ENTRIES = 2**20
DEAD = 1e-3
"""A component that holds less than this of one point is dead: its covariance could be anything."""


class Fitted(NamedTuple):
    """What EM came to.

    Attributes:
      mixture: the mixture.
      log_likelihood: in nats, the mean over the points, of the mixture before the last iteration.
      iterations: how many it took.
    """

    mixture: dict[str, Array]
    log_likelihood: Float[Array, ""]
    iterations: Array


def fit(
    key: jax.Array,
    z: Float[Array, "n d"],
    components: int,
    *,
    starts: int = 1,
    iterations: int = 2000,
    tolerance: float = 1e-3,
    floor: float = 1e-6,
) -> dict[str, Array]:
    """The mixture that EM finds from k-means, the likeliest of several starts.

    Args:
      key: of the starts.
      z: points, float32 or float64, which it is computed in.
      components: k, at least 1. Those that more than the distinct points would be needed for end with a
        weight of 0, or on top of one another.
      starts: of k-means++ and EM, at least 1.
      iterations: of EM at most, as in [ghosh2020].
      tolerance: EM ends where the mean log-likelihood of a point rises by less, in nats; in float32 one
        below a millionth of that log-likelihood is never met.
      floor: share of each coordinate's variance that is added to every component's.

    Raises:
      ValueError: fewer than one component, start or iteration, a floor that is not positive, or points
        that are no matrix with a row.
    """
    check(components, starts=starts, iterations=iterations, floor=floor)
    _check_points(z)
    run = functools.partial(improve, z, iterations=iterations, tolerance=tolerance, floor=floor)
    if starts == 1:
        return run(start(key, z, components, floor=floor)).mixture
    found = jax.lax.map(
        lambda key: run(start(key, z, components, floor=floor)), jax.random.split(key, starts)
    )
    best = jnp.argmax(found.log_likelihood)
    return jax.tree.map(lambda a: a[best], found.mixture)


def check(components: int, *, starts: int = 1, iterations: int = 1, floor: float = 1e-6) -> None:
    """Refuses options that no fit can have.

    Raises:
      ValueError: as in `fit`.
    """
    for word, number in (("components", components), ("starts", starts), ("iterations", iterations)):
        if number < 1:
            raise ValueError(f"a mixture is fitted with at least 1 of its {word}, not {number}; ask for more")
    if not floor > 0:
        raise ValueError(f"the floor of a mixture's covariances is positive, not {floor}; raise it")


def start(
    key: jax.Array, z: Float[Array, "n d"], components: int, *, floor: float = 1e-6
) -> dict[str, Array]:
    """The mixture of the clusters of k-means, each with its share, mean and covariance."""
    scaled, shift, scale = _standardised(z)
    centres = k_means(key, scaled, components).centres

    def members(points):
        labels, _ = nearest(points, centres)
        return jax.nn.one_hot(labels, components, axis=0, dtype=z.dtype), jnp.zeros(len(points), z.dtype)

    sums, _ = _sums(_blocks(scaled, components), centres, members)
    return _in_units(_mixture(sums, centres, floor), shift, scale)


@jax.jit
def improve(
    z: Float[Array, "n d"],
    mixture: dict[str, Array],
    *,
    iterations: int = 2000,
    tolerance: float = 1e-3,
    floor: float = 1e-6,
) -> Fitted:
    """EM from a mixture; the arguments are those of `fit`.

    Responsibilities are formed from logarithms, second moments about the means of the iteration before:
    both keep their digits in float32. Memory beside the points is that of the mixture and of tables of
    about a million entries.
    """
    scaled, shift, scale = _standardised(z)
    blocks = _blocks(scaled, len(mixture["weights"]))
    begin = {
        "weights": mixture["weights"],
        "means": (mixture["means"] - shift[None]) / scale[None],
        "factors": mixture["factors"] / scale[None, :, None],
    }

    def step(state):
        mixture, last, _, i = state
        log_joint = _log_joint(**mixture)

        def responsibilities(points):
            joint = log_joint(points)
            total = jax.nn.logsumexp(joint, axis=0)
            return jnp.exp(joint - total[None]), total

        sums, total = _sums(blocks, mixture["means"], responsibilities)
        return _mixture(sums, mixture["means"], floor), total / len(z), last, i + 1

    def goes_on(state):
        _, now, last, i = state
        return (i < 2) | ((i < iterations) & (jnp.abs(now - last) >= tolerance))

    nothing = jnp.asarray(-jnp.inf, z.dtype)
    found, value, _, i = jax.lax.while_loop(goes_on, step, (begin, nothing, nothing, 0))
    return Fitted(_in_units(found, shift, scale), value - jnp.sum(jnp.log(scale)), i)


@jax.jit
def log_density(
    points: Float[Array, "m d"],
    weights: Float[Array, " k"],
    means: Float[Array, "k d"],
    factors: Float[Array, "k d d"],
) -> Float[Array, " m"]:
    """Log density of a mixture, in nats; memory beside the points is that of a million numbers."""
    log_joint = _log_joint(weights, means, factors)
    blocks, _ = _blocks(points, len(weights))
    values = jax.lax.map(lambda block: jax.nn.logsumexp(log_joint(block), axis=0), blocks)
    return values.reshape(-1)[: len(points)]


def sample(
    key: jax.Array,
    n: int,
    weights: Float[Array, " k"],
    means: Float[Array, "k d"],
    factors: Float[Array, "k d d"],
) -> Float[Array, "n d"]:
    """Draws `n` points of a mixture."""
    which, how = jax.random.split(key)
    chosen = jax.random.choice(which, len(weights), (n,), p=weights)
    noise = jax.random.normal(how, (n, means.shape[1]), means.dtype)

    def one(drawn):
        component, noise = drawn
        return means[component] + jnp.matmul(factors[component], noise, precision="highest")

    return jax.lax.map(one, (chosen, noise), batch_size=1024)


def _blocks(z, columns):
    """Points as blocks of one size, `[blocks b d]`, and 1 for every point, 0 for the filling of the last, so
    that a table with so many columns has about a million entries for a block."""
    n, d = z.shape
    block = max(1, min(n, BLOCK_ENTRIES // max(columns, d)))
    count = -(-n // block)
    block = -(-n // count)
    filled = jnp.pad(z, ((0, count * block - n), (0, 0)))
    present = (jnp.arange(count * block) < n).astype(z.dtype)
    return filled.reshape(count, block, d), present.reshape(count, block)


def _standardised(z):
    """Points with mean 0 and variance 1 in each coordinate; a constant coordinate stays 0."""
    shift, scale = jnp.mean(z, axis=0), jnp.std(z, axis=0)
    # Rounding leaves a constant coordinate a width of some 1e-7 of its value.
    least = 1e-6 * jnp.maximum(jnp.max(scale), jnp.abs(shift))
    scale = jnp.maximum(scale, jnp.where(least > 0, least, 1.0))
    return (z - shift[None]) / scale[None], shift, scale


def _in_units(mixture, shift, scale):
    """A mixture of standardised points in the units of the points themselves."""
    return {
        "weights": mixture["weights"],
        "means": mixture["means"] * scale[None] + shift[None],
        "factors": mixture["factors"] * scale[None, :, None],
    }


def _log_joint(weights, means, factors):
    """The function that gives the log of weight times density, `[k b]`, of points `[b d]`."""
    d = means.shape[1]
    unit = jnp.eye(d, dtype=means.dtype)
    # One after another: see `_factors`.
    inverses = jax.lax.map(lambda f: jax.scipy.linalg.solve_triangular(f, unit, lower=True), factors)
    diagonals = jnp.diagonal(factors, axis1=1, axis2=2)
    offsets = jnp.log(weights) - jnp.sum(jnp.log(diagonals), axis=1) - 0.5 * d * math.log(2 * math.pi)

    def of(points):
        def one(component):
            mean, inverse, offset = component
            whitened = jnp.matmul(points - mean[None], inverse.T, precision="highest")
            return offset - 0.5 * jnp.sum(whitened**2, axis=1)

        return jax.lax.map(one, (means, inverses, offsets))

    return of


def _sums(blocks, centres, responsibilities):
    """Sums over the points: of each component's responsibilities, its first and second moments about its
    centre; and of what `responsibilities` gives beside them."""
    k, d = centres.shape

    def block_sums(points, shares):
        def one(component):
            centre, share = component
            centred = points - centre[None]
            weighted = share[:, None] * centred
            second = jnp.matmul(weighted.T, centred, precision="highest")
            return jnp.sum(share), jnp.sum(weighted, axis=0), second

        return jax.lax.map(one, (centres, shares))

    def add(so_far, block):
        points, present = block
        shares, values = responsibilities(points)
        new = block_sums(points, shares * present[None]), jnp.sum(values * present)
        return jax.tree.map(jnp.add, so_far, new), None

    kind = centres.dtype
    zeros = (jnp.zeros(k, kind), jnp.zeros((k, d), kind), jnp.zeros((k, d, d), kind)), jnp.zeros((), kind)
    return jax.lax.scan(add, zeros, blocks)[0]


def _mixture(sums, centres, floor):
    """The likeliest mixture given the sums; a dead component keeps its centre, with the data's width."""
    counts, first, second = sums
    alive = counts > DEAD
    n = jnp.where(alive, counts, 1.0)
    moved = jnp.where(alive[:, None], first / n[:, None], 0.0)
    covariances = second / n[:, None, None] - moved[:, :, None] * moved[:, None, :]
    unit = jnp.eye(centres.shape[1], dtype=centres.dtype)[None]
    covariances = jnp.where(alive[:, None, None], covariances, unit)
    weights = jnp.where(alive, counts, 0.0)
    return {
        "weights": weights / jnp.sum(weights),
        "means": centres + moved,
        "factors": _factors(covariances, floor),
    }


def _factors(covariances, floor):
    """Cholesky factors of covariances with a floor, a higher one where rounding left no factor.

    One after another: two batches of LAPACK's in one program wait for each other forever on two CPU cores
    (jaxlib 0.10.2 shares a batch out to the threads that the batches themselves wait on).
    """
    d = covariances.shape[1]
    unit = jnp.eye(d, dtype=covariances.dtype)

    def one(covariance):
        factor = jnp.linalg.cholesky(covariance + floor * unit)
        # Rounding of a covariance and of its factor is less than 2 d units of its largest eigenvalue.
        safe = floor + 2 * d * np.finfo(covariance.dtype).eps * jnp.trace(covariance)
        raised = functools.partial(jnp.linalg.cholesky, covariance + safe * unit)
        return jax.lax.cond(jnp.all(jnp.isfinite(factor)), lambda: factor, raised)

    return jax.lax.map(one, covariances)


def _check_points(z) -> None:
    if z.ndim != 2 or 0 in z.shape:
        raise ValueError(
            f"a mixture is fitted to points [n, d], at least one of them, but their shape is {z.shape}; "
            "reshape them to rows"
        )
