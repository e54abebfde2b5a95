"""The energy distance in near-linear time: exact on a line, averaged over lines in space.

On a line, pairs need no loop. With F and G the shares of the points of x and of y at or below t,

    mmd2(x, y, energy()) = 2·∫ ((F − G)² − F·(1 − F)/(n − 1) − G·(1 − G)/(m − 1)) dt,

the integral of a step function: one sort, and a sum over the gaps between neighbours. F and G are
ratios of counts, and no difference of large sums is taken, so nothing cancels.
"""

import functools
import math
import numbers

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coulomb_jax.mmd.points import check_same_space, checked_key, checked_points, zeros_for

# Projections sorted together: small sets fill the machine, and large ones hold little at a time.
POINTS_AT_ONCE = 2**16


def sliced_energy(
    key: jax.Array, x: Float[Array, "n d"], y: Float[Array, "m d"], *, projections: int = 128
) -> Float[Array, ""]:
    """Energy distance of points projected on random lines: ``mmd2(x, y, energy())`` in O(n·log n).

    On a line through θ, drawn uniformly from the sphere, E|θ·v| = c·‖v‖ with
    c = Γ(d/2)/(√π·Γ((d+1)/2)). So the mean over lines of the one-dimensional U-statistics,
    divided by c, has the mean ``mmd2(x, y, energy())`` over the directions for the points given,
    and is unbiased over both. The directions add an error that falls as 1/√projections. In one
    dimension no direction is drawn, and the two are equal.

    Memory is a few times that of the points, for the gradient too. Points that coincide exert
    no force on each other. Along a line the distance is piecewise linear: second derivatives
    are 0. On a CPU, 128 lines cost as much as all pairs at about n = m = 10,000; below that
    `mmd2` is faster, and exact.

    Args:
        key: one random key; unused in one dimension.
        x: n >= 2 points of d coordinates.
        y: m >= 2 points of d coordinates.
        projections: number of lines, at least 1; each costs one sort of n + m numbers.

    Returns:
        A scalar in float32 (float64 for float64 points), differentiable in x and y; about half
        of the time negative at equal laws, as `mmd2`.

    Raises:
        TypeError: the points are not floating, key is no key, or projections is no whole number.
        ValueError: wrong rank, dimension, number or value of points, projections < 1, or several
            keys.

    Source: [szekely2013] for the distance, [rabin2012] for the slices.

    >>> import jax
    >>> from coulomb_jax.mmd import energy, mmd2, sliced_energy
    >>> x, y = jax.random.normal(jax.random.key(0), (2, 100, 3))
    >>> value = sliced_energy(jax.random.key(1), x, y + 1.0)
    >>> bool(abs(value / mmd2(x, y + 1.0, energy()) - 1.0) < 0.2)
    True
    """
    x, y = checked_points("x", x), checked_points("y", y)
    dim = check_same_space(x=x, y=y)
    _check_projections(projections)
    # The centre is common, so no distance changes: far from 0, projections would lose digits.
    centre = jax.lax.stop_gradient((jnp.mean(x, 0) + jnp.mean(y, 0)) / 2)
    dtype = jnp.promote_types(x.dtype, y.dtype)
    directions = _directions(key, projections, dim, dtype) if dim > 1 else jnp.ones((1, 1), dtype)
    return _mean_over_lines(directions, x - centre[None, :], y - centre[None, :])


def _check_projections(projections):
    if not isinstance(projections, numbers.Integral) or isinstance(projections, bool):
        raise TypeError(
            f"sliced_energy: projections must be a whole number, got {projections!r}; pass a Python int"
        )
    if projections < 1:
        raise ValueError(f"sliced_energy: projections must be at least 1, got {projections}; pass more")


def _directions(key, projections, dim, dtype):
    """Draw uniform directions, longer than 1 so that the mean of |θ·v| over them is ‖v‖."""
    normal = jax.random.normal(checked_key(key), (projections, dim), dtype)
    log_mean = math.lgamma(dim / 2) - math.lgamma((dim + 1) / 2) - 0.5 * math.log(math.pi)
    return normal * (math.exp(-log_mean) / jnp.linalg.norm(normal, axis=1, keepdims=True))


