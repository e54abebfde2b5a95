"""VAE with an inverse autoregressive flow on the posterior [kingma2016] and a flow as prior."""

from __future__ import annotations

import jax.numpy as jnp

from coulomb_jax.families import likelihoods, terms
from coulomb_jax.family import Family, Stage, Update


def vae_flow(
    arch,
    *,
    posterior_blocks: int = 2,
    prior_blocks: int = 0,
    flow_hidden: tuple[int, ...] = (128, 128, 128),
    context: int = 16,
    beta: float = 1.0,
    warm_up: int = 0,
    likelihood: str = "normal",
    variance: float = 0.5,
    reduction: str = "sum",
) -> Family:
    """-ln p(x|z) + beta * (ln q(z|x) - ln p(z)) at one z of q(z|x) for each x.

    z is the posterior flow of normal noise with the encoder's mean and variance, given numbers h(x)
    that the encoder adds [kingma2016]. The prior flow takes z to normal noise: an
    autoregressive model of codes [papamakarios2017].

    Args:
      arch: the nets, an `Architecture`; the encoder gives mean, log-variance and h.
      posterior_blocks: of the flow on the posterior; 0 leaves the posterior normal.
      prior_blocks: of the flow in the prior; 0 leaves the prior N(0, I).
      flow_hidden: neurons of each layer of a block.
      context: numbers in h, at least 0.
      beta: weight of the divergence.
      warm_up: rounds over which the factor of the divergence grows to beta.
      likelihood: "normal", "learned", "diagonal", "logistic" or "bernoulli"; see `likelihoods.make`.
      variance: of the "normal" decoder, in squared units of the data.
      reduction: of -ln p(x|z) over coordinates, "sum" (the likelihood's) or "mean".
    """
    law = likelihoods.make(likelihood, arch, variance=variance, reduction=reduction)
    if min(posterior_blocks, prior_blocks, context) < 0:
        raise ValueError(
            "blocks and context are at least 0, not "
            f"{posterior_blocks}, {prior_blocks} and {context}; 0 leaves them out"
        )
    d = arch.z_dim
    nets = {"encoder": arch.encoder(2 * d), **law.nets}
    if posterior_blocks:
        nets["encoder"] = arch.encoder(2 * d + context)
        nets["posterior"] = arch.flow(posterior_blocks, flow_hidden, context=context, gated=True)
    if prior_blocks:
        nets["prior"] = arch.flow(prior_blocks, flow_hidden)

    def posterior(nets, x, key):
        """A draw, with ln q of it but for the constant; the flow of the mean for a key of None."""
        mean, log_var, h = jnp.split(nets.encoder(x), (d, 2 * d), axis=1)
        z = terms.noisy(nets, mean, log_var, key)
        log_q = -0.5 * jnp.sum((z - mean) ** 2 * jnp.exp(-log_var) + log_var, axis=1)
        if not posterior_blocks:
            return z, log_q
        z, log_det = nets.posterior(jnp.concatenate([z, h], axis=1))
        return z, log_q - log_det

    def log_prior(nets, z):
        """ln p of codes but for the same constant."""
        u, log_det = nets.prior(z) if prior_blocks else (z, 0.0)
        return log_det - 0.5 * jnp.sum(u**2, axis=1)

    def objective(nets, x, key):
        z, log_q = posterior(nets, x, key)
        nats, metrics = law.surprise(nets, x, z)
        kl = jnp.mean(log_q - log_prior(nets, z))
        loss = nats + beta * terms.warm_up(nets, warm_up) * kl
        return loss, metrics | {"kl": kl}

    def draw(nets, key, n):
        u = terms.normal_prior(d)(nets, key, n)
        return nets.prior(u, True)[0] if prior_blocks else u

    return Family(
        nets=nets,
        stages=(Stage("train", (Update("elbo", objective, tuple(nets)),)),),
        encode=lambda nets, x, key: posterior(nets, x, key)[0],
        decode=law.mean,
        draw=draw,
    )
