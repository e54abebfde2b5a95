"""Paths between codes."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Float

# Below this sine of the angle between two codes a circle through them is a line, or undefined.
PARALLEL = 1e-6


def linear(
    a: Float[Array, "n d"], b: Float[Array, "n d"], t: Float[ArrayLike, " k"]
) -> Float[Array, "n k d"]:
    """Points (1 − t)·a + t·b of the straight line; t = 1/2 is the midpoint.

    Under N(0, I) in many dimensions the midpoint of two draws has 0.71 of their norm, where
    the prior has almost no mass.

    Args:
      a: codes where t = 0.
      b: codes where t = 1, one for each of a.
      t: k places, usually in [0, 1].

    Raises:
      ValueError: shapes that do not fit together.

    Source: [ghosh2020], its first variant.
    """
    a, b, t = _ends(a, b, t)
    return (1.0 - t) * a + t * b


def norm_preserving(
    a: Float[Array, "n d"], b: Float[Array, "n d"], t: Float[ArrayLike, " k"]
) -> Float[Array, "n k d"]:
    """The directions of `linear`, each at the norm (1 − t)·‖a‖ + t·‖b‖.

    Where the line meets the origin, a = −c·b, there is no direction and the point is 0.

    Args:
      a: as for `linear`.
      b: as for `linear`.
      t: as for `linear`; in [0, 1].

    Raises:
      ValueError: shapes that do not fit together.

    Source: [ghosh2020], its second variant: at t = 1/2 the mean norm of both ends.
    """
    straight = linear(a, b, t)
    a, b, t = _ends(a, b, t)
    wanted = (1.0 - t) * _norm(a) + t * _norm(b)
    found = _norm(straight)
    return straight * jnp.where(found > 0, wanted / jnp.where(found > 0, found, 1.0), 0.0)


def spherical(
    a: Float[Array, "n d"], b: Float[Array, "n d"], t: Float[ArrayLike, " k"]
) -> Float[Array, "n k d"]:
    """sin((1 − t)·Ω)/sin Ω · a + sin(t·Ω)/sin Ω · b, with Ω the angle between a and b.

    Codes of one norm are joined by the arc between them. Parallel codes are joined by the line,
    and so are opposite ones, between which no arc is the shortest, and a code that is 0.

    Args:
      a: as for `linear`.
      b: as for `linear`.
      t: as for `linear`.

    Raises:
      ValueError: shapes that do not fit together.

    Source: [shoemake1985]; for codes [white2016].
    """
    straight = linear(a, b, t)
    a, b, t = _ends(a, b, t)
    of_a, of_b = (jnp.where(_norm(z) > 0, z / jnp.where(_norm(z) > 0, _norm(z), 1.0), 0.0) for z in (a, b))
    # Not the arccosine of the product, which in float32 knows small angles to 3e-4 only.
    angle = 2.0 * jnp.arctan2(_norm(of_a - of_b), _norm(of_a + of_b))
    sine = jnp.sin(angle)
    curved = (sine > PARALLEL) & (_norm(a) > 0) & (_norm(b) > 0)
    safe = jnp.where(curved, sine, 1.0)
    arc = (jnp.sin((1.0 - t) * angle) * a + jnp.sin(t * angle) * b) / safe
    return jnp.where(curved, arc, straight)


def _ends(a, b, t):
    """Both ends as [n 1 d] and the places as [1 k 1], floating."""
    a, b, t = jnp.asarray(a), jnp.asarray(b), jnp.asarray(t)
    if a.ndim != 2 or a.shape != b.shape or t.ndim != 1:
        raise ValueError(
            f"codes must be two [n, d] and places [k], not {a.shape}, {b.shape} and {t.shape}; reshape them"
        )
    dtype = jnp.promote_types(jnp.promote_types(a.dtype, b.dtype), jnp.float32)
    return a.astype(dtype)[:, None, :], b.astype(dtype)[:, None, :], t.astype(dtype)[None, :, None]


def _norm(z):
    return jnp.sqrt(jnp.sum(z * z, -1, keepdims=True))
