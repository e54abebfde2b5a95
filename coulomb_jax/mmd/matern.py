"""The Matérn kernels of half-integer order; the roughest of them is the Laplacian kernel."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coulomb_jax.mmd.radial import Bounded, Kernel, Scalar, finite_power, number, positive, register


@register()
class Laplacian(Bounded):
    """A Laplacian kernel; made by `laplacian`."""

    spelled = "laplacian"

    scale: Scalar

    def profile(self, r2: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the kernel at ``r2``."""
        return _exponential(r2 / self.scale**2)


def laplacian(scale: Scalar) -> Kernel:
    """Laplacian kernel exp(−r/scale), r the Euclidean distance; the same as ``matern(0.5, scale)``.

    It has a cone at r = 0: there its force is set to 0, the mean over directions.

    Args:
        scale: decay length in the points' unit, > 0.

    Raises:
        ValueError: scale is not positive.

    Source: [gretton2012].

    >>> from coulomb_jax.mmd import laplacian
    >>> round(laplacian(2.0)(4.0).item(), 6)
    0.367879
    """
    return Laplacian(positive("laplacian: scale", scale))


@register(static=("nu",))
class Matern(Bounded):
    """A Matérn kernel; made by `matern`."""

    spelled = "matern"

    nu: float
    scale: Scalar

    def profile(self, r2: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the kernel at ``r2``."""
        t2 = 2.0 * self.nu * r2 / self.scale**2
        return {0.5: _exponential, 1.5: _matern_three_halves, 2.5: _matern_five_halves}[self.nu](t2)


def matern(nu: float, scale: Scalar) -> Kernel:
    """Matérn kernel: with t = sqrt(2·nu)·r/scale, e^−t, (1+t)·e^−t or (1+t+t²/3)·e^−t.

    Args:
        nu: smoothness, 0.5, 1.5 or 2.5.
        scale: length in the points' unit, > 0.

    Raises:
        ValueError: nu is not one of the three, or scale is not positive.

    Source: [abramowitz1964] eq. 10.2.17, the modified Bessel functions of half-integer order.

    >>> from coulomb_jax.mmd import matern
    >>> round(matern(1.5, 1.0)(1.0).item(), 6)
    0.483358
    """
    nu = number("matern: nu", nu)
    if nu not in (0.5, 1.5, 2.5):
        raise ValueError(f"matern: nu must be 0.5, 1.5 or 2.5, got {nu:g}; choose one of them")
    return Matern(nu, positive("matern: scale", scale))


# Functions of t². In t² they differentiate into each other, and only the roughest ends in a
# power of t²; autodiff of sqrt(t²) would give NaN at 0 for all three.


@jax.custom_jvp
def _exponential(t2):
    return jnp.exp(-jnp.sqrt(t2))


@_exponential.defjvp
def _(primals, tangents):
    (t2,), (dt2,) = primals, tangents
    value = _exponential(t2)
    return value, -0.5 * value * finite_power(t2, -0.5) * dt2


@jax.custom_jvp
def _matern_three_halves(t2):
    t = jnp.sqrt(t2)
    return (1.0 + t) * jnp.exp(-t)


@_matern_three_halves.defjvp
def _(primals, tangents):
    (t2,), (dt2,) = primals, tangents
    return _matern_three_halves(t2), -0.5 * _exponential(t2) * dt2


@jax.custom_jvp
def _matern_five_halves(t2):
    t = jnp.sqrt(t2)
    return (1.0 + t + t2 / 3.0) * jnp.exp(-t)


@_matern_five_halves.defjvp
def _(primals, tangents):
    (t2,), (dt2,) = primals, tangents
    return _matern_five_halves(t2), -_matern_three_halves(t2) / 6.0 * dt2
