"""Squared distances, and the distinct pairs of one set without its diagonal.

An estimator of the MMD is a mean of a kernel over pairs of points. What goes wrong in it goes
wrong here: distances lost to cancellation, and a diagonal that is masked after the kernel has
already divided by zero. So distances are never expanded around an arbitrary origin, and the
diagonal is absent from the arrays the kernel sees.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from coulomb_jax.mmd.points import wide

# Up to here the difference form is as fast as a matrix product, and it is exact. Measured on a
# CPU core, value and gradient, n = 100 and n = 1,000: equal at d = 4, half as fast at d = 8.
DIFFERENCE_DIMS = 4
# Smaller blocks are faster folded than split once more (100 points, 2-d: 20 µs against 27 µs).
SMALLEST_BLOCK = 64


def squared_distances(x: Float[Array, "... n d"], y: Float[Array, "... m d"]) -> Float[Array, "... n m"]:
    """Squared Euclidean distances between the points of two sets: r²_ij = ‖x_i − y_j‖².

    Up to four coordinates they are sums of squared differences: every r² is right to a few units
    in the last place, wherever the points lie. Else they are |x|² + |y|² − 2xy in one matrix
    product, at full float32 precision on every device and with the common mean c subtracted
    first. Its error,

        |error of r²_ij| ≤ (d + 6) · 2^-24 · (|x_i − c| + |y_j − c|)²,

    is in practice a few 1e-7 of that square. Where some pair is so near that this could be more
    than a thousandth of its r², all are computed from differences instead, which takes longer.

    Args:
        x: n points of d coordinates, floating; leading axes are batch axes shared with y.
        y: m points of d coordinates.

    Returns:
        r² ≥ 0 in float32 (float64 for float64 points), differentiable everywhere.
    """
    x, y = wide(x), wide(y)
    if x.shape[-1] <= DIFFERENCE_DIMS:
        return by_differences(x, y)
    return _many_dims(x, y)


def products(x: Float[Array, "... n d"], y: Float[Array, "... m d"]):
    """Centred points, their squared norms in sum for every pair, and twice their products."""
    # Distances do not depend on the centre, so its own gradient is left out: exactly zero.
    centre = (jnp.mean(x, -2, keepdims=True) + jnp.mean(y, -2, keepdims=True)) / 2
    centre = jax.lax.stop_gradient(centre)
    x, y = x - centre, y - centre
    norms = jnp.sum(x * x, -1)[..., :, None] + jnp.sum(y * y, -1)[..., None, :]
    return x, y, norms, 2.0 * _product("...id,...jd->...ij", x, y)


def some_are_near(norms: Float[Array, "... n m"], twice: Float[Array, "... n m"]) -> Bool[Array, ""]:
    """Whether the difference of `products` leaves some pair fewer than three digits."""
    near = 3.0 * float(jnp.finfo(twice.dtype).eps) ** 0.5
    # Sums along rows: XLA on a CPU makes a vector loop of them, but not of `any`.
    return jnp.sum(jnp.sum(jnp.maximum(twice - (1.0 - near) * norms, 0.0), -1)) > 0.0


@jax.custom_jvp
def _many_dims(x, y):
    _, _, norms, twice = products(x, y)
    return jax.lax.cond(
        some_are_near(norms, twice),
        lambda: by_differences(x, y),
        lambda: jnp.maximum(norms - twice, 0.0),
    )


@_many_dims.defjvp
def _(primals, tangents):
    # Σ_k 2·(x_k − y_k)·(dx_k − dy_k) by products, whichever way the distances came about.
    x, y, _, _ = products(*primals)
    dx, dy = tangents
    rows, columns = jnp.sum(x * dx, -1)[..., :, None], jnp.sum(y * dy, -1)[..., None, :]
    across = _product("...id,...jd->...ij", x, dy) + _product("...id,...jd->...ij", dx, y)
    return _many_dims(*primals), 2.0 * (rows + columns - across)


def distinct_pairs(x: Float[Array, "n d"]) -> tuple[Float[Array, "..."], ...]:
    """Squared distances of the n(n−1)/2 unordered pairs i < j, each exactly once.

    The set is halved again and again: the pairs between two halves are a full rectangle, with
    no diagonal in it. What is left are small blocks, whose triangle of pairs is folded into a
    rectangle. So no kernel ever sees the diagonal, it is evaluated on half of n² pairs, and the
    gradient is made of plain sums: no gather, no scatter.

    Args:
        x: n >= 2 points of d coordinates, floating.

    Returns:
        Arrays of several shapes that together hold every pair once, in an order of no meaning.
        Sum over them; concatenate the raveled arrays where one vector is needed.
    """
    n, dim = x.shape
    x = wide(x)
    levels = 0
    while (n >> (levels + 1)) >= SMALLEST_BLOCK:
        levels += 1
    size = n >> levels
    even = size << levels
    parts = []
    if even < n:  # the points that fill no block: against all blocks, then among themselves
        rest = x[even:]
        parts.append(squared_distances(rest, x[:even]))
        parts += distinct_pairs(rest)
    blocks = x[:even][None]
    for _ in range(levels):
        count, length, _ = blocks.shape
        halves = blocks.reshape(count, 2, length // 2, dim)
        parts.append(squared_distances(halves[:, 0], halves[:, 1]))
        blocks = halves.reshape(2 * count, length // 2, dim)
    parts.append(_folded_triangle(blocks))
    return tuple(part for part in parts if part.size)


def off_diagonal(square: Float[Array, "n n"]) -> Float[Array, "n n-1"]:
    """Row i without its element i, by reshaping alone.

    Without its first element, the raveled matrix has the diagonal at the end of rows of n + 1.
    """
    n = square.shape[0]
    return square.ravel()[1:].reshape(n - 1, n + 1)[:, :-1].reshape(n, n - 1)


def by_differences(x: Float[Array, "... n d"], y: Float[Array, "... m d"]) -> Float[Array, "... n m"]:
    """Squared distances, coordinate by coordinate."""

    def add(r2, coordinates):
        of_x, of_y = coordinates
        difference = of_x[..., :, None] - of_y[..., None, :]
        return r2 + difference * difference, None

    # The first few are unrolled: XLA on CPU runs the same sum written as a reduction over an axis
    # of length 2 twenty times slower.
    r2, dim = jnp.zeros((), x.dtype), x.shape[-1]
    for k in range(min(dim, DIFFERENCE_DIMS)):
        r2, _ = add(r2, (x[..., k], y[..., k]))
    if dim > DIFFERENCE_DIMS:
        rest = [jnp.moveaxis(points[..., DIFFERENCE_DIMS:], -1, 0) for points in (x, y)]
        r2, _ = jax.lax.scan(add, r2, rest, unroll=16)
    return r2


def _product(axes, a, b):
    # HIGHEST: the default is bfloat16 on a TPU and TF32 on a GPU, three digits.
    return jnp.einsum(axes, a, b, precision=jax.lax.Precision.HIGHEST)


def _folded_triangle(blocks):
    """Distinct pairs inside every block of m points, as a rectangle of m(m−1)/2.

    Row i of the strict upper triangle has m − 1 − i elements. Laid on the row that has the
    others, counted from the far end, it makes a full row: no element is masked or repeated.
    """
    _, m, _ = blocks.shape
    rows, odd = m // 2, m % 2
    width = m - 1 + odd
    backward = blocks[:, ::-1]
    upper = np.arange(width)[None, :] >= np.arange(rows)[:, None] + odd
    return jnp.where(
        upper[None],
        squared_distances(blocks[:, :rows], blocks[:, 1 - odd :]),
        squared_distances(backward[:, odd : rows + odd], backward[:, :width]),
    )
