"""Variational autoencoder [kingma2014] under any likelihood; beta-VAE [higgins2017]."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from coulomb_jax.density import gaussian
from coulomb_jax.families import likelihoods, terms
from coulomb_jax.family import Family, Stage, Update

LEAST_DEVIATION = 1e-6
"""Of a posterior through a softplus [dai2019]."""


def vae(
    arch,
    *,
    beta: float = 1.0,
    likelihood: str = "normal",
    variance: float = 0.5,
    deviation_limit: float | None = None,
    softplus: bool = False,
    reduction: str = "sum",
) -> Family:
    """-ln p(x|z) + beta * KL(q(z|x) || N(0, I)), summed over coordinates, batch mean.

    Args:
      arch: the nets, an `Architecture`; the encoder gives mean and log-variance.
      beta: weight of the divergence; 1 is the VAE, any other the beta-VAE.
      likelihood: "normal", "learned", "diagonal", "logistic" or "bernoulli"; see `likelihoods.make`.
      variance: of the "normal" decoder, in squared units of the data. 0.5 makes the first term the plain
        squared error, 1 is the usual unit variance.
      deviation_limit: bound of the posterior's log-deviations, kept by a tanh, 5 in the code of
        [ghosh2020]; None leaves them free.
      softplus: the encoder gives the deviation, through a softplus, in place of the log-variance [dai2019].
      reduction: of -ln p(x|z) over coordinates, "sum" (the likelihood's) or "mean".

    Raises:
      ValueError: see `likelihoods.make`; also a limit that is not positive, or one of a softplus.
    """
    law = likelihoods.make(likelihood, arch, variance=variance, reduction=reduction)
    if deviation_limit is not None and not deviation_limit > 0:
        raise ValueError(
            f"the limit of log-deviations must be positive, not {deviation_limit}; None is no limit"
        )
    if softplus and deviation_limit is not None:
        raise ValueError(
            f"a softplus has no limit of log-deviations, but deviation_limit is {deviation_limit}; leave "
            "softplus out, or set deviation_limit to None in a config file"
        )

    def posterior(nets, x):
        mean, spread = jnp.split(nets.encoder(x), 2, axis=1)
        if softplus:
            return mean, 2.0 * jnp.log(jax.nn.softplus(spread) + LEAST_DEVIATION)
        return mean, spread if deviation_limit is None else 2.0 * deviation_limit * jnp.tanh(spread)

    def objective(nets, x, key):
        mean, log_var = posterior(nets, x)
        nats, metrics = law.surprise(nets, x, terms.noisy(nets, mean, log_var, key))
        kl = jnp.mean(gaussian.kl_to_standard(mean, log_var))
        return nats + beta * kl, metrics | {"kl": kl}

    nets = {"encoder": arch.encoder(2 * arch.z_dim), **law.nets}
    return Family(
        nets=nets,
        stages=(Stage("train", (Update("elbo", objective, tuple(nets)),)),),
        encode=lambda nets, x, key: terms.noisy(nets, *posterior(nets, x), key),
        decode=law.mean,
        draw=terms.normal_prior(arch.z_dim),
    )
