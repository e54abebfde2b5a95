"""Mask adversarial autoencoder [mondal2020]: it learns how many latent dimensions the data have."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from coulomb_jax.families import terms
from coulomb_jax.family import Family, Stage, Update
from coulomb_jax.naming import nearest

LIKELIHOODS = {"cross_entropy": terms.cross_entropy, "squared_error": terms.squared_error}
ACTIVE = 0.1
"""The least mask of a dimension that counts as in use."""

LARGEST = 2048.0
"""Where the pressure on the masks to be 0 or 1 stops doubling."""


def mask_aae(
    arch,
    *,
    likelihood: str = "cross_entropy",
    reduction: str = "mean",
    critic: tuple[int, ...] = (1024, 1024, 1024, 1024),
    critic_moves: int = 5,
    gradient_penalty: float = 10.0,
    spread: float = 100.0,
    fidelity: float = 1000.0,
    doubling: int = 0,
) -> Family:
    """Reconstruction through a learned mask of the code, which a critic compares with the masked prior.

    A round is that of the authors' code: encoder and decoder reconstruct; the critic moves; the encoder
    moves against it; the mask moves.

    Args:
      arch: the nets, an `Architecture`; `z_dim` is the capacity that the mask takes from.
      likelihood: of the data, "cross_entropy" for pixels in [0, 1] (the authors'), or "squared_error".
      reduction: of it over coordinates, "mean" (the authors') or "sum".
      critic: its hidden layers.
      critic_moves: a round.
      gradient_penalty: weight of the critic's (slope - 1)^2.
      spread: weight of the variance of dimensions that are masked out.
      fidelity: weight of the reconstruction in the mask's loss.
      doubling: rounds in which the pressure on the masks to be 0 or 1 doubles, from 2 / z_dim to 2048; 0
        for the authors' choice, 4 T with T = 75 up to 20 dimensions and 112.5 z_dim, at most 10,000, above.
    """
    if likelihood not in LIKELIHOODS:
        raise ValueError(nearest("likelihood", likelihood, LIKELIHOODS))
    rounds = doubling or 4 * (75 if arch.z_dim <= 20 else min(10_000, math.floor(112.5 * arch.z_dim)))

    def masked(nets, z):
        return nets.mask()[None] * z

    def reconstruction(nets, x, codes):
        if likelihood == "cross_entropy" and arch.x_range != (0.0, 1.0):
            raise ValueError(
                f"a cross-entropy is of pixels in [0, 1], but the data's range is {arch.x_range}; set "
                "family.likelihood to squared_error, or the range to (0, 1)"
            )
        return LIKELIHOODS[likelihood](x, nets.decoder(codes), reduction)

    def reconstruct(nets, x, key):
        z = nets.encoder(x)
        recon = reconstruction(nets, x, masked(nets, z))
        centre = jnp.mean(nets.gather(z), axis=0)
        variance = jnp.mean((z - centre[None]) ** 2 * jnp.exp(-10.0 * nets.mask() ** 2)[None])
        return recon + spread * variance, {"reconstruction": recon, "spread": variance}

    def criticize(nets, x, key):
        prior, between = jax.random.split(key)
        fake = masked(nets, nets.encoder(x))
        real = masked(nets, terms.noise(nets, prior, fake.shape))
        return terms.critic_loss(nets, between, real, fake, gradient_penalty)

    def encode_as_prior(nets, x, key):
        return -jnp.mean(nets.critic(masked(nets, nets.encoder(x)))), {}

    def choose(nets, x, key):
        codes = masked(nets, nets.encoder(x))
        recon = reconstruction(nets, x, codes)
        prior = masked(nets, terms.noise(nets, key, codes.shape))
        lead = jnp.mean(nets.gather(nets.critic(codes) - nets.critic(prior)))
        mask, pressure = nets.mask(), 2.0 / arch.z_dim * 2.0 ** (nets.step // rounds)
        between = jnp.sum(mask * (1.0 - mask))
        loss = fidelity * recon + (1.0 - lead) ** 2 + jnp.minimum(pressure, LARGEST) * between
        active = jnp.sum(mask >= ACTIVE).astype(jnp.float32)
        return loss, {"reconstruction": recon, "active": active, "undecided": between}

    updates = (
        Update("autoencoder", reconstruct, ("encoder", "decoder")),
        Update("critic", criticize, ("critic",), critic_moves),
        Update("encoder", encode_as_prior, ("encoder",)),
        Update("mask", choose, ("mask",)),
    )
    return Family(
        nets={
            "encoder": arch.encoder(),
            "decoder": arch.decoder(),
            "critic": arch.critic(critic, glorot=True),
            "mask": arch.mask(),
        },
        stages=(Stage("train", updates),),
        encode=lambda nets, x, key: masked(nets, nets.encoder(x)),
        decode=lambda nets, z: nets.decoder(z),
        draw=lambda nets, key, n: masked(nets, jax.random.normal(key, (n, arch.z_dim))),
    )
