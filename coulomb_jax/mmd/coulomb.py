"""The Coulomb kernel of the Coulomb autoencoder, and its softened form."""

import math
import warnings

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coulomb_jax.mmd.radial import Kernel, Scalar, changed, number, positive, reciprocal, register, whole

# Beyond this power of ten a slope or a curvature leaves float32.
LARGEST_SLOPE = 36.0
# Squares of anything smaller vanish in float32.
SMALLEST_LENGTH = 1e-15


@register(static=("dim", "beta", "normalized"))
class Coulomb(Kernel):
    """A Coulomb or Riesz kernel; made by `coulomb`."""

    spelled = "coulomb"

    dim: int
    beta: float
    scale: Scalar = 1.0
    epsilon: Scalar | None = None
    normalized: bool = False

    def __repr__(self):
        """Return the call that makes it."""
        given = [str(self.dim)] + ([] if self.natural else [f"beta={self.beta:g}"])
        return f"coulomb({', '.join(given + changed(self, 'scale', 'epsilon', 'normalized'))})"

    @property
    def natural(self) -> bool:
        """Whether it solves Poisson's equation: beta = dim − 2."""
        return self.beta == self.dim - 2

    @property
    def radius(self) -> Scalar:
        """The radius inside which it is constant: epsilon, or its default."""
        if self.epsilon is not None:
            return self.epsilon
        return self.scale * max(1e-6, 10.0 ** (-12.0 / self.beta) if self.beta > 0.0 else 0.0)

    @property
    def unit(self) -> Scalar:
        """The length the formula divides by."""
        return 1.0 if self.normalized else self.scale

    @property
    def log_factor(self) -> float:
        """The logarithm of the constant of [sansone2019] eq. 24, 0 where it is left out."""
        if not self.normalized:
            return 0.0
        # The area of the unit sphere: 2 in one dimension, 2π in two, 4π in three.
        log_area = math.log(2.0) + self.dim / 2 * math.log(math.pi) - math.lgamma(self.dim / 2)
        return -log_area - math.log(max(abs(self.dim - 2), 1))

    def profile(self, r2: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the kernel at ``r2``; the clamp makes its derivatives 0 inside the radius."""
        limit = jnp.asarray(self.radius, r2.dtype) ** 2
        u = jnp.where(r2 <= limit, limit, r2)  # jnp.maximum halves the slope at a tie, slowly
        factor = math.exp(self.log_factor) if self.dim < 3 else 1.0
        if self.beta == 0.0:
            return factor * (jnp.log(self.unit) - 0.5 * jnp.log(u))
        if self.beta == -1.0:
            return -factor * jnp.sqrt(u) / self.unit
        inverse = 1.0 / self.unit
        if self.log_factor == 0.0 and self.beta == 1.0:
            return jax.lax.rsqrt(u * inverse * inverse)
        if self.log_factor == 0.0 and self.beta == 2.0:
            return reciprocal(u * inverse * inverse)
        # r^-62 alone is 0 in float32 at every distance of interest: only the ratio is formed.
        log_k = self.log_factor - self.beta * (0.5 * jnp.log(u) - jnp.log(self.unit))
        return jnp.exp(log_k) if self.beta > 0.0 else -jnp.exp(log_k)

    @property
    def bound(self) -> Scalar:
        """Return the value inside the radius; inf for beta <= 0, where −k has no bound."""
        return self(0.0) if self.beta > 0.0 else math.inf

    @property
    def space_dim(self) -> int:
        """Return the dimension it was made for."""
        return self.dim


def coulomb(
    dim: int,
    *,
    beta: float | None = None,
    scale: Scalar = 1.0,
    epsilon: Scalar | None = None,
    normalized: bool = False,
) -> Kernel:
    """Coulomb kernel: −r/scale in one dimension, −ln(r/scale) in two, (scale/r)^(dim−2) above.

    With ``beta`` given it is (scale/r)^beta, −ln(r/scale) at 0 and −(r/scale)^−beta below 0: a
    Riesz kernel, which solves Poisson's equation only for beta = dim − 2. The Coulomb
    autoencoder uses beta = 2 in 64 dimensions ([sansone2019] footnote 10): with beta = 62 every
    pair but the nearest is 0 in float32. Choose ``scale`` near the distance of typical points.

    Inside radius ``epsilon`` it is constant. This bounds it (0 <= k <= K for dim >= 3), at two
    costs: at the scale of epsilon it is not positive definite (`plummer` is), and pairs closer
    than epsilon feel no force, so that a large epsilon lets a collapsed code stay collapsed.

    Args:
        dim: dimension of the points, at least 1.
        beta: exponent, −2 < beta < dim (it must be integrable at 0); default dim − 2.
        scale: unit of length, > 0; it does not change a normalized kernel.
        epsilon: radius of the clamp, > 0, in the points' unit. Default 1e-6 · scale, or the
            radius at which k is 1e12 times its value at ``scale`` where that is larger.
        normalized: include the constant of [sansone2019] eq. 24 in the points' own unit, so
            that −∇²k is a unit point charge: −r/2, −ln(r)/2π, 1/((dim−2)·S_dim·r^(dim−2)) with
            S_dim the area of the unit sphere.

    Raises:
        TypeError: a parameter is not a number, or dim or beta is traced.
        ValueError: a parameter is out of range, normalized comes with beta other than dim − 2,
            or epsilon is so small that forces overflow float32.

    Warns:
        UserWarning: dim > 20 with beta = dim − 2 and the default scale.

    Source: [sansone2019] eq. 24; beta as there in the experiments.

    >>> from coulomb_jax.mmd import coulomb
    >>> coulomb(3)(4.0).item()
    0.5
    >>> coulomb(64, beta=2)
    coulomb(64, beta=2)
    """
    dim = whole("coulomb: dim", dim)
    beta = float(dim - 2) if beta is None else number("coulomb: beta", beta)
    if not -2.0 < beta < dim:
        raise ValueError(
            f"coulomb: beta must lie between -2 and dim = {dim}, where the kernel is integrable, "
            f"got {beta:g}; leave it out for beta = dim - 2, or use plummer(dim, epsilon)"
        )
    if normalized and beta != dim - 2:
        raise ValueError(
            f"coulomb: normalized=True needs beta = dim - 2 = {dim - 2}, got {beta:g}; "
            "no constant makes another power solve Poisson's equation, so leave one of them out"
        )
    if dim > 20 and beta == dim - 2 and isinstance(scale, float | int) and scale == 1.0:
        warnings.warn(
            f"coulomb: (scale/r)^{beta:g} with scale = 1 is 0 in float32 for typical points in "
            f"{dim} dimensions; pass beta=2, or a scale near their typical distance",
            stacklevel=2,
        )
    scale = positive("coulomb: scale", scale)
    if epsilon is not None:
        epsilon = positive("coulomb: epsilon", epsilon)
    kernel = Coulomb(dim, beta, scale, epsilon, bool(normalized))
    _check_range("coulomb", kernel.radius, kernel.scale, max(beta, 0.0))
    return kernel


@register(static=("dim",))
class Plummer(Kernel):
    """A softened Coulomb kernel; made by `plummer`."""

    spelled = "plummer"

    dim: int
    epsilon: Scalar

    def profile(self, r2: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the kernel at ``r2``."""
        u = r2 + jnp.asarray(self.epsilon, r2.dtype) ** 2
        if self.dim == 1:
            return -jnp.sqrt(u)
        if self.dim == 2:
            return -0.5 * jnp.log(u)
        if self.dim == 3:
            return jax.lax.rsqrt(u)
        return jnp.exp(-0.5 * (self.dim - 2) * jnp.log(u))

    @property
    def bound(self) -> Scalar:
        """Return epsilon^(2−dim); inf in one and two dimensions."""
        return self(0.0) if self.dim > 2 else math.inf

    @property
    def space_dim(self) -> int:
        """Return the dimension it was made for."""
        return self.dim


def plummer(dim: int, epsilon: Scalar) -> Kernel:
    """Plummer kernel, the Coulomb kernel softened at epsilon: (r² + ε²)^(−(dim−2)/2).

    −ln(r² + ε²)/2 in two dimensions and −sqrt(r² + ε²) in one. It is smooth and, unlike the
    clamped Coulomb kernel, positive definite (conditionally so for dim <= 2) at every scale.

    Args:
        dim: dimension of the points, at least 1.
        epsilon: softening length in the points' unit, > 0.

    Raises:
        TypeError: a parameter is not a number, or dim is traced.
        ValueError: a parameter is out of range, or so small that forces overflow float32.

    Warns:
        UserWarning: every value is below 1e-30, next to nothing in float32.

    Source: [unterthiner2018].

    >>> from coulomb_jax.mmd import plummer
    >>> round(plummer(3, 3.0)(16.0).item(), 6)
    0.2
    """
    dim = whole("plummer: dim", dim)
    epsilon = positive("plummer: epsilon", epsilon)
    _check_range("plummer", epsilon, 1.0, max(dim - 2, 0))
    if not isinstance(epsilon, jax.core.Tracer) and (dim - 2) * math.log10(epsilon) > 30:
        warnings.warn(
            f"plummer: epsilon^(2 - dim), its largest value, is next to 0 in float32 at epsilon = "
            f"{float(epsilon):g} and dim = {dim}; measure the points in units of epsilon",
            stacklevel=2,
        )
    return Plummer(dim, epsilon)


def _check_range(name, radius, scale, beta):
    """Refuse a radius at which (scale/radius)^beta or its slope leaves float32."""
    if isinstance(radius, jax.core.Tracer) or isinstance(scale, jax.core.Tracer):
        return
    radius, scale = float(radius), float(scale)
    slope = beta * math.log10(scale / radius) - 2.0 * math.log10(radius)
    if radius < SMALLEST_LENGTH or slope > LARGEST_SLOPE:
        raise ValueError(
            f"{name}: the force at the radius epsilon must stay in float32's range, but "
            f"epsilon = {radius:g} (scale {scale:g}) gives about 10^{slope:.0f}; "
            "choose a larger epsilon, or express the points in a smaller unit"
        )
