"""Maximum mean discrepancy in JAX: kernels that never give NaN, and estimates one can trust.

The package needs jax, with the numpy and scipy it brings, and jaxtyping: nothing else of
`coulomb_jax`, and no neural-network library.
"""

from coulomb_jax.mmd.estimators import median_heuristic, mmd2, mmd2_with_error, witness
from coulomb_jax.mmd.kernels import (
    Kernel,
    coulomb,
    energy,
    gaussian,
    inverse_multiquadratic,
    laplacian,
    matern,
    plummer,
    rational_quadratic,
    wae_multiscale,
)
from coulomb_jax.mmd.normal_prior import mmd2_to_normal

__all__ = [
    "Kernel",
    "coulomb",
    "energy",
    "gaussian",
    "inverse_multiquadratic",
    "laplacian",
    "matern",
    "median_heuristic",
    "mmd2",
    "mmd2_to_normal",
    "mmd2_with_error",
    "plummer",
    "rational_quadratic",
    "wae_multiscale",
    "witness",
]
