"""FlexAE [mondal2021]: codes and a generated prior that move towards each other."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from coulomb_jax.families import terms
from coulomb_jax.family import Family, Stage, Update

LAYERS = (1024, 1024, 1024, 1024)


def flex_ae(
    arch,
    *,
    noise_dim: int = 0,
    generator: tuple[int, ...] = LAYERS,
    critic: tuple[int, ...] = LAYERS,
    critic_moves: int = 5,
    gradient_penalty: float = 10.0,
    smoothing: bool = False,
    reduction: str = "sum",
) -> Family:
    """Squared reconstruction error, and a Wasserstein game of codes against a generator's.

    A round is that of the authors' code: encoder and decoder reconstruct; the critics move; with smoothing,
    encoder and decoder move against the data's critic; the generator moves; the encoder moves. No term
    has a weight: learning rates are the weights, the encoder's in the game a twentieth of the
    autoencoder's.

    Args:
      arch: the nets, an `Architecture`.
      noise_dim: of the generator's normal noise; 0 for as many as latent dimensions.
      generator: its hidden layers: the capacity of the prior.
      critic: those of the critic of codes.
      critic_moves: a round.
      gradient_penalty: weight of the critics' (slope - 1)^2.
      smoothing: whether a second critic asks that decodings between two codes look like data: in the
        released code, not in the paper.
      reduction: of the squared error over coordinates, "sum" (the authors') or "mean".
    """
    noise_dim = noise_dim or arch.z_dim

    def generated(nets, key, b):
        return nets.generator(terms.noise(nets, key, (b, noise_dim)))

    def reconstruct(nets, x, key):
        recon = terms.squared_error(x, nets.decoder(nets.encoder(x)), reduction)
        return recon, {"reconstruction": recon}

    def criticize(nets, x, key):
        noise, between = jax.random.split(key)
        fake = generated(nets, noise, x.shape[0])
        return terms.critic_loss(nets, between, nets.encoder(x), fake, gradient_penalty)

    def generate(nets, x, key):
        return -jnp.mean(nets.critic(generated(nets, key, x.shape[0]))), {}

    def encode_as_generated(nets, x, key):
        return jnp.mean(nets.critic(nets.encoder(x))), {}

    def interpolated(nets, x, key):
        """Decodings at random places between each code and its neighbour in the shuffled global batch."""
        z = nets.encoder(x)
        neighbour = nets.share(jnp.roll(nets.gather(z), 1, axis=0))
        place = nets.share(jax.random.uniform(key, (nets.devices * z.shape[0], 1)))
        return nets.decoder(place * z + (1.0 - place) * neighbour)

    def criticize_pictures(nets, x, key):
        place, between = jax.random.split(key)
        fake = interpolated(nets, x, place)
        return terms.critic_loss(nets, between, x, fake, gradient_penalty, name="picture_critic")

    def smooth(nets, x, key):
        return -jnp.mean(nets.picture_critic(interpolated(nets, x, key))), {}

    updates = [
        Update("autoencoder", reconstruct, ("encoder", "decoder")),
        Update("critic", criticize, ("critic",), critic_moves),
        Update("generator", generate, ("generator",)),
        Update("encoder", encode_as_generated, ("encoder",)),
    ]
    nets = {
        "encoder": arch.encoder(),
        "decoder": arch.decoder(),
        "generator": arch.generator(noise_dim, generator),
        "critic": arch.critic(critic, glorot=True),
    }
    if smoothing:
        updates[2:2] = [
            Update("picture_critic", criticize_pictures, ("picture_critic",), critic_moves),
            Update("smoothing", smooth, ("encoder", "decoder")),
        ]
        nets["picture_critic"] = arch.picture_critic()
    return Family(
        nets=nets,
        stages=(Stage("train", tuple(updates)),),
        encode=lambda nets, x, key: nets.encoder(x),
        decode=lambda nets, z: nets.decoder(z),
        draw=lambda nets, key, n: nets.generator(jax.random.normal(key, (n, noise_dim))),
    )
