"""What every kernel is: a function of the squared distance that adds, scales and never gives NaN."""

import abc
import dataclasses
import functools
import math
import numbers
import typing
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float

from coulomb_jax.mmd.points import wide

Scalar = float | Float[Array, ""]


class Kernel(abc.ABC):
    """A radial kernel k(x, y) = profile(‖x − y‖²), a pytree whose leaves are its parameters.

    Call it on squared distances of any shape; the answer is float32 (float64 for float64).
    ``k1 + k2`` and ``3.0 * k`` are kernels again. Parameters may be traced, so a bandwidth can
    be learned by ``jax.grad``, or swept by ``jax.vmap`` over the constructor's argument.

    A subclass is a frozen dataclass decorated with `register`, with a method ``profile(r2)``
    whose value and derivatives are finite for every finite r2 >= 0, and a property ``bound``
    where it has one; ``spelled`` is the name of its constructor.
    """

    __array_ufunc__ = None  # numpy scalars hand `scalar * kernel` over to __rmul__

    def __call__(self, r2: Float[ArrayLike, "..."]) -> Float[Array, "..."]:
        """Return the kernel at squared distances ``r2 >= 0``, elementwise."""
        return self.profile(wide(r2))

    @abc.abstractmethod
    def profile(self, r2: Float[Array, "..."]) -> Float[Array, "..."]:
        """Return the kernel at ``r2``, float32 or float64: the formula."""

    @property
    def bound(self) -> Scalar:
        """K = sup |k| of [sansone2019] theorem 2; inf where there is none, or none is known."""
        return math.inf

    @property
    def space_dim(self) -> int | None:
        """Return the dimension of the only space it is meant for, None if it suits any."""
        return None

    def __add__(self, other):
        """Return the sum of two kernels."""
        if not isinstance(other, Kernel):
            return self if _is_zero(other) else NotImplemented
        return Sum(_terms(self) + _terms(other))

    __radd__ = __add__  # sum([k1, k2]) begins at 0

    def __mul__(self, weight):
        """Return the kernel times a positive number."""
        if isinstance(weight, Kernel):
            return NotImplemented
        return Scaled(positive("a kernel's weight", weight), self)

    __rmul__ = __mul__

    def __repr__(self):
        """Return the call that makes it, without the arguments left at their defaults."""
        fields = dataclasses.fields(self)
        given = [shown(getattr(self, field.name)) for field in fields if field.default is dataclasses.MISSING]
        name = getattr(self, "spelled", type(self).__name__)
        return f"{name}({', '.join(given + changed(self, *[f.name for f in fields]))})"


class Bounded(Kernel):
    """A kernel whose largest value is k(0) = 1."""

    @property
    def bound(self) -> float:
        """Return 1."""
        return 1.0


@typing.dataclass_transform(frozen_default=True)
def register(*, static: tuple[str, ...] = ()):
    """Class decorator: a frozen dataclass whose fields, but the static ones, are pytree leaves.

    Args:
        static: names of the fields that fix the formula: hashable, never traced.

    >>> import jax.numpy as jnp
    >>> from coulomb_jax import mmd
    >>> @mmd.register()
    ... class Cauchy(mmd.Kernel):
    ...     width: float
    ...     def profile(self, r2):
    ...         return 1.0 / (1.0 + r2 / self.width**2)
    >>> mmd.mmd2(jnp.zeros((2, 1)), jnp.ones((2, 1)), Cauchy(1.0)).item()
    1.0
    """

    def decorate(cls):
        cls = dataclasses.dataclass(frozen=True, repr=False)(cls)
        names = [field.name for field in dataclasses.fields(cls)]
        leaves = [name for name in names if name not in static]
        keys = [jax.tree_util.GetAttrKey(name) for name in leaves]

        def parts(kernel, names):
            return tuple(getattr(kernel, name) for name in names)

        # Not register_dataclass: jaxlib 0.10 and 0.11 take two classes of as many fields for equal,
        # and then jit, now and then, runs the program of one kernel for the other.
        jax.tree_util.register_pytree_with_keys(
            cls,
            lambda kernel: (tuple(zip(keys, parts(kernel, leaves))), parts(kernel, static)),
            lambda aux, children: cls(**dict(zip(static, aux)), **dict(zip(leaves, children))),
            lambda kernel: (parts(kernel, leaves), parts(kernel, static)),
        )
        return cls

    return decorate


@register()
class Sum(Kernel):
    """k(r²) = Σ_l k_l(r²)."""

    kernels: tuple[Kernel, ...]

    def profile(self, r2):
        """Return the sum of the terms at ``r2``."""
        return functools.reduce(jnp.add, [kernel(r2) for kernel in self.kernels])

    @property
    def bound(self):
        """Return the sum of the terms' bounds."""
        return sum(kernel.bound for kernel in self.kernels)

    @property
    def space_dim(self):
        """Return the dimension the first particular term is meant for."""
        return next((k.space_dim for k in self.kernels if k.space_dim is not None), None)

    def __repr__(self):
        """Return the terms joined by plus signs."""
        return " + ".join(map(repr, self.kernels))


