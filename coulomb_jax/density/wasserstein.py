"""The Wasserstein critic's gradient penalty."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def gradient_penalty(
    critic: Callable, x: Float[Array, "b ..."], y: Float[Array, "b ..."], mix: Float[Array, " b"]
) -> Float[Array, ""]:
    """Mean of (|gradient of the critic| - 1)^2 at mix * x + (1 - mix) * y, [gulrajani2017] eq. 3.

    Args:
      critic: `[b ...]` to `[b]`, an example's value depending on that example alone.
      x: draws of one law.
      y: draws of the other.
      mix: uniform on [0, 1], one an example.
    """
    mix = mix.reshape(-1, *[1] * (x.ndim - 1))
    slopes = jax.grad(lambda points: jnp.sum(critic(points)))(mix * x + (1.0 - mix) * y)
    squares = jnp.sum(slopes.reshape(x.shape[0], -1) ** 2, axis=1)
    # A critic that is flat at a point has no direction to steepen in; the root of 0 would give NaN.
    norms = jnp.sqrt(jnp.maximum(squares, 1e-24))
    return jnp.mean((norms - 1.0) ** 2)
