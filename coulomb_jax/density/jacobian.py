"""How a map stretches space, without its Jacobian."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SMALLEST = 1e-20
"""A squared stretch below it counts as it, so that a map that is constant somewhere has a finite volume."""


def jvp(f: Callable, z: Array, direction: Array) -> Array:
    """The derivative of `f` at `z` along `direction`, by reverse mode alone.

    The pull-back of f is linear in what it pulls back, and its own pull-back is the derivative wanted: a
    double reverse pass, for functions such as our convolutions that have no forward mode.
    """
    y, pull = jax.vjp(f, z)
    _, push = jax.vjp(lambda cotangent: pull(cotangent)[0], jnp.zeros_like(y))
    return push(direction)[0]


def log_volume(f: Callable, z: Float[Array, "b d"], direction: Float[Array, "b d"]) -> Float[Array, " b"]:
    """(d / 2) ln |J u|^2 for the unit vector u of each row's direction: an estimate of ln det(J^T J) / 2.

    Over directions uniform on the sphere its mean lies between ln det(J^T J) / 2 and the bound
    (d / 2) ln(tr(J^T J) / d) of [kumar2020]: both inequalities are Jensen's. It is exact where f
    stretches all directions alike.

    Args:
      f: maps rows on their own, `[b d]` to `[b ...]`.
      z: where.
      direction: any length but 0; normal noise is uniform in direction.
    """
    unit = direction / jnp.linalg.norm(direction, axis=1, keepdims=True)
    moved = jvp(f, z, unit).reshape(z.shape[0], -1)
    return 0.5 * z.shape[1] * jnp.log(jnp.maximum(jnp.sum(moved**2, axis=1), SMALLEST))
