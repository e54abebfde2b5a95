"""Closed forms: the Coulomb potential of a normal charge cloud, smooth with all its derivatives.

By Gauss's law the force at radius r is that of the charge inside, P(d/2, r²/2) of it, P the
regularised lower incomplete gamma function. So every potential here is, or has as its slope,

    enclosed_a(v) = v^−a · P(a, v/2),        d enclosed_a / dv = −a · enclosed_{a+1},

with v = r²: an entire function of v. That recursion is the derivative rule, so gradients cost
one error function or exponential, stay finite at r = 0, and never differentiate a series.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from jaxtyping import Array, Float

# Below this r²/2 the logarithmic potential is a power series, above it a continued fraction;
# either reaches 1e-15 in this many terms.
SERIES_END, SERIES_TERMS = 3.0, 24
SPHERE_NODES = 32


def natural_potential(v: Float[Array, "..."], unit2: Float[Array, ""], dim: int) -> Float[Array, "..."]:
    """E k(‖w − g‖) over g ~ N(0, I), for the Coulomb kernel of the dimension in units of length.

    With s = r/unit, v = r² = ‖w‖²: k = −s in one dimension, −ln s in two, s^(2−dim) above, and

        dim 1:  −(r·erf(r/√2) + √(2/π)·exp(−r²/2)) / unit
        dim 2:  −(ln r² + E1(r²/2))/2 + ln unit
        dim >= 3:  unit^(dim−2) · r^(2−dim) · P(dim/2 − 1, r²/2).

    Args:
        v: squared distances >= 0 from the centre of the cloud.
        unit2: square of the kernel's unit of length.
        dim: dimension of the space.
    """
    unit2 = jnp.asarray(unit2, v.dtype)
    if dim == 1:
        inside = v * enclosed(v, jnp.ones_like(unit2), 0.5)
        return -(inside + math.sqrt(2.0 / math.pi) * jnp.exp(-v / 2)) / jnp.sqrt(unit2)
    if dim == 2:
        return 0.5 * (jnp.log(unit2) - smoothed_log(v))
    return enclosed(v, unit2, dim / 2 - 1)


def mean_over_sphere(
    potential, v: Float[Array, "..."], radius: Float[Array, ""], dim: int
) -> Float[Array, "..."]:
    """Mean of a radial function over the sphere of ``radius`` around a point at distance √v.

    The Coulomb kernel made constant inside a radius is that of a charge spread over the sphere
    of that radius, so its potential is this mean. 32 Gauss nodes in the cosine are exact to
    1e-6 while radius and √v are of the order of √dim.

    Args:
        potential: a function of squared distances.
        v: squared distances >= 0.
        radius: radius of the sphere.
        dim: dimension of the space.
    """
    cosines, weights = _sphere_nodes(dim)
    # cos and −cos come in pairs, so the mean is even in r: the slope at the floor is harmless.
    r = jnp.sqrt(jnp.maximum(v, 1e-12))[..., None]
    cosines = cosines.astype(v.dtype).reshape((1,) * v.ndim + (-1,))
    around = v[..., None] + radius**2 + 2.0 * radius * r * cosines
    values = potential(jnp.maximum(around, 0.0))
    return jnp.matmul(values, weights.astype(v.dtype), precision=jax.lax.Precision.HIGHEST)


@functools.partial(jax.custom_jvp, nondiff_argnums=(2,))
def enclosed(v: Float[Array, "..."], unit2: Float[Array, ""], order: float) -> Float[Array, "..."]:
    """(v/unit2)^−order · P(order, v/2), finite at v = 0; order is a positive multiple of 1/2.

    The unit keeps it in range: v^−31 alone is 0 in float32.
    """
    if order == 0.5:
        known = jnp.maximum(v, 1e-30)  # erf(x)/x has reached its limit long before
        return jax.lax.erf(jnp.sqrt(known / 2)) * jax.lax.rsqrt(known) * jnp.sqrt(unit2)
    if order == 1.0:
        known = jnp.maximum(v, 1e-30)
        return -jnp.expm1(-known / 2) / known * unit2
    x = v / 2
    small = x < order + 1.0
    low = jnp.where(small, x, 0.0)
    # P(a, x) = x^a·e^−x/Γ(a+1) · (1 + x/(a+1) · (1 + x/(a+2) · (...))): no term is negative.
    series = jnp.ones_like(low)
    for k in range(_series_length(order, float(jnp.finfo(v.dtype).eps)), 0, -1):
        series = 1.0 + low / (order + k) * series
    log_front = order * jnp.log(unit2 / 2) - math.lgamma(order + 1.0)
    high = jnp.where(small, order + 1.0, x)
    share = jax.scipy.special.gammainc(jnp.asarray(order, v.dtype), high)
    far = jnp.exp(-order * jnp.log(2.0 * high / unit2)) * share
    return jnp.where(small, jnp.exp(log_front - low) * series, far)


@enclosed.defjvp
def _(order, primals, tangents):
    (v, unit2), (dv, dunit2) = primals, tangents
    value = enclosed(v, unit2, order)
    slope = -order * enclosed(v, unit2, order + 1.0) / unit2
    return value, slope * dv + order / unit2 * value * dunit2


@jax.custom_jvp
def smoothed_log(v: Float[Array, "..."]) -> Float[Array, "..."]:
    """ln v + E1(v/2), whose limit at v = 0 is ln 2 − γ and whose slope is enclosed_1(v).

    Source: [abramowitz1964] 5.1.11 (series) and 5.1.22 contracted (continued fraction).
    """
    x = v / 2
    small = x < SERIES_END
    low = jnp.where(small, x, 0.0)
    entire = jnp.zeros_like(low)
    for k in range(SERIES_TERMS, 0, -1):
        entire = entire * low + (-1.0) ** (k + 1) / (k * math.factorial(k))
    high = jnp.where(small, SERIES_END, x)
    fraction = high + 2 * SERIES_TERMS + 1
    for k in range(SERIES_TERMS, 0, -1):
        fraction = high + 2 * k - 1 - k * k / fraction
    far = jnp.log(2.0 * high) + jnp.exp(-high) / fraction
    return jnp.where(small, entire * low - np.euler_gamma + math.log(2.0), far)


@smoothed_log.defjvp
def _(primals, tangents):
    (v,), (dv,) = primals, tangents
    return smoothed_log(v), enclosed(v, jnp.ones((), v.dtype), 1.0) * dv


@functools.lru_cache(maxsize=64)
def _series_length(order, precision):
    """Terms after which the series is exact at its end, v/2 = order + 1."""
    length, term = 0, 1.0
    while term > precision / 10:
        length += 1
        term *= (order + 1.0) / (order + length)
    return length


@functools.lru_cache(maxsize=64)
def _sphere_nodes(dim):
    """Gauss nodes and weights for the cosine of a random direction's angle."""
    if dim == 1:
        return np.array([-1.0, 1.0]), np.array([0.5, 0.5])
    power = (dim - 3) / 2
    nodes, weights = scipy.special.roots_jacobi(SPHERE_NODES, power, power)
    return nodes, weights / weights.sum()
