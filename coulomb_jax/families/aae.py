"""Adversarial autoencoder [makhzani2016]: WAE-GAN with two moves for the encoder."""

from __future__ import annotations

from coulomb_jax.families import terms
from coulomb_jax.family import Family, Stage, Update


def aae(arch, *, critic: tuple[int, ...] = (512, 512, 512, 512), reduction: str = "sum") -> Family:
    """Three moves a round on one batch: reconstruction, the critic, and the encoder against the critic.

    The losses carry no weight: it is the learning rates of the moves that balance them.

    Args:
      arch: the nets, an `Architecture`.
      critic: neurons of its hidden layers.
      reduction: of the squared error over coordinates, "sum" or "mean".
    """

    def reconstruct(nets, x, key):
        recon = terms.squared_error(x, nets.decoder(nets.encoder(x)), reduction)
        return recon, {"reconstruction": recon}

    def tell_apart(nets, x, key):
        z = nets.encoder(x)
        return terms.told_apart(nets.critic, terms.noise(nets, key, z.shape), z), {}

    def pass_for_prior(nets, x, key):
        return terms.taken_for_real(nets.critic, nets.encoder(x)), {}

    moves = (
        Update("reconstruction", reconstruct, ("encoder", "decoder")),
        Update("critic", tell_apart, ("critic",)),
        Update("encoder", pass_for_prior, ("encoder",)),
    )
    return Family(
        nets={"encoder": arch.encoder(), "decoder": arch.decoder(), "critic": arch.critic(critic)},
        stages=(Stage("train", moves),),
        encode=lambda nets, x, key: nets.encoder(x),
        decode=lambda nets, z: nets.decoder(z),
        draw=terms.normal_prior(arch.z_dim),
    )
