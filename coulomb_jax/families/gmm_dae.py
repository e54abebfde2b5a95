"""The deterministic autoencoder of [saseendran2021]: codes shaped into a Gaussian mixture."""

from __future__ import annotations

from coulomb_jax.density import centres, laws
from coulomb_jax.families import terms
from coulomb_jax.family import Family


def gmm_dae(
    arch,
    *,
    components: int = 10,
    distance: float = 0.0,
    weight: float = 1.0,
    recon_scale: float = 2000.0,
    reduction: str = "mean",
) -> Family:
    """2000 * mean squared error + Kolmogorov-Smirnov distance of the marginals + that of the covariances.

    Both distances are divided by their mean over draws of the prior. That mean is exact here, at the
    batch in hand; the authors take it from 64 batches of 100.

    Args:
      arch: the nets, an `Architecture`.
      components: of the prior, equally likely unit normal laws.
      distance: 0 for the authors' centres, one-hot vectors, which their noise covers (a draw betrays its
        component one time in three); a positive one for centres at least so many standard deviations
        apart: 6 in the authors' unused code, and what clustering needs.
      weight: of each of the two distances, >= 0.
      recon_scale: factor on the reconstruction term; 2000 in the authors' code.
      reduction: of the squared error over coordinates, "mean" (the authors') or "sum".
    """
    law = laws.mixture(centres.make(components, arch.z_dim, distance))
    family = terms.penalized(
        arch,
        terms.ks_and_covariance(lambda nets, key, b: law, weight),
        lambda nets, key, n: law.draw(key, n),
        recon_scale=recon_scale,
        reduction=reduction,
    )
    return family._replace(cluster=law.cluster)
