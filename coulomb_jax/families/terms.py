"""Pieces that several families share: reconstruction, noise, and the pull towards the prior."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coulomb_jax import mmd
from coulomb_jax.density import cdf, wasserstein
from coulomb_jax.family import Family, MmdLoss, Net, Stage, Update
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
    if x.shape != y.shape:
        raise ValueError(f"the decoder gives {y.shape} for data of shape {x.shape}")
    return reduced((x - y) ** 2, reduction)


def reduced(values: Float[Array, "b ..."], reduction: str) -> Float[Array, ""]:
    """The batch mean of each example's sum, or mean, over its coordinates."""
    if reduction not in REDUCTIONS:
        raise ValueError(nearest("reduction", reduction, REDUCTIONS))
    over_coordinates = jnp.sum if reduction == "sum" else jnp.mean
    return jnp.mean(over_coordinates(values.reshape(values.shape[0], -1), axis=1))


def noise(nets, key: jax.Array, shape: tuple[int, ...]) -> Float[Array, "b ..."]:
    """Standard normal noise for this device's examples.

    It is drawn for the whole batch and shared out, so that an example's noise depends on its place
    in the batch and not on how many devices there are.
    """
    return nets.share(jax.random.normal(key, (nets.devices * shape[0], *shape[1:])))


def normal_prior(z_dim: int, sigma: float = 1.0):
    """`draw` of the families whose prior is N(0, sigma^2 I)."""
    return lambda nets, key, n: sigma * jax.random.normal(key, (n, z_dim))


def mmd2_to_prior(
    nets, z: Float[Array, "b d"], kernel, key: jax.Array, prior: str, sigma: float = 1.0
) -> Float[Array, ""]:
    """Unbiased MMD^2 between the whole batch's codes and N(0, sigma^2 I).

    Args:
      nets: gives `gather`: the MMD is that of the global batch, never a mean over devices.
      z: this device's codes.
      kernel: a kernel of `coulomb_jax.mmd`.
      key: of the prior's sample.
      prior: "sampled", as many points as there are codes; or "exact", integrated: the same mean with
        two of the three terms free of sampling noise, and half the pairs to evaluate.
      sigma: standard deviation of the prior.
    """
    if prior not in PRIORS:
        raise ValueError(nearest("prior", prior, PRIORS))
    z = nets.gather(z)
    if prior == "exact":
        return mmd.mmd2_to_normal(z, kernel, sigma=sigma)
    return mmd.mmd2(z, sigma * jax.random.normal(key, z.shape), kernel)


def deterministic(encoder: Net, decoder: Net, objective, draw) -> Family:
    """An encoder and a decoder without noise that one move trains together."""
    return Family(
        nets={"encoder": encoder, "decoder": decoder},
        stages=(Stage("train", (Update("autoencoder", objective, ("encoder", "decoder")),)),),
        encode=lambda nets, x, key: nets.encoder(x),
        decode=lambda nets, z: nets.decoder(z),
        draw=draw,
    )


def penalized(
    arch,
    penalties,
    draw,
    *,
    recon_scale: float = 1.0,
    reduction: str = "sum",
    stochastic: bool = False,
    jitter: float = 0.0,
) -> Family:
    """An autoencoder whose codes are pulled towards a prior: reconstruction and weighted penalties.

    Loss: recon_scale * squared error + sum of weight * penalty, the form of eq. 2 of [sansone2019].

    Args:
      arch: the nets, an `Architecture`.
      penalties: `{metric: (weight >= 0, penalty)}`; a penalty `(nets, key, *code) -> scalar` sees this
        device's codes, and all of them the same key.
      draw: of the prior, `(nets, key, n) -> z`.
      recon_scale: factor on the reconstruction term.
      reduction: of the squared error over coordinates, "sum" or "mean".
      stochastic: the encoder gives a normal law's mean and log-variance, and `code` is `(z, mean,
        log_var)` in place of `(z,)`.
      jitter: standard deviation of the noise on what the encoder sees in training.

    Raises:
      ValueError: a weight is negative.
    """
    for metric, (weight, _) in penalties.items():
        if weight < 0:
            raise ValueError(f"the weight of {metric} is at least 0, not {weight}; choose another")

    def code(nets, x, key):
        if not stochastic:
            return (nets.encoder(x),)
        mean, log_var = jnp.split(nets.encoder(x), 2, axis=1)
        return noisy(nets, mean, log_var, key), mean, log_var

    def objective(nets, x, key):
        z, *law = code(nets, jittered(nets, jax.random.fold_in(key, 1), x, jitter), key)
        recon = squared_error(x, nets.decoder(z), reduction)
        values = {metric: penalty(nets, key, z, *law) for metric, (_, penalty) in penalties.items()}
        loss = recon_scale * recon
        for metric, (weight, _) in penalties.items():
            loss += weight * values[metric]
        return loss, {"reconstruction": recon} | values

    encoder = arch.encoder(2 * arch.z_dim if stochastic else None)
    family = deterministic(encoder, arch.decoder(), objective, draw)
    return family._replace(encode=lambda nets, x, key: code(nets, x, key)[0])


def matched(
    arch,
    kernel,
    weight: float,
    prior: str,
    *,
    recon_scale: float,
    reduction: str,
    jitter: float = 0.0,
    sigma: float = 1.0,
) -> Family:
    """A deterministic autoencoder whose codes an MMD pulls towards a normal law; see `mmd2_to_prior`."""

    def mmd2(nets, key, z):
        return mmd2_to_prior(nets, z, kernel, key, prior, sigma)

    options = {"recon_scale": recon_scale, "reduction": reduction, "jitter": jitter}
    family = penalized(arch, {"mmd2": (weight, mmd2)}, normal_prior(arch.z_dim, sigma), **options)
    of_sum = recon_scale if reduction == "sum" else recon_scale / math.prod(arch.x_shape)
    return family._replace(mmd_loss=MmdLoss(kernel, weight, of_sum))


