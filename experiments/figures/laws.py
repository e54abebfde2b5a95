"""What is known of N(0, I), the ruler that codes are held against."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float

LEVELS = (0.5, 0.9, 0.99)


def radii(levels: tuple[float, ...] = LEVELS) -> Float[np.ndarray, "k"]:
    """Radii of the discs that hold these shares of N(0, I) in the plane: sqrt(-2 ln(1 - level))."""
    return np.sqrt(-2 * np.log1p(-np.array(levels)))


def normal(x: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """The density of N(0, 1)."""
    return np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)


def chi(r: Float[np.ndarray, "n"], dimension: int) -> Float[np.ndarray, "n"]:
    """The density at r > 0 of the norm of a point drawn from N(0, I)."""
    log_constant = (1 - dimension / 2) * math.log(2) - math.lgamma(dimension / 2)
    return np.exp(log_constant + (dimension - 1) * np.log(r) - r**2 / 2)


def principal_plane(codes: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "d 2"]:
    """Orthonormal directions in which the codes vary most, each pointing to its largest entry."""
    centred = codes - codes.mean(axis=0)
    plane = np.linalg.eigh(centred.T @ centred)[1][:, :-3:-1]
    # An eigenvector's sign is the library's choice; the figure should not depend on it.
    largest = plane[np.argmax(np.abs(plane), axis=0), (0, 1)]
    return plane * np.where(largest < 0, -1.0, 1.0)[None, :]
