"""A kernel density estimate of the codes."""

from __future__ import annotations

from coulomb_jax.density import kde as kernels
from coulomb_jax.family import Family, Fit


def kde(family: Family, bandwidth: str | float = "scott") -> Family:
    """Draws a stored code of the training set and adds normal noise.

    Args:
      family: whose codes are stored and drawn.
      bandwidth: a rule, "scott" or "silverman", by which the noise has a share of the codes' own
        covariance; or the standard deviation of noise that is the same in all directions, in the codes'
        units, as the 0.425 of [ghosh2020]'s code.

    Raises:
      ValueError: no such rule, or a bandwidth that is not positive.
    """
    kernels.check_bandwidth(bandwidth)

    def fit(z, key):
        return {"codes": z, "factor": kernels.noise_factor(z, bandwidth)}

    return family._replace(
        stages=(*family.stages, Fit("kde", fit)),
        draw=lambda nets, key, n: kernels.sample(key, n, **nets.kde),
    )
