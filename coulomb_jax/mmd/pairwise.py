"""Squared distances, and the distinct pairs of one set without its diagonal.

An estimator of the MMD is a mean of a kernel over pairs of points. What goes wrong in it goes
wrong here: distances lost to cancellation, and a diagonal that is masked after the kernel has
already divided by zero. So distances are never expanded around an arbitrary origin, and the
diagonal is absent from the arrays the kernel sees.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from coulomb_jax.mmd.points import wide

# Up to here the difference form is as fast as a matrix product, and it is exact. Measured on a
# CPU core, value and gradient, n = 100 and n = 1,000: equal at d = 4, half as fast at d = 8.
DIFFERENCE_DIMS = 4
# Smaller blocks are faster folded than split once more (100 points, 2-d: 20 µs against 27 µs).
SMALLEST_BLOCK = 64


def squared_distances(x: Float[Array, "... n d"], y: Float[Array, "... m d"]) -> Float[Array, "... n m"]:
    """Squared Euclidean distances between the points of two sets: r²_ij = ‖x_i − y_j‖².

    Up to four coordinates they are sums of squared differences: every r² is right to a few
    units in the last place, wherever the points lie. Above, they are |x|² + |y|² − 2xy in one
    matrix product, at full float32 precision on every device and with the common mean
    subtracted first. With R² the mean of the squared distances of the points from that mean,

        |error of r²_ij| ≤ (d + 6) · 2^-24 · (|x_i − c| + |y_j − c|)²,

    in practice a few 1e-7 · R², whatever the offset of the data. Points much nearer to each
    other than 1e-3 · R are therefore not resolved there: their distance is rounded to one
    between 0 and that, never below 0.

    Args:
        x: n points of d coordinates, floating; leading axes are batch axes shared with y.
        y: m points of d coordinates.

    Returns:
        r² ≥ 0 in float32 (float64 for float64 points), differentiable everywhere.
    """
    x, y = wide(x), wide(y)
    if x.shape[-1] <= DIFFERENCE_DIMS:
        return _by_differences(x, y)
    return _by_product(x, y)


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


def _by_differences(x, y):
    # The loop over coordinates is unrolled: XLA on CPU runs the same sum written as a
    # reduction over an axis of length 2 twenty times slower.
    r2 = 0.0
    for k in range(x.shape[-1]):
        difference = x[..., :, None, k] - y[..., None, :, k]
        r2 = r2 + difference * difference
    return r2


def _by_product(x, y):
    # Distances do not depend on the centre, so its own gradient is left out: exactly zero.
    centre = (jnp.mean(x, -2, keepdims=True) + jnp.mean(y, -2, keepdims=True)) / 2
    centre = jax.lax.stop_gradient(centre)
    x, y = x - centre, y - centre
    # HIGHEST: the default is bfloat16 on a TPU and TF32 on a GPU, three digits.
    product = jnp.einsum("...id,...jd->...ij", x, y, precision=jax.lax.Precision.HIGHEST)
    x2, y2 = jnp.sum(x * x, -1), jnp.sum(y * y, -1)
    return jnp.maximum(x2[..., :, None] + y2[..., None, :] - 2.0 * product, 0.0)


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
