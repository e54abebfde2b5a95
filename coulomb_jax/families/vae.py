"""Variational autoencoder [kingma2014] with three decoders; beta-VAE [higgins2017]."""

from __future__ import annotations

import math

import jax.numpy as jnp

from coulomb_jax.density import gaussian
from coulomb_jax.families import terms
from coulomb_jax.family import Family, Stage, Update
from coulomb_jax.naming import nearest

LIKELIHOODS = ("normal", "learned", "bernoulli")


def vae(
    arch,
    *,
    beta: float = 1.0,
    likelihood: str = "normal",
    variance: float = 0.5,
    deviation_limit: float | None = None,
    reduction: str = "sum",
) -> Family:
    """-ln p(x|z) + beta * KL(q(z|x) || N(0, I)), summed over coordinates, batch mean.

    Args:
      arch: the nets, an `Architecture`; the encoder gives mean and log-variance.
      beta: weight of the divergence; 1 is the VAE, any other the beta-VAE.
      likelihood: "normal", squared error / (2 variance); "learned", a normal law whose one variance
        gamma^2 is a parameter, from 1 on [dai2019]: squared error / (2 gamma^2) + ln gamma for each
        coordinate; "bernoulli", the cross-entropy of data in [0, 1]. The constants ln(2 pi variance) / 2
        and ln(2 pi) / 2 are left out.
      variance: of the "normal" decoder, in squared units of the data. 0.5 makes the first term the plain
        squared error, 1 is the usual unit variance.
      deviation_limit: bound of the posterior's log-deviations, kept by a tanh, 5 in the code of
        [ghosh2020]; None leaves them free.
      reduction: of -ln p(x|z) over coordinates, "sum" (the likelihood's) or "mean".

    Raises:
      ValueError: no such likelihood, data out of its range, or a variance or limit that is not positive.
    """
    if likelihood not in LIKELIHOODS:
        raise ValueError(nearest("likelihood", likelihood, LIKELIHOODS))
    if likelihood == "bernoulli" and tuple(arch.x_range or ()) != (0.0, 1.0):
        raise ValueError(
            f"the bernoulli likelihood takes data in [0, 1], not in the range {arch.x_range}; choose "
            "another likelihood, or data.range=(0.0,1.0) where the data set has that option"
        )
    if not variance > 0:
        raise ValueError(f"the decoder's variance must be positive, not {variance}")
    if deviation_limit is not None and not deviation_limit > 0:
        raise ValueError(
            f"the limit of log-deviations must be positive, not {deviation_limit}; None is no limit"
        )
    coordinates = math.prod(arch.x_shape) if reduction == "sum" else 1

    def posterior(nets, x):
        mean, spread = jnp.split(nets.encoder(x), 2, axis=1)
        return mean, spread if deviation_limit is None else 2.0 * deviation_limit * jnp.tanh(spread)

    def encode(nets, x, key):
        mean, log_var = posterior(nets, x)
        if key is None:
            return mean
        return mean + jnp.exp(0.5 * log_var) * terms.noise(nets, key, mean.shape)

    def surprise(nets, x, y):
        """-ln p(x|z) of data x where y is decoded, and what to report of it."""
        if likelihood == "bernoulli":
            nats = terms.cross_entropy(x, y, reduction)
            return nats, {"cross_entropy": nats}
        recon = terms.squared_error(x, y, reduction)
        if likelihood == "normal":
            return recon / (2.0 * variance), {"reconstruction": recon}
        log_gamma = nets.gamma()
        nats = 0.5 * recon * jnp.exp(-2.0 * log_gamma) + coordinates * log_gamma
        return nats, {"reconstruction": recon, "gamma": jnp.exp(log_gamma)}

    def objective(nets, x, key):
        mean, log_var = posterior(nets, x)
        z = mean + jnp.exp(0.5 * log_var) * terms.noise(nets, key, mean.shape)
        nats, metrics = surprise(nets, x, nets.decoder(z))
        kl = jnp.mean(gaussian.kl_to_standard(mean, log_var))
        return nats + beta * kl, metrics | {"kl": kl}

    nets = {"encoder": arch.encoder(2 * arch.z_dim), "decoder": arch.decoder()}
    if likelihood == "learned":
        nets["gamma"] = arch.scalar()
    return Family(
        nets=nets,
        stages=(Stage("train", (Update("elbo", objective, tuple(nets)),)),),
        encode=encode,
        decode=lambda nets, z: nets.decoder(z),
        draw=terms.normal_prior(arch.z_dim),
    )
