"""Wasserstein autoencoder with an adversary among the codes [tolstikhin2018]."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from coulomb_jax.families import terms
from coulomb_jax.family import Family, Stage, Update


def wae_gan(
    arch,
    *,
    weight: float = 10.0,
    sigma2: float = 1.0,
    critic: tuple[int, ...] = (512, 512, 512, 512),
    known_prior: bool = False,
    recon_scale: float = 0.05,
    reduction: str = "sum",
    jitter: float = 0.0,
    pretrain: bool = False,
) -> Family:
    """0.05 * squared reconstruction error - weight * ln P(the critic takes a code for a draw of the prior).

    A round is algorithm 1 of the paper: the critic moves, then encoder and decoder on the same batch. (Its
    authors' code has them the other way round.)

    Args:
      arch: the nets, an `Architecture`.
      weight: lambda, >= 0, of both players' losses; 10 on MNIST, 1 on CelebA.
      sigma2: the prior's variance, > 0.
      critic: neurons of its hidden layers; four of 1024 on CelebA.
      known_prior: adds -|z|^2 / (2 sigma2) to the critic's logit: the density of the prior need not be
        learned, only that of the codes.
      recon_scale: factor on the reconstruction term, 0.05 in the authors' code.
      reduction: of the squared error over coordinates, "sum" (the authors') or "mean".
      jitter: standard deviation of the noise on what the encoder sees in training; 0.01 in their code.
      pretrain: the encoder begins with the prior's mean and covariance, by a stage of its own.

    Raises:
      ValueError: a negative weight, or a variance that is not positive.
    """
    if not sigma2 > 0:
        raise ValueError(f"the prior's variance is positive, not {sigma2}; choose another sigma2")
    if weight < 0:
        raise ValueError(f"the weight of the adversary is at least 0, not {weight}; choose another")

    sigma = math.sqrt(sigma2)

    def judged(nets):
        """The critic's logit of codes."""
        if known_prior:
            return lambda z: nets.critic(z) - 0.5 / sigma2 * jnp.sum(z**2, axis=1)
        return nets.critic

    def encoded(nets, x, key):
        return nets.encoder(terms.jittered(nets, jax.random.fold_in(key, 1), x, jitter))

    def tell_apart(nets, x, key):
        z = encoded(nets, x, key)
        apart = terms.told_apart(judged(nets), sigma * terms.noise(nets, key, z.shape), z)
        return weight * apart, {"cross_entropy": apart}

    def autoencode(nets, x, key):
        z = encoded(nets, x, key)
        recon = terms.squared_error(x, nets.decoder(z), reduction)
        adversarial = terms.taken_for_real(judged(nets), z)
        loss = recon_scale * recon + weight * adversarial
        return loss, {"reconstruction": recon, "adversarial": adversarial}

    moves = (
        Update("critic", tell_apart, ("critic",)),
        Update("autoencoder", autoencode, ("encoder", "decoder")),
    )
    family = Family(
        nets={"encoder": arch.encoder(), "decoder": arch.decoder(), "critic": arch.critic(critic)},
        stages=(Stage("train", moves),),
        encode=lambda nets, x, key: nets.encoder(x),
        decode=lambda nets, z: nets.decoder(z),
        draw=terms.normal_prior(arch.z_dim, sigma),
    )
    return terms.pretrained(family) if pretrain else family
