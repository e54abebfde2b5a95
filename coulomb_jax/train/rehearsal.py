"""A run traced before it begins, so that what cannot run is refused before any work."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax

from coulomb_jax.family import Family, Fit, Stage
from coulomb_jax.nets.bound import AXIS, Bound
from coulomb_jax.train.state import init, init_model
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
    for stage in (s for s in family.stages if not isinstance(s, Fit)):
        step, shapes = one_round(family, stage, optimizers, batch)
        jax.eval_shape(step, *shapes)

    def draw(key):
        first, second = jax.random.split(key)
        nets = Bound(family.nets, *init_model(family, first))
        return family.decode(nets, family.draw(nets, second, 2))

    jax.eval_shape(draw, jax.random.key(0))


def one_round(
    family: Family,
    stage: Stage,
    optimizers: Mapping[str, optax.GradientTransformation],
    batch: tuple[int, ...],
) -> tuple[Callable, tuple]:
    """A round of a stage on one device as a function to trace, and the shapes of its arguments."""
    key = jax.eval_shape(lambda: jax.random.key(0))
    start = jax.eval_shape(lambda key: init(family, optimizers, key), key)
    moves = max(update.repeat for update in stage.updates)
    batches = jax.ShapeDtypeStruct((moves, 1, *batch), jnp.float32)
    step = jax.vmap(play(family, stage, optimizers), in_axes=(None, 1, None), axis_name=AXIS)
    return step, (start, batches, key)
