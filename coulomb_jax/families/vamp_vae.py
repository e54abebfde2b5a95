"""VAE with the VampPrior [tomczak2018]: a mixture of the posteriors of learned pseudo-inputs."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from coulomb_jax.density import gaussian
from coulomb_jax.families import likelihoods, terms
from coulomb_jax.family import Family, Stage, Update


def vamp_vae(
    arch,
    *,
    pseudo_inputs: int = 500,
    start_mean: float = -0.05,
    start_deviation: float = 0.01,
    warm_up: int = 0,
    beta: float = 1.0,
    likelihood: str = "normal",
    variance: float = 0.5,
    least_log_var: float = -6.0,
    largest_log_var: float = 2.0,
    reduction: str = "sum",
) -> Family:
    """-ln p(x|z) + beta * (ln q(z|x) - ln p(z)) at one z of q(z|x) for each x.

    p(z) is the mean of q(z|u) over the pseudo-inputs u [tomczak2018].

    Args:
      arch: the nets, an `Architecture`; the encoder gives mean and log-variance.
      pseudo_inputs: components of the prior, at least 1; the paper's 500.
      start_mean: of the initial pseudo-inputs, in units of the data's range (of x_scale without one).
      start_deviation: theirs, in the same units, >= 0.
      warm_up: rounds over which the factor of the divergence grows to beta; the paper has 100 epochs.
      beta: weight of the divergence.
      likelihood: "normal", "learned", "diagonal", "logistic" or "bernoulli"; see `likelihoods.make`.
      variance: of the "normal" decoder, in squared units of the data.
      least_log_var: log-variances of the posterior are clipped to it from below.
      largest_log_var: and to this from above.
      reduction: of -ln p(x|z) over coordinates, "sum" (the likelihood's) or "mean".
    """
    law = likelihoods.make(likelihood, arch, variance=variance, reduction=reduction)
    if pseudo_inputs < 1:
        raise ValueError(f"the prior has at least 1 pseudo-input, not {pseudo_inputs}; choose more")

    def posterior(nets, x):
        mean, log_var = jnp.split(nets.encoder(x), 2, axis=1)
        return mean, jnp.clip(log_var, least_log_var, largest_log_var)

    def objective(nets, x, key):
        mean, log_var = posterior(nets, x)
        z = terms.noisy(nets, mean, log_var, key)
        nats, metrics = law.surprise(nets, x, z)
        prior = gaussian.log_mixture(z, *posterior(nets, nets.pseudo()))
        kl = jnp.mean(gaussian.log_density(z, mean, log_var) - prior)
        loss = nats + beta * terms.warm_up(nets, warm_up) * kl
        return loss, metrics | {"kl": kl}

    def draw(nets, key, n):
        which, spread = jax.random.split(key)
        mean, log_var = posterior(nets, nets.pseudo())
        chosen = jax.random.randint(which, (n,), 0, pseudo_inputs)
        return terms.noisy(nets, mean[chosen], log_var[chosen], spread)

    nets = {
        "encoder": arch.encoder(2 * arch.z_dim),
        **law.nets,
        "pseudo": arch.table(pseudo_inputs, start_mean, start_deviation),
    }
    return Family(
        nets=nets,
        stages=(Stage("train", (Update("elbo", objective, tuple(nets)),)),),
        encode=lambda nets, x, key: terms.noisy(nets, *posterior(nets, x), key),
        decode=law.mean,
        draw=draw,
    )