def ks_and_covariance(law_of, weight: float):
    """Penalties of [saseendran2021] on the whole batch's codes, each 1 on average for draws of the prior.

    Args:
      law_of: `(nets, key, b) -> Law`, the prior, where this device has `b` codes.
      weight: of each of the two.
    """

    def ks(nets, key, z):
        law, z = law_of(nets, key, z.shape[0]), nets.gather(z)
        return cdf.ks(z, law.cdf) / cdf.ks_at_prior(z.shape[0])

    def covariance(nets, key, z):
        law, z = law_of(nets, key, z.shape[0]), nets.gather(z)
        at_prior = cdf.covariance_gap_at_prior(z.shape[0], law.covariance, law.fourth)
        return cdf.covariance_gap(z, law.covariance) / at_prior

    return {"ks": (weight, ks), "covariance": (weight, covariance)}


def cross_entropy(x: Float[Array, "b ..."], y: Float[Array, "b ..."], reduction: str) -> Float[Array, ""]:
    """Cross-entropy of pixels in [0, 1], averaged over the batch, reduced as `squared_error`.

    A reconstruction `y` is kept 1e-6 inside its ends: float32 has no 1 - 1e-8.
    """
    y = jnp.clip(y, 1e-6, 1.0 - 1e-6)
    return reduced(-(x * jnp.log(y) + (1.0 - x) * jnp.log1p(-y)), reduction)


def told_apart(logit, real: Float[Array, "b d"], fake: Float[Array, "b d"]) -> Float[Array, ""]:
    """What a logistic critic minimises: the cross-entropy of telling `real` from `fake`."""
    return jnp.mean(jax.nn.softplus(-logit(real))) + jnp.mean(jax.nn.softplus(logit(fake)))


def taken_for_real(logit, fake: Float[Array, "b d"]) -> Float[Array, ""]:
    """What an encoder minimises against a logistic critic, without saturation [goodfellow2014]."""
    return jnp.mean(jax.nn.softplus(-logit(fake)))


def jittered(nets, key: jax.Array, x: Float[Array, "b ..."], deviation: float) -> Float[Array, "b ..."]:
    """Data with normal noise of a standard deviation, cut off at two of them; for 0 the data."""
    if not deviation:
        return x
    rows = (nets.devices * x.shape[0], *x.shape[1:])
    return x + deviation * nets.share(jax.random.truncated_normal(key, -2.0, 2.0, rows))


def pretrained(family: Family) -> Family:
    """The family with a stage "pretrain" before its own: codes get the prior's mean and covariance.

    As in the authors' code of [tolstikhin2018], it minimises `moments_gap` of a batch to as many draws of the
    prior and ends when that falls below 0.1. Their batches are of 256 or 1,000; here they are the run's.
    """

    def objective(nets, x, key):
        z = nets.gather(nets.encoder(x))
        return moments_gap(z, family.draw(nets, key, z.shape[0])), {}

    first = Stage("pretrain", (Update("pretrain", objective, ("encoder",)),), until=("pretrain/loss", 0.1))
    return family._replace(stages=(first, *family.stages))


def moments_gap(z: Float[Array, "n d"], y: Float[Array, "n d"]) -> Float[Array, ""]:
    """Mean squared difference of the means of two sets, plus that of the entries of their covariances."""
    centred = [a - jnp.mean(a, axis=0, keepdims=True) for a in (z, y)]
    ours, theirs = (jnp.matmul(a.T, a, precision="highest") / (a.shape[0] - 1) for a in centred)
    means = jnp.mean(z, axis=0) - jnp.mean(y, axis=0)
    return jnp.mean(means**2) + jnp.mean((ours - theirs) ** 2)


def warm_up(nets, rounds: int) -> Float[Array, ""] | float:
    """The factor that grows from 1 / rounds at the stage's first round to 1 at round `rounds`; 1 for 0."""
    return jnp.minimum(1.0, (nets.step + 1) / rounds) if rounds else 1.0


def noisy(nets, mean: Float[Array, "b d"], log_var: Float[Array, "b d"], key) -> Float[Array, "b d"]:
    """A draw from N(mean, diag exp(log_var)) for each of this device's examples; a key of None: the mean."""
    if key is None:
        return mean
    return mean + jnp.exp(0.5 * log_var) * noise(nets, key, mean.shape)


def critic_loss(nets, key, real, fake, penalty: float, *, name: str = "critic"):
    """What a Wasserstein critic minimises [gulrajani2017]: minus its gap, and its gradient penalty.

    Args:
      nets: its net `name` is the critic.
      key: of the points between, at which its slope is 1.
      real: where it grows, `[b ...]`.
      fake: where it falls.
      penalty: weight of (slope - 1)^2.
    """
    critic = getattr(nets, name)
    gap = jnp.mean(critic(real)) - jnp.mean(critic(fake))
    mix = nets.share(jax.random.uniform(key, (nets.devices * real.shape[0],)))
    slopes = wasserstein.gradient_penalty(getattr(nets.frozen, name), real, fake, mix)
    return -gap + penalty * slopes, {"gap": gap, "gradient_penalty": slopes}
