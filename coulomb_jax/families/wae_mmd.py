"""Wasserstein autoencoder with the MMD penalty [tolstikhin2018]."""

from __future__ import annotations

import math

from coulomb_jax import mmd
from coulomb_jax.families import terms
from coulomb_jax.family import Family


def wae_mmd(
    arch,
    *,
    weight: float = 10.0,
    sigma2: float = 1.0,
    scales: tuple[float, ...] = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
    prior: str = "sampled",
    recon_scale: float = 0.05,
    reduction: str = "sum",
    jitter: float = 0.0,
    pretrain: bool = False,
) -> Family:
    """0.05 * squared reconstruction error + weight * MMD^2 under seven summed IMQ kernels.

    Args:
      arch: the nets, an `Architecture`.
      weight: lambda, >= 0; 10 on MNIST, 100 on CelebA.
      sigma2: the prior's variance, > 0, which the kernel widths C = 2 z_dim sigma2 scale follow.
      scales: of the seven kernels C / (C + r^2), which are summed, not averaged.
      prior: "sampled" as in the paper, or "exact", integrated over N(0, sigma2 I).
      recon_scale: factor on the reconstruction term, 0.05 in the authors' code.
      reduction: of the squared error over coordinates, "sum" (the authors') or "mean".
      jitter: standard deviation of the noise on what the encoder sees in training; 0.01 in their code.
      pretrain: the encoder begins with the prior's mean and covariance, by a stage of its own.
    """
    kernel = mmd.wae_multiscale(arch.z_dim, sigma2=sigma2, scales=tuple(scales))
    options = {"recon_scale": recon_scale, "reduction": reduction, "jitter": jitter}
    options["sigma"] = math.sqrt(sigma2)
    family = terms.matched(arch, kernel, weight, prior, **options)
    return terms.pretrained(family) if pretrain else family
