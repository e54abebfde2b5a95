"""Stored pixels as the numbers that nets see."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def to_units(x: jax.Array, pixel_range: tuple[float, float] | None) -> jax.Array:
    """uint8 pixels 0 to 255 mapped onto (low, high) as float32; anything else as it is."""
    if x.dtype != jnp.uint8:
        return x
    low, high = pixel_range
    return low + (high - low) / 255.0 * x.astype(jnp.float32)
