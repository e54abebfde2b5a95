"""An encoder whose codes have the prior's mean and covariance before the training proper begins."""

from __future__ import annotations

import jax.numpy as jnp
from jaxtyping import Array, Float

from coulomb_jax.family import Family, Stage, Update


def pretrained(family: Family) -> Family:
    """The family with a stage "pretrain" before its own.

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
