"""Maximum mean discrepancy in JAX: kernels that never give NaN, and estimates one can trust.

The package needs jax, with the numpy and scipy it brings, and jaxtyping: nothing else of
`coulomb_jax`, and no neural-network library.
"""

from coulomb_jax.mmd.bandwidths import bandwidths, median_heuristic
from coulomb_jax.mmd.bounds import DeviationBound, deviation_bound, samples_needed
from coulomb_jax.mmd.estimators import mmd2, witness
from coulomb_jax.mmd.kernels import (
    Kernel,
    average,
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
from coulomb_jax.mmd.radial import register
from coulomb_jax.mmd.sharded import mmd2_sharded
from coulomb_jax.mmd.sliced import sliced_energy
from coulomb_jax.mmd.standard_error import mmd2_with_error
from coulomb_jax.mmd.two_sample import TestResult, two_sample_test

__all__ = [
    "DeviationBound",
    "Kernel",
    "TestResult",
    "average",
    "bandwidths",
    "coulomb",
    "deviation_bound",
    "energy",
    "gaussian",
    "inverse_multiquadratic",
    "laplacian",
    "matern",
    "median_heuristic",
    "mmd2",
    "mmd2_sharded",
    "mmd2_to_normal",
    "mmd2_with_error",
    "plummer",
    "rational_quadratic",
    "register",
    "samples_needed",
    "sliced_energy",
    "two_sample_test",
    "wae_multiscale",
    "witness",
]
