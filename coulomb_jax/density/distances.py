"""Distances between two samples of codes by name, with lengths that suit a prior of unit variance."""

from __future__ import annotations

import math
from collections.abc import Callable

from coulomb_jax import mmd

# Of the dimension and a length.
KERNELS = {
    "coulomb": lambda d, length: mmd.coulomb(d, beta=None if d <= 3 else 2.0),
    "energy": lambda d, length: mmd.energy(),
    "gaussian": lambda d, length: mmd.gaussian(length),
    "inverse_multiquadratic": lambda d, length: mmd.inverse_multiquadratic(length**2),
    "laplacian": lambda d, length: mmd.laplacian(length),
    "matern": lambda d, length: mmd.matern(1.5, length),
    "plummer": lambda d, length: mmd.plummer(d, length),
    "rational_quadratic": lambda d, length: mmd.rational_quadratic(1.0, length),
    "wae_multiscale": lambda d, length: mmd.wae_multiscale(d, length**2 / (2 * d)),
}
NAMES = ("sliced_energy", *KERNELS)


def between(name: str, dim: int, *, width: float = 1.0, projections: int = 128) -> Callable:
    """The distance `(key, z [n d], y [m d]) -> scalar`, unbiased, so below 0 half of the time at equal laws.

    Args:
      name: "sliced_energy", or a kernel of `coulomb_jax.mmd`, whose MMD^2 it is. coulomb is that of the
        Coulomb autoencoder: 1 / r^2 above three dimensions.
      dim: of the codes.
      width: length of the kernel in units of sqrt(2 dim), the root mean squared distance of two draws of
        the prior, > 0; coulomb, energy and sliced_energy have none.
      projections: lines of the sliced energy.
    """
    if name == "sliced_energy":
        return lambda key, z, y: mmd.sliced_energy(key, z, y, projections=projections)
    kernel = KERNELS[name](dim, width * math.sqrt(2 * dim))
    return lambda key, z, y: mmd.mmd2(z, y, kernel)
