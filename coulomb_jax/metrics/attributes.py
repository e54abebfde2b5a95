"""Directions in the code along which an attribute of the example changes."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Bool, Float


def attribute_directions(
    codes: Float[Array, "n d"], attributes: Bool[Array, "n a"]
) -> Float[np.ndarray, "a d"]:
    """Mean code of the examples with an attribute, less that of those without, for each attribute.

    A code moved by 1 along it goes from one mean to the other. What comes with the attribute in
    the data comes with the direction too: bearded faces are male.

    Args:
      codes: of n examples, floating.
      attributes: whether each example has each of a attributes; for classes, `labels == k`.

    Returns:
      Directions, from means in float64.

    Raises:
      ValueError: shapes that do not fit together, or an attribute that all have or none.

    Source: [larsen2016].
    """
    codes, attributes = np.asarray(codes).astype(np.float64), np.asarray(attributes).astype(bool)
    if codes.ndim != 2 or attributes.ndim != 2 or len(codes) != len(attributes):
        raise ValueError(
            f"codes must be [n, d] and attributes [n, a], but the shapes are {codes.shape} and "
            f"{attributes.shape}; give every example a row in both"
        )
    having = attributes.sum(0)
    alike = np.flatnonzero((having == 0) | (having == len(codes)))
    if len(alike):
        raise ValueError(
            f"an attribute must divide the examples, but all or none have those at {alike.tolist()}; "
            "leave them out or add examples"
        )
    sums = attributes.T.astype(np.float64) @ codes
    without = codes.sum(0)[None, :] - sums
    return sums / having[:, None] - without / (len(codes) - having)[:, None]


def moved(
    codes: Float[Array, "n d"], direction: Float[Array, " d"], amounts: Float[ArrayLike, " k"]
) -> Float[Array, "n k d"]:
    """Codes z + t·direction for each amount t.

    Args:
      codes: n codes.
      direction: one of `attribute_directions`.
      amounts: k multiples of the direction, any sign; 0 is the code itself.

    Raises:
      ValueError: shapes that do not fit together.
    """
    z, direction, t = jnp.asarray(codes), jnp.asarray(direction), jnp.asarray(amounts)
    if z.ndim != 2 or direction.shape != z.shape[1:] or t.ndim != 1:
        raise ValueError(
            f"codes [n, d], a direction [d] and amounts [k] must fit together, but the shapes are {z.shape}, "
            f"{direction.shape} and {t.shape}; take one direction at a time"
        )
    return z[:, None, :] + t[None, :, None] * direction[None, None, :]
