"""A flow trained on the codes of a finished autoencoder [papamakarios2017]."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from coulomb_jax.family import Family, Fit, Net, Stage, Update
from coulomb_jax.nets.flow import Flow

SMALLEST = 1e-6
"""Of the deviation that a code is divided by: an unused latent dimension has none."""


def flow(family: Family, *, blocks: int = 2, hidden: tuple[int, ...] = (128, 128, 128)) -> Family:
    """Draws through the inverse of an autoregressive flow from the training codes to N(0, I).

    A stage "flow" behind the family's own maximises the likelihood of codes, each element with mean and
    deviation taken off; nothing but the flow learns in it. Stochastic encoders give a new code each time.

    Args:
      family: what to draw from.
      blocks: of the flow, at least 1.
      hidden: neurons of each layer of a block.
    """
    if blocks < 1:
        raise ValueError(f"the flow has at least 1 block, not {blocks}; set --config.sampler.blocks")
    (d,) = family.nets["decoder"].takes

    def moments(z, key):
        return {"mean": jnp.mean(z, axis=0), "deviation": jnp.maximum(jnp.std(z, axis=0), SMALLEST)}

    def objective(nets, x, key):
        z = family.encode(nets, x, key)
        z = (z - nets.moments["mean"][None]) / nets.moments["deviation"][None]
        u, log_det = nets.flow(z)
        loss = jnp.mean(0.5 * jnp.sum(u**2, axis=1) - log_det)
        return loss, {}

    def draw(nets, key, n):
        u = jax.random.normal(key, (n, d))
        return nets.moments["mean"][None] + nets.moments["deviation"][None] * nets.flow(u, True)[0]

    return family._replace(
        nets={**family.nets, "flow": Net(Flow(d, 0, blocks, tuple(hidden)), (d,))},
        stages=(
            *family.stages,
            Fit("moments", moments),
            Stage("flow", (Update("flow", objective, ("flow",)),)),
        ),
        draw=draw,
    )
