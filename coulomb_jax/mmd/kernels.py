"""The kernels of the library: constructors that check, and the formulas they stand for."""

import functools
import operator
from collections.abc import Iterable

import jax.numpy as jnp
from jaxtyping import Array, Float

from coulomb_jax.mmd.coulomb import Coulomb, Plummer, coulomb, plummer
from coulomb_jax.mmd.matern import Laplacian, Matern, laplacian, matern
from coulomb_jax.mmd.radial import (
    Bounded,
    Kernel,
    Scalar,
    Scaled,
    Sum,
    finite_power,
    number,
    positive,
    reciprocal,
    register,
    whole,
)

__all__ = [
    "Coulomb",
    "Energy",
    "Gaussian",
    "InverseMultiquadratic",
    "Kernel",
    "Laplacian",
    "Matern",
    "Plummer",
    "RationalQuadratic",
    "Scaled",
    "Sum",
    "WaeMultiscale",
    "average",
    "coulomb",
    "energy",
    "gaussian",
    "inverse_multiquadratic",
    "laplacian",
    "matern",
    "plummer",
    "rational_quadratic",
    "wae_multiscale",
]

WAE_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


@register()
class Gaussian(Bounded):
    """A Gaussian kernel; made by `gaussian`."""

    spelled = "gaussian"

    sigma: Scalar

    def profile(self, r2: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the kernel at ``r2``."""
        return jnp.exp(r2 * (-0.5 / self.sigma**2))


def gaussian(sigma: Scalar) -> Kernel:
    """Gaussian kernel exp(−r²/(2σ²)).

    Args:
        sigma: bandwidth σ in the points' unit, > 0; `median_heuristic` suggests one.

    Raises:
        ValueError: sigma is not positive.

    Source: [gretton2012].

    >>> from coulomb_jax.mmd import gaussian
    >>> round(gaussian(2.0)(4.0).item(), 6)
    0.606531
    """
    return Gaussian(positive("gaussian: sigma", sigma))


@register()
class InverseMultiquadratic(Bounded):
    """An inverse multiquadratic kernel; made by `inverse_multiquadratic`."""

    spelled = "inverse_multiquadratic"

    c: Scalar

    def profile(self, r2: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the kernel at ``r2``."""
        # As a ratio: the slope of c/(c + r²) would square a 1/(c + r²) that may be out of range.
        return reciprocal(1.0 + r2 * (1.0 / self.c))


def inverse_multiquadratic(c: Scalar) -> Kernel:
    """Inverse multiquadratic kernel c/(c + r²).

    Args:
        c: the squared distance at which it is 1/2, > 0, in the square of the points' unit.

    Raises:
        ValueError: c is not positive.

    Source: [tolstikhin2018] section 4.

    >>> from coulomb_jax.mmd import inverse_multiquadratic
    >>> inverse_multiquadratic(2.0)(6.0).item()
    0.25
    """
    return InverseMultiquadratic(positive("inverse_multiquadratic: c", c))


@register(static=("dim", "scales"))
class WaeMultiscale(Kernel):
    """The kernel of the Wasserstein autoencoder; made by `wae_multiscale`."""

    spelled = "wae_multiscale"

    dim: int
    sigma2: Scalar = 1.0
    scales: tuple[float, ...] = WAE_SCALES

    def profile(self, r2: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the kernel at ``r2``."""
        widths = [2.0 * self.dim * self.sigma2 * scale for scale in self.scales]
        return functools.reduce(jnp.add, [reciprocal(1.0 + r2 * (1.0 / c)) for c in widths])

    @property
    def bound(self) -> float:
        """Return the number of scales."""
        return float(len(self.scales))


def wae_multiscale(dim: int, sigma2: Scalar = 1.0, scales: tuple[float, ...] = WAE_SCALES) -> Kernel:
    """Sum of inverse multiquadratic kernels c/(c + r²) at c = 2·dim·sigma2·s for s in ``scales``.

    2·dim·sigma2 is the mean squared distance of two draws of the prior N(0, sigma2·I).

    Args:
        dim: dimension of the codes, at least 1.
        sigma2: variance of the prior, > 0.
        scales: factors, each > 0.

    Raises:
        TypeError: dim is not a whole number.
        ValueError: a parameter is out of range, or there are no scales.

    Source: [tolstikhin2018] section 4; the seven scales are those of the authors' code.

    >>> from coulomb_jax.mmd import wae_multiscale
    >>> wae_multiscale(8).bound
    7.0
    """
    scales = tuple(float(positive("wae_multiscale: a scale", number("a scale", s))) for s in scales)
    if not scales:
        raise ValueError("wae_multiscale: scales must name at least one factor, got none; add one")
    dim = whole("wae_multiscale: dim", dim)
    return WaeMultiscale(dim, positive("wae_multiscale: sigma2", sigma2), scales)


@register()
class RationalQuadratic(Bounded):
    """A rational quadratic kernel; made by `rational_quadratic`."""

    spelled = "rational_quadratic"

    alpha: Scalar
    scale: Scalar

    def profile(self, r2: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the kernel at ``r2``."""
        return jnp.exp(-self.alpha * jnp.log1p(r2 * (0.5 / (self.alpha * self.scale**2))))


def rational_quadratic(alpha: Scalar, scale: Scalar) -> Kernel:
    """Rational quadratic kernel (1 + r²/(2·alpha·scale²))^−alpha.

    Args:
        alpha: decay, > 0; as it grows the kernel becomes ``gaussian(scale)``.
        scale: length in the points' unit, > 0.

    Raises:
        ValueError: a parameter is not positive.

    Source: [rasmussen2006] eq. 4.19.

    >>> from coulomb_jax.mmd import rational_quadratic
    >>> round(rational_quadratic(1.0, 1.0)(2.0).item(), 6)
    0.5
    """
    return RationalQuadratic(
        positive("rational_quadratic: alpha", alpha), positive("rational_quadratic: scale", scale)
    )


@register(static=("exponent",))
class Energy(Kernel):
    """An energy-distance kernel; made by `energy`."""

    spelled = "energy"

    exponent: float = 1.0

    def profile(self, r2: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the kernel at ``r2``."""
        return -finite_power(r2, self.exponent / 2)


def energy(exponent: float = 1.0) -> Kernel:
    """Energy kernel −r^exponent, conditionally positive definite: its MMD² is the energy distance.

    Args:
        exponent: 0 < exponent < 2.

    Raises:
        ValueError: exponent is out of range.

    Source: [szekely2013].

    >>> from coulomb_jax.mmd import energy
    >>> energy()(9.0).item()
    -3.0
    """
    return Energy(float(positive("energy: exponent", number("energy: exponent", exponent), below=2.0)))


def average(kernels: Iterable[Kernel]) -> Kernel:
    """Average (1/L)·Σ_l k_l of L kernels: one test or loss at several bandwidths at once.

    Its bound is the mean of theirs. Make the kernels inside the function that `jax.grad` or
    `jax.vmap` transforms to learn or sweep their bandwidths.

    Args:
        kernels: at least one.

    Raises:
        TypeError: ``kernels`` is no collection, or something in it is no kernel.
        ValueError: it is empty.

    >>> from coulomb_jax.mmd import average, gaussian
    >>> average(gaussian(sigma) for sigma in (1.0, 2.0, 4.0))
    0.333333 * (gaussian(1) + gaussian(2) + gaussian(4))
    """
    if not isinstance(kernels, Iterable):
        raise TypeError(f"average: kernels must be several kernels, got {kernels!r}; pass a list of them")
    kernels = tuple(kernels)
    if not kernels:
        raise ValueError("average: kernels must hold at least one kernel, got none; add one")
    for kernel in kernels:
        if not isinstance(kernel, Kernel):
            raise TypeError(
                f"average: kernels must all be kernels, but one is {kernel!r}; "
                "make it with one of the constructors of coulomb_jax.mmd"
            )
    return Scaled(1.0 / len(kernels), functools.reduce(operator.add, kernels))
