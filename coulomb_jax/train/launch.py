"""How a step runs on the machine: many steps a call, many models a step, many devices a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax

from coulomb_jax.nets.bound import AXIS
from coulomb_jax.nets.pixels import to_units
from coulomb_jax.train import memory
from coulomb_jax.train.feed import Feed


def launch(
    step: Callable,
    feed: Feed,
    *,
    devices: Sequence[jax.Device],
    pixel_range: tuple[float, float] | None,
    repeated: bool,
    own_data: bool,
) -> Callable:
    """Maps a step over devices and, where there are repetitions, over models.

    Args:
      step: `(state, batches, key) -> (state, metrics)` of `step.play`.
      feed: how a device finds its examples.
      devices: to share every batch among, those of all processes.
      pixel_range: what uint8 data are scaled to.
      repeated: state, entries and keys have a leading axis of repetitions.
      own_data: so have the data; otherwise all repetitions share one set.

    Returns:
      `(state, held, entries, key) -> (state, metrics)`: plays as many steps as the feed's `entries` have,
      one call without a return to Python. Metrics are `[(repetitions,) steps]`. The state given is consumed.
    """

    def many(state, held, entries, key):
        def one(state, entry):
            return step(state, to_units(feed.rows(held, entry), pixel_range), key)

        if len(entries) == 1:  # even a loop of one is a loop to XLA, which runs convolutions slowly in it
            state, metrics = one(state, entries[0])
            return state, jax.tree.map(lambda a: a[None], metrics)
        return jax.lax.scan(one, state, entries)

    if repeated:
        many = jax.vmap(many, in_axes=(0, 0 if own_data else None, 0, 0))
    return jax.pmap(
        many,
        AXIS,
        in_axes=(None, feed.held_axis, 0, None),
        out_axes=None,
        devices=list(devices),
        donate_argnums=0,
    )


def first_call(
    run: Callable, arguments: tuple, *, batch: int, batch_axis: int, devices: Sequence[jax.Device]
) -> tuple:
    """What `run(*arguments)` gives, once it is there: a batch that does not fit is found out here.

    Args:
      run: what `launch` gave.
      arguments: `(state, held, entries, key)`.
      batch: the global batch.
      batch_axis: of the entries.
      devices: that share it.

    Raises:
      TooLarge: the step does not fit into the devices' memory.
    """
    shapes = jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype), arguments)

    def compile_at(other):
        state, held, entries, key = shapes
        shape = list(entries.shape)
        shape[batch_axis] = shape[batch_axis] * other // batch
        return run.lower(state, held, jax.ShapeDtypeStruct(tuple(shape), entries.dtype), key).compile()

    with memory.explained(batch, compile_at, devices):
        return jax.block_until_ready(run(*arguments))
