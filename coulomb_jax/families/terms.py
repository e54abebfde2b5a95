"""Pieces that several families share: reconstruction, noise, and the pull towards the prior."""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coulomb_jax import mmd
from coulomb_jax.family import Family, Net, Stage, Update
from coulomb_jax.naming import nearest

REDUCTIONS = ("sum", "mean")
PRIORS = ("sampled", "exact")


def squared_error(x: Float[Array, "b ..."], y: Float[Array, "b ..."], reduction: str) -> Float[Array, ""]:
    """Squared error of the reconstruction `y`, averaged over the batch.

    Args:
      x: data.
      y: reconstruction, of the same shape.
      reduction: over an example's coordinates, "sum" (eq. 2 of [sansone2019]) or "mean" (a factor
        1 / (h w c) smaller: a weight belongs to its reduction).
    """
    if reduction not in REDUCTIONS:
        raise ValueError(nearest("reduction", reduction, REDUCTIONS))
    if x.shape != y.shape:
        raise ValueError(f"the decoder gives {y.shape} for data of shape {x.shape}")
    errors = (x - y).reshape(x.shape[0], -1) ** 2
    over_coordinates = jnp.sum if reduction == "sum" else jnp.mean
    return jnp.mean(over_coordinates(errors, axis=1))


def noise(nets, key: jax.Array, shape: tuple[int, ...]) -> Float[Array, "b ..."]:
    """Standard normal noise for this device's examples.

    It is drawn for the whole batch and shared out, so that an example's noise depends on its place
    in the batch and not on how many devices there are.
    """
    return nets.share(jax.random.normal(key, (nets.devices * shape[0], *shape[1:])))


def normal_prior(z_dim: int):
    """`draw` of the families whose prior is N(0, I)."""
    return lambda nets, key, n: jax.random.normal(key, (n, z_dim))


def mmd2_to_prior(nets, z: Float[Array, "b d"], kernel, key: jax.Array, prior: str) -> Float[Array, ""]:
    """Unbiased MMD^2 between the whole batch's codes and N(0, I).

    Args:
      nets: gives `gather`: the MMD is that of the global batch, never a mean over devices.
      z: this device's codes.
      kernel: a kernel of `coulomb_jax.mmd`.
      key: of the prior's sample.
      prior: "sampled", as many points as there are codes; or "exact", integrated: the same mean with
        two of the three terms free of sampling noise, and half the pairs to evaluate.
    """
    if prior not in PRIORS:
        raise ValueError(nearest("prior", prior, PRIORS))
    z = nets.gather(z)
    if prior == "exact":
        return mmd.mmd2_to_normal(z, kernel)
    return mmd.mmd2(z, jax.random.normal(key, z.shape), kernel)


def moment_matching(arch, kernel, *, weight: float, prior: str, recon_scale: float, reduction: str) -> Family:
    """A deterministic autoencoder whose codes an MMD pulls towards N(0, I).

    Loss: recon_scale * reconstruction + weight * MMD^2(codes, prior), eq. 2 of [sansone2019].
    """

    if weight < 0:
        raise ValueError(f"the weight of the MMD is at least 0, not {weight}; choose another")

    def objective(nets, x, key):
        z = nets.encoder(x)
        recon = squared_error(x, nets.decoder(z), reduction)
        mmd2 = mmd2_to_prior(nets, z, kernel, key, prior)
        return recon_scale * recon + weight * mmd2, {"reconstruction": recon, "mmd2": mmd2}

    return deterministic(arch.encoder(), arch.decoder(), objective, normal_prior(arch.z_dim))


def deterministic(encoder: Net, decoder: Net, objective, draw) -> Family:
    """An encoder and a decoder without noise that one move trains together."""
    return Family(
        nets={"encoder": encoder, "decoder": decoder},
        stages=(Stage("train", (Update("autoencoder", objective, ("encoder", "decoder")),)),),
        encode=lambda nets, x, key: nets.encoder(x),
        decode=lambda nets, z: nets.decoder(z),
        draw=draw,
    )


def cross_entropy(x: Float[Array, "b ..."], y: Float[Array, "b ..."], reduction: str) -> Float[Array, ""]:
    """Cross-entropy of pixels in [0, 1], averaged over the batch, reduced as `squared_error`.

    A reconstruction `y` is kept 1e-6 inside its ends: float32 has no 1 - 1e-8.
    """
    if reduction not in REDUCTIONS:
        raise ValueError(nearest("reduction", reduction, REDUCTIONS))
    y = jnp.clip(y, 1e-6, 1.0 - 1e-6)
    nats = -(x * jnp.log(y) + (1.0 - x) * jnp.log1p(-y)).reshape(x.shape[0], -1)
    return jnp.mean((jnp.sum if reduction == "sum" else jnp.mean)(nats, axis=1))


def told_apart(logit, real: Float[Array, "b d"], fake: Float[Array, "b d"]) -> Float[Array, ""]:
    """What a logistic critic minimises: the cross-entropy of telling `real` from `fake`."""
    return jnp.mean(jax.nn.softplus(-logit(real))) + jnp.mean(jax.nn.softplus(logit(fake)))


def taken_for_real(logit, fake: Float[Array, "b d"]) -> Float[Array, ""]:
    """What an encoder minimises against a logistic critic, without saturation [goodfellow2014]."""
    return jnp.mean(jax.nn.softplus(-logit(fake)))


def warm_up(nets, rounds: int) -> Float[Array, ""] | float:
    """The factor that grows from 1 / rounds at the stage's first round to 1 at round `rounds`; 1 for 0."""
    return jnp.minimum(1.0, (nets.step + 1) / rounds) if rounds else 1.0


def noisy(nets, mean: Float[Array, "b d"], log_var: Float[Array, "b d"], key) -> Float[Array, "b d"]:
    """A draw from N(mean, diag exp(log_var)) for each of this device's examples; a key of None: the mean."""
    if key is None:
        return mean
    return mean + jnp.exp(0.5 * log_var) * noise(nets, key, mean.shape)
