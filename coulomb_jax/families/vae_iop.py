"""VAE with the implicit optimal prior [takahashi2019]: the aggregated posterior, through a ratio net."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from coulomb_jax.density import gaussian, ratio
from coulomb_jax.families import likelihoods, terms
from coulomb_jax.family import Family, Fit, Stage, Update


def vae_iop(
    arch,
    *,
    ratio_moves: int = 10,
    ratio_hidden: tuple[int, ...] = (500, 500, 500),
    dropout: float = 0.5,
    bank: int = 10_000,
    beta: float = 1.0,
    warm_up: int = 0,
    likelihood: str = "normal",
    variance: float = 0.5,
    reduction: str = "sum",
) -> Family:
    """-ln p(x|z) + beta * (KL(q(z|x) || N(0, I)) - T(z)), with T = ln q(z) - ln N(z).

    T is the log-ratio of the aggregated posterior to N(0, I), found by telling the two apart. Codes are
    drawn from that prior as it is meant: from the posterior of a training example. Its mean is kept, of
    `bank` examples taken at random; its spread is that of the posterior of the decoded mean.

    Args:
      arch: the nets, an `Architecture`; the encoder gives mean and log-variance.
      ratio_moves: moves of the ratio net for one of the others, each with its own batch.
      ratio_hidden: neurons of each layer of the ratio net.
      dropout: chance in [0, 1) that a neuron of its last layer is left out in its training.
      bank: codes kept to draw from, at least 1.
      beta: weight of the divergence.
      warm_up: rounds over which the factor of the divergence grows to beta; the paper has 100 epochs.
      likelihood: "normal", "learned", "diagonal", "logistic" or "bernoulli"; see `likelihoods.make`.
      variance: of the "normal" decoder, in squared units of the data.
      reduction: of -ln p(x|z) over coordinates, "sum" (the likelihood's) or "mean".
    """
    law = likelihoods.make(likelihood, arch, variance=variance, reduction=reduction)
    if not 0.0 <= dropout < 1.0:
        raise ValueError(f"dropout is a chance in [0, 1), not {dropout}; 0 leaves it out")
    if min(ratio_moves, bank) < 1:
        raise ValueError(f"ratio_moves and bank are at least 1, not {ratio_moves} and {bank}; choose more")

    def posterior(nets, x):
        return jnp.split(nets.encoder(x), 2, axis=1)

    def elbo(nets, x, key):
        mean, log_var = posterior(nets, x)
        z = terms.noisy(nets, mean, log_var, key)
        nats, metrics = law.surprise(nets, x, z)
        kl = jnp.mean(gaussian.kl_to_standard(mean, log_var) - nets.ratio(z))
        loss = nats + beta * terms.warm_up(nets, warm_up) * kl
        return loss, metrics | {"kl": kl}

    def tell_apart(nets, x, key):
        spread, prior, drop = jax.random.split(key, 3)
        z = terms.noisy(nets, *posterior(nets, x), spread)
        u = terms.noise(nets, prior, z.shape)
        shape = (2, nets.devices * len(z), ratio_hidden[-1])
        keep = jax.random.bernoulli(drop, 1.0 - dropout, shape) / (1.0 - dropout)
        loss = ratio.logistic_loss(nets.ratio(z, nets.share(keep[0])), nets.ratio(u, nets.share(keep[1])))
        return loss, {}

    def kept(z, key):
        return {"mean": z[jax.random.randint(key, (bank,), 0, len(z))]}

    def draw(nets, key, n):
        which, spread = jax.random.split(key)
        mean = nets.codes["mean"][jax.random.randint(which, (n,), 0, bank)]
        _, log_var = posterior(nets, law.mean(nets, mean))
        return terms.noisy(nets, mean, log_var, spread)

    moves = (
        Update("elbo", elbo, ("encoder", *law.nets)),
        Update("ratio", tell_apart, ("ratio",), ratio_moves),
    )
    return Family(
        nets={
            "encoder": arch.encoder(2 * arch.z_dim),
            **law.nets,
            "ratio": arch.ratio(ratio_hidden),
        },
        stages=(Stage("train", moves), Fit("codes", kept)),
        encode=lambda nets, x, key: terms.noisy(nets, *posterior(nets, x), key),
        decode=law.mean,
        draw=draw,
    )