@register()
class Scaled(Kernel):
    """k(r²) = weight · kernel(r²), weight > 0."""

    weight: Scalar
    kernel: Kernel

    def profile(self, r2):
        """Return the weighted kernel at ``r2``."""
        return self.weight * self.kernel(r2)

    @property
    def bound(self):
        """Return the weighted bound."""
        return self.weight * self.kernel.bound

    @property
    def space_dim(self):
        """Return the dimension the kernel is meant for."""
        return self.kernel.space_dim

    def __repr__(self):
        """Return the product as it is typed."""
        inner = f"({self.kernel!r})" if isinstance(self.kernel, Sum) else repr(self.kernel)
        return f"{shown(self.weight)} * {inner}"


def positive(what: str, value: Scalar, below: float = math.inf) -> Scalar:
    """Return ``value``, checked to be a positive finite number where it is known already.

    Raises:
        TypeError: it is no real number.
        ValueError: it is an array with axes, not positive, not finite, or not under ``below``.
    """
    if isinstance(value, jax.core.Tracer):
        return value
    if not isinstance(value, numbers.Real | np.generic | np.ndarray | jax.Array) or isinstance(value, bool):
        raise TypeError(f"{what} must be a real number, got {value!r}; pass a float")
    if np.ndim(value):
        raise ValueError(
            f"{what} must be one number, got shape {np.shape(value)}; "
            "sum several kernels, or jax.vmap over the constructor"
        )
    if not 0.0 < float(value) < below:
        limit = "finite" if below == math.inf else f"less than {below:g}"
        raise ValueError(f"{what} must be greater than 0 and {limit}, got {float(value):g}; choose another")
    # A known float array stays a leaf of its own dtype; everything else is a Python float.
    is_float_array = isinstance(value, jax.Array) and jnp.issubdtype(value.dtype, jnp.floating)
    return value if is_float_array else float(value)


def whole(what: str, value: int) -> int:
    """Return ``value``, checked to be a whole number of at least 1 (part of a kernel's structure).

    Raises:
        TypeError: it is no integer, or it is traced.
        ValueError: it is less than 1.
    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool):
        raise TypeError(f"{what} must be a whole number, got {value!r}; pass a Python int")
    if value < 1:
        raise ValueError(f"{what} must be at least 1, got {value}; pass the points' dimension")
    return int(value)


def number(what: str, value: float) -> float:
    """Return ``value``, checked to be a known finite number (part of a kernel's structure).

    Raises:
        TypeError: it is no real number, or it is traced.
        ValueError: it is not finite.
    """
    if not isinstance(value, numbers.Real) or isinstance(value, bool):
        raise TypeError(
            f"{what} fixes the kernel's formula and must be a Python number, got {value!r}; "
            "it can be neither traced nor an array"
        )
    if not math.isfinite(value):
        raise ValueError(f"{what} must be finite, got {value}; choose another")
    return float(value)


def shown(value) -> str:
    """Return a parameter as it is typed: short digits for a number, its type for a tracer."""
    if isinstance(value, jax.core.Tracer) or (isinstance(value, jax.Array) and value.ndim):
        return f"<{value.dtype}{list(value.shape)}>"
    return f"{float(value):g}" if isinstance(value, float | jax.Array) else repr(value)


def changed(kernel: Any, *names: str) -> list[str]:
    """Return ``name=value`` for those of the fields that are not at their defaults."""
    defaults = {field.name: field.default for field in dataclasses.fields(kernel)}
    kept = []
    for name in names:
        value, default = getattr(kernel, name), defaults[name]
        if default is dataclasses.MISSING:
            continue
        if isinstance(value, jax.Array) or value != default:
            kept.append(f"{name}={shown(value)}")
    return kept


@functools.partial(jax.custom_jvp, nondiff_argnums=(1,))
def finite_power(u: Float[Array, "..."], exponent: float) -> Float[Array, "..."]:
    """u^exponent for u >= 0, and 0 where a negative power would leave the range of the dtype.

    Its derivative is exponent · finite_power(u, exponent − 1), so derivatives of every order are
    finite everywhere: plain autodiff of sqrt at 0 gives inf, and NaN once a zero multiplies it.
    """
    if exponent == 0.0:
        return jnp.ones_like(u)
    if exponent > 0.0:
        return jnp.sqrt(u) if exponent == 0.5 else jnp.power(u, exponent)
    limits = jnp.finfo(u.dtype)
    smallest = max(float(limits.tiny), (1e-3 * float(limits.max)) ** (1.0 / exponent))
    inside = u >= smallest
    known = jnp.where(inside, u, 1.0)
    powered = jax.lax.rsqrt(known) if exponent == -0.5 else jnp.power(known, exponent)
    return jnp.where(inside, powered, 0.0)


@finite_power.defjvp
def _(exponent, primals, tangents):
    (u,), (du,) = primals, tangents
    return finite_power(u, exponent), exponent * finite_power(u, exponent - 1.0) * du


@jax.custom_jvp
def reciprocal(u: Float[Array, "..."]) -> Float[Array, "..."]:
    """1/u, whose derivative −(1/u)² reuses the value: division is what a kernel's slope waits for."""
    return 1.0 / u


@reciprocal.defjvp
def _(primals, tangents):
    value = reciprocal(primals[0])
    return value, -value * value * tangents[0]


def _is_zero(value):
    return isinstance(value, numbers.Real) and value == 0


def _terms(kernel):
    return kernel.kernels if isinstance(kernel, Sum) else (kernel,)