@jax.custom_jvp
def _mean_over_lines(directions, x, y):
    return _summed_up(directions, x, y, False)[0]


@_mean_over_lines.defjvp
def _(primals, tangents):
    # Autodiff of a sort would keep its order for every line, and split points that coincide.
    value, slopes = _summed_up(*primals, True)
    unknown = jnp.where(jnp.isnan(value), value, 0.0)  # slopes are counts, which no NaN reaches
    return value, sum(
        jnp.vdot(slope + unknown, tangent, precision=jax.lax.Precision.HIGHEST)
        for slope, tangent in zip(slopes, tangents[1:])
    )


@functools.partial(jax.jit, static_argnums=3)
def _summed_up(directions, x, y, with_slopes):
    """Return the mean of the energy distances along the lines, and its slopes in x and y, or None."""
    count, dim = directions.shape
    together = min(count, max(1, POINTS_AT_ONCE // (x.shape[0] + y.shape[0])))
    # The zeros that fill the last batch put all points in one place: no distance, and no slope.
    filled = jnp.pad(directions, ((0, -count % together), (0, 0))).reshape(-1, together, dim)

    def add(slopes, lines):
        on_x, on_y = _product("ld,nd->ln", lines, x), _product("ld,nd->ln", lines, y)
        values, forces = jax.vmap(functools.partial(_on_a_line, with_slopes=with_slopes))(on_x, on_y)
        if with_slopes:
            changes = [_product("ln,ld->nd", force, lines) for force in forces]
            slopes = [slope + change for slope, change in zip(slopes, changes)]
        return slopes, jnp.sum(values)

    start = zeros_for([x, y, directions], directions.dtype)[:2] if with_slopes else None
    slopes, totals = jax.lax.scan(add, start, filled)
    return jnp.sum(totals) / count, [slope / count for slope in slopes] if with_slopes else None


def _on_a_line(x, y, with_slopes):
    """Return mmd2(x, y, energy()) of numbers, and its slopes in x and y, or None."""
    n, m = x.shape[0], y.shape[0]
    places = jax.lax.iota(jnp.int32, n + m)
    t, origin = jax.lax.sort((jnp.concatenate([x, y]), places), num_keys=1)
    from_x = origin < n
    up_to_x = jnp.cumsum(from_x, dtype=jnp.int32)
    up_to_y = places + 1 - up_to_x
    share_x, share_y = up_to_x.astype(t.dtype) / n, up_to_y.astype(t.dtype) / m
    within = share_x * (1 - share_x) / (n - 1) + share_y * (1 - share_y) / (m - 1)
    heights = (share_x - share_y) ** 2 - within
    value = 2.0 * jnp.sum(heights[:-1] * jnp.diff(t))
    if not with_slopes:
        return value, None

    # Counts grow along the line: the last count before a run of equal numbers is the largest
    # one before it, and the first one after it the smallest.
    starts = jnp.concatenate([jnp.ones(1, bool), t[1:] != t[:-1]])
    ends = jnp.concatenate([starts[1:], jnp.ones(1, bool)])
    below_x = jax.lax.cummax(jnp.where(starts, up_to_x - from_x, 0))
    below_y = jax.lax.cummax(jnp.where(starts, up_to_y - ~from_x, 0))
    through_x = jax.lax.cummin(jnp.where(ends, up_to_x, n), reverse=True)
    through_y = jax.lax.cummin(jnp.where(ends, up_to_y, m), reverse=True)
    twice_x, twice_y = below_x + through_x, below_y + through_y  # the points below, ties for half
    force = jnp.where(
        from_x,
        (twice_y / m - (twice_x - 1) / (n - 1)) / n,
        (twice_x / n - (twice_y - 1) / (m - 1)) / m,
    )
    force = jnp.zeros_like(t).at[origin].set(2.0 * force.astype(t.dtype), unique_indices=True)
    return value, (force[:n], force[n:])


def _product(axes, a, b):
    return jnp.einsum(axes, a, b, precision=jax.lax.Precision.HIGHEST)
