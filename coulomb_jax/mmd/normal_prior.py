"""MMD² between points and a normal prior, with the prior integrated instead of sampled."""

import functools
import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coulomb_jax.mmd.coulomb import Coulomb
from coulomb_jax.mmd.eager import compiled
from coulomb_jax.mmd.estimators import mean_distinct
from coulomb_jax.mmd.kernels import Gaussian
from coulomb_jax.mmd.points import check_kernel, checked_points
from coulomb_jax.mmd.potentials import mean_over_sphere, natural_potential
from coulomb_jax.mmd.quadrature import at_trace_time, quadrature_potential
from coulomb_jax.mmd.radial import Kernel, Scalar, Scaled, Sum, positive
from coulomb_jax.mmd.rows import over_rows

# A clamp of this radius, in units of sigma, changes the potential by less than 3e-9 (times the
# constant of a normalized kernel): radius²/(2·dim) times its Laplacian at the centre.
POINTLIKE = 1e-4
# About the nodes of the quadrature, whose values are held at once for a block of points.
NODES = 128


def mmd2_to_normal(z: Float[Array, "n d"], kernel: Kernel, *, sigma: Scalar = 1.0) -> Float[Array, ""]:
    """Unbiased MMD² between the law of z and N(0, sigma²·I), without drawing from the latter.

        mean_{i≠j} k(z_i, z_j) − 2·mean_i φ(z_i) + E φ(Z'),   φ(z) = E k(z, Z'),  Z' ~ N(0, σ²·I)

    The potential φ depends on ‖z‖ alone. It is a closed form for `coulomb` with beta = d − 2, for
    `gaussian`, and for sums and multiples of them; for any other kernel it is a one-dimensional
    quadrature, to 1e-5 of k at r = 1. Two of three terms lose their sampling noise and their n²
    cost. As for `mmd2`, a negative value is normal near the optimum.

    Args:
        z: n >= 2 points (codes) of d coordinates.
        kernel: for points of d coordinates.
        sigma: standard deviation of each coordinate of the prior, > 0.

    Returns:
        A scalar in float32 (float64 for float64 points), differentiable in z, sigma and the
        kernel's parameters, at z = 0 too.

    Raises:
        TypeError: z is not floating, or kernel is no kernel.
        ValueError: z has a wrong shape or values, sigma is not positive, or the kernel was made
            for another dimension.

    Source: [sansone2019] for the objective; the potentials follow from Gauss's law.

    >>> import jax
    >>> from coulomb_jax.mmd import coulomb, mmd2_to_normal
    >>> codes = jax.random.normal(jax.random.key(0), (1000, 2))
    >>> bool(abs(mmd2_to_normal(codes, coulomb(2))) < 0.01)
    True
    >>> round(mmd2_to_normal(codes + 1.0, coulomb(2)).item(), 1)
    0.4
    """
    z = checked_points("z", z)
    check_kernel(kernel, z.shape[1])
    return _to_normal(z, kernel, positive("mmd2_to_normal: sigma", sigma))


@compiled
def _to_normal(z, kernel, sigma):
    dim = z.shape[1]
    v = jnp.sum(z * z, -1) / sigma**2
    cross = jnp.mean(over_rows(lambda v: potential(kernel, v, dim, sigma), v, NODES))
    # The difference of two draws of the prior is √2 times one draw.
    with at_trace_time(kernel, sigma):
        own = potential(kernel, jnp.zeros((), z.dtype), dim, math.sqrt(2.0) * sigma)
    return mean_distinct(z, kernel) - 2.0 * cross + own


@functools.singledispatch
def potential(kernel: Kernel, v: Float[Array, "..."], dim: int, sigma: Scalar) -> Float[Array, "..."]:
    """φ = E k(z, Z') over Z' ~ N(0, sigma²·I_dim) at ‖z‖² = sigma²·v.

    Args:
        kernel: its type decides between a closed form and the quadrature.
        v: squared distances >= 0 from the centre, in units of sigma².
        dim: dimension of the space.
        sigma: standard deviation of each coordinate.
    """
    return quadrature_potential(kernel, v, dim, sigma)


@potential.register
def _(kernel: Sum, v, dim, sigma):
    return sum(potential(term, v, dim, sigma) for term in kernel.kernels)


@potential.register
def _(kernel: Scaled, v, dim, sigma):
    return kernel.weight * potential(kernel.kernel, v, dim, sigma)


@potential.register
def _(kernel: Gaussian, v, dim, sigma):
    # A Gaussian convolved with a Gaussian: the variances add, t is their ratio.
    t = jnp.asarray(sigma / kernel.sigma, v.dtype) ** 2
    return jnp.exp(-0.5 * dim * jnp.log1p(t) - 0.5 * v * t / (1.0 + t))


@potential.register
def _(kernel: Coulomb, v, dim, sigma):
    if not kernel.natural:
        return quadrature_potential(kernel, v, dim, sigma)
    unit2 = (kernel.unit / sigma) ** 2
    # The formula of the kernel is in r; in units of sigma r/unit is r/(unit/sigma).
    bare = functools.partial(natural_potential, unit2=unit2, dim=dim)
    radius = kernel.radius / sigma
    if isinstance(radius, jax.core.Tracer) or radius > POINTLIKE:
        return math.exp(kernel.log_factor) * mean_over_sphere(bare, v, radius, dim)
    return math.exp(kernel.log_factor) * bare(v)
