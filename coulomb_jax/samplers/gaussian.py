"""One Gaussian fitted to the codes after training."""

from __future__ import annotations

from coulomb_jax.density import gaussian as normal
from coulomb_jax.family import Family, Fit


def gaussian(family: Family) -> Family:
    """Draws from the normal law with the mean and covariance of the training codes."""
    return family._replace(
        stages=(*family.stages, Fit("gaussian", lambda z, key: normal.fit(z))),
        draw=lambda nets, key, n: normal.sample(key, n, **nets.gaussian),
    )
