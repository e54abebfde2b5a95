"""JointVAE [dupont2018]: a VAE whose codes are normal numbers and one category, each of a set capacity."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from coulomb_jax.density import gaussian
from coulomb_jax.families import likelihoods, terms
from coulomb_jax.family import Family, Stage, Update


def joint_vae(
    arch,
    *,
    categories: int = 10,
    temperature: float = 0.67,
    weight: float = 30.0,
    capacity: float = 5.0,
    category_capacity: float = 5.0,
    warm_up: int = 25_000,
    likelihood: str = "normal",
    variance: float = 0.5,
    reduction: str = "sum",
) -> Family:
    """-ln p(x|z) + weight * (|C - KL_normal| + |D - KL_category|), divergences of the whole batch in nats.

    The last `categories` of the `z_dim` numbers of a code are one-hot. In training they are a draw of a
    Gumbel-softmax law, through which gradients go; encoded and drawn codes are one-hot indeed.

    Args:
      arch: the nets, an `Architecture`; the encoder gives means, log-variances and log-odds.
      categories: of the discrete part, at least 2 and fewer than `z_dim`.
      temperature: of the Gumbel-softmax law, > 0.
      weight: of both distances, >= 0; 30 on MNIST, 100 on Fashion-MNIST.
      capacity: C after the warm-up.
      category_capacity: D after it, at most ln categories whatever is said.
      warm_up: rounds over which both grow from 0.
      likelihood: "normal", "learned", "diagonal", "logistic" or "bernoulli"; see `likelihoods.make`.
      variance: of the "normal" decoder, in squared units of the data.
      reduction: of -ln p(x|z) over coordinates, "sum" (the likelihood's) or "mean".

    Raises:
      ValueError: see `likelihoods.make`; also numbers out of their ranges.
    """
    law = likelihoods.make(likelihood, arch, variance=variance, reduction=reduction)
    normal = arch.z_dim - categories
    if categories < 2 or normal < 1:
        raise ValueError(
            f"a code has at least 2 categories and a number beside them, but z_dim is {arch.z_dim} and "
            f"categories {categories}; z_dim counts both"
        )
    if not temperature > 0 or min(weight, capacity, category_capacity) < 0:
        raise ValueError(
            "the temperature must be positive, weight and capacities at least 0, not "
            f"{temperature}, {weight}, {capacity} and {category_capacity}; choose others"
        )

    def posterior(nets, x):
        mean, log_var, odds = jnp.split(nets.encoder(x), (normal, 2 * normal), axis=1)
        return mean, log_var, jax.nn.log_softmax(odds)

    def noisy_odds(nets, log_chance, key):
        """The odds plus Gumbel noise, whose largest is a draw of the category."""
        noise = jax.random.gumbel(key, (nets.devices * len(log_chance), categories))
        return log_chance + nets.share(noise)

    def objective(nets, x, key):
        spread, choice = jax.random.split(key)
        mean, log_var, log_chance = posterior(nets, x)
        category = jax.nn.softmax(noisy_odds(nets, log_chance, choice) / temperature)
        z = jnp.concatenate([terms.noisy(nets, mean, log_var, spread), category], axis=1)
        nats, metrics = law.surprise(nets, x, z)
        each = jnp.sum(jnp.exp(log_chance) * log_chance, axis=1) + math.log(categories)
        kl = jnp.mean(nets.gather(gaussian.kl_to_standard(mean, log_var)))
        category_kl = jnp.mean(nets.gather(each))
        grown = terms.warm_up(nets, warm_up)
        largest = jnp.minimum(category_capacity * grown, math.log(categories))
        distance = jnp.abs(capacity * grown - kl) + jnp.abs(largest - category_kl)
        return nats + weight * distance, metrics | {"kl": kl, "category_kl": category_kl}

    def encode(nets, x, key):
        mean, log_var, odds = posterior(nets, x)
        if key is not None:
            key, choice = jax.random.split(key)
            odds = noisy_odds(nets, odds, choice)
        return jnp.concatenate(
            [terms.noisy(nets, mean, log_var, key), one_hot(jnp.argmax(odds, axis=1))], axis=1
        )

    def draw(nets, key, n):
        spread, choice = jax.random.split(key)
        category = one_hot(jax.random.randint(choice, (n,), 0, categories))
        return jnp.concatenate([jax.random.normal(spread, (n, normal)), category], axis=1)

    def one_hot(category):
        return jax.nn.one_hot(category, categories)

    nets = {"encoder": arch.encoder(2 * normal + categories), **law.nets}
    return Family(
        nets=nets,
        stages=(Stage("train", (Update("elbo", objective, tuple(nets)),)),),
        encode=encode,
        decode=law.mean,
        draw=draw,
        cluster=lambda z: jnp.argmax(z[:, normal:], axis=1),
    )
