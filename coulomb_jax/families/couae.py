"""Coulomb Autoencoder [sansone2019]: codes and prior as opposite charges."""

from __future__ import annotations

from coulomb_jax import mmd
from coulomb_jax.families import terms
from coulomb_jax.family import Family


def couae(
    arch,
    *,
    weight: float = 100.0,
    beta: float | None = None,
    scale: float = 1.0,
    epsilon: float | None = None,
    normalized: bool = False,
    prior: str = "sampled",
    recon_scale: float = 1.0,
    reduction: str = "sum",
) -> Family:
    """Squared reconstruction error + weight * MMD^2 under the Coulomb kernel, eq. 2 of [sansone2019].

    Args:
      arch: the nets, an `Architecture`.
      weight: lambda of the paper, >= 0, 100 in its experiments. It acts as lambda times the square of
        the data's unit: data ten times larger need a hundred times the weight.
      beta: exponent of 1 / r^beta. None: Coulomb's own law up to three dimensions (-r in one, -ln r in
        two, 1 / r in three), 2 above, as the paper has on CelebA: the true exponent z_dim - 2 is
        out of float's reach and leaves a collapsed code without a force.
      scale: the distance at which the kernel is 1 (0 in two dimensions).
      epsilon: radius inside which the kernel is constant; None for the library's choice.
      normalized: with the constant of eq. 3, 1 / (2 pi) in two dimensions.
      prior: "sampled" as in the paper, or "exact", integrated over N(0, I).
      recon_scale: factor on the reconstruction term.
      reduction: of the squared error over coordinates, "sum" (the paper's) or "mean".
    """
    if beta is None and arch.z_dim > 3:
        beta = 2.0
    kernel = mmd.coulomb(arch.z_dim, beta=beta, scale=scale, epsilon=epsilon, normalized=normalized)
    return terms.matched(arch, kernel, weight, prior, recon_scale=recon_scale, reduction=reduction)
