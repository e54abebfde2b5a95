"""The ratio of two densities from samples of both."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float


def logistic_loss(above: Float[Array, " n"], below: Float[Array, " m"]) -> Float[Array, ""]:
    """The loss whose minimiser over functions is ln p - ln q: that of telling the two samples apart.

    E_p softplus(-T) + E_q softplus(T), in nats, 2 ln 2 for T = 0 [sugiyama2012].

    Args:
      above: T at points of p, the ratio's numerator.
      below: T at points of q, its denominator.
    """
    return jnp.mean(jax.nn.softplus(-above)) + jnp.mean(jax.nn.softplus(below))
