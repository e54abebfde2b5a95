"""Centres of a mixture of unit normal laws, and which of them a code belongs to."""

from __future__ import annotations

import math

import jax
import numpy as np
from jaxtyping import Array, Float
from scipy.stats import norm, qmc


def make(components: int, dim: int, distance: float) -> Float[np.ndarray, "k d"]:
    """`one_hot` centres for a distance of 0, else `separated` ones."""
    return separated(components, dim, distance) if distance else one_hot(components, dim)


def one_hot(components: int, dim: int) -> Float[np.ndarray, "k d"]:
    """The first unit vectors: modes a distance of sqrt(2) apart, which unit normal laws blur into one.

    Raises:
      ValueError: more components than dimensions.
    """
    if not 1 <= components <= dim:
        raise ValueError(
            f"one-hot centres are at most as many as the {dim} latent dimensions, not {components}; "
            "set family.distance for separated centres, or arch.z_dim"
        )
    return np.eye(components, dim)


def separated(components: int, dim: int, distance: float) -> Float[np.ndarray, "k d"]:
    """Directions spread over the sphere, its radius doubled until the nearest two are `distance` apart.

    The directions are those of normal variables at the points of a Sobol sequence, the same every time.

    Args:
      components: at least 1; at most 2 in one dimension.
      dim: of the codes.
      distance: least distance of two centres, > 0, in standard deviations of a component.

    Raises:
      ValueError: an argument is out of range.
    """
    if components < 1 or not distance > 0 or (dim == 1 and components > 2):
        raise ValueError(
            f"separated centres take at least 1 component (at most 2 in one dimension) and a positive "
            f"distance, not {components} and {distance} in {dim} dimensions"
        )
    points = qmc.Sobol(dim, seed=0).random_base2(math.ceil(math.log2(max(components, 2))))[:components]
    directions = norm.ppf(points)
    centres = directions / np.linalg.norm(directions, axis=1, keepdims=True)
    if dim == 1:
        centres = np.array([[-1.0], [1.0]])[:components]
    while components > 1 and _nearest(centres) < distance:
        centres = 2.0 * centres
    return centres


def responsibilities(z: Float[Array, "n d"], centres: Float[np.ndarray, "k d"]) -> Float[Array, "n k"]:
    """The probability that each code was drawn around each of equally likely centres; rows sum to 1."""
    # -|z - c|^2 / 2 without |z|^2, which is the same for every centre.
    scores = jax.numpy.matmul(z, centres.T, precision="highest") - 0.5 * (centres**2).sum(axis=1)[None]
    return jax.nn.softmax(scores, axis=1)


def _nearest(centres: np.ndarray) -> float:
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    return float(apart[~np.eye(len(centres), dtype=bool)].min())
