"""A run traced before it begins, so that what cannot run is refused before any work."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax

from coulomb_jax.family import Family, Fit
from coulomb_jax.nets.bound import AXIS, Bound
from coulomb_jax.train.state import init
from coulomb_jax.train.step import play


def rehearse(
    family: Family, optimizers: Mapping[str, optax.GradientTransformation], batch: tuple[int, ...]
) -> None:
    """Traces a round of every stage and a decoded draw, computing nothing.

    Args:
      family: to be trained.
      optimizers: by the name of the update.
      batch: shape of a global batch, `(b, *x_shape)`.

    Raises:
      ValueError: whatever the family, its nets or its kernel refuse.
    """
    key = jax.eval_shape(lambda: jax.random.key(0))
    start = jax.eval_shape(lambda key: init(family, optimizers, key), key)
    for stage in (s for s in family.stages if not isinstance(s, Fit)):
        moves = max(update.repeat for update in stage.updates)
        batches = jax.ShapeDtypeStruct((moves, 1, *batch), jnp.float32)
        step = play(family, stage, optimizers)
        jax.eval_shape(jax.vmap(step, in_axes=(None, 1, None), axis_name=AXIS), start, batches, key)

    def draw(params, stats, key):
        nets = Bound(family.nets, params, stats)
        return family.decode(nets, family.draw(nets, key, 2))

    jax.eval_shape(draw, start.params, start.stats, key)
