"""How a step runs on the machine: many steps a call, many models a step, many devices a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from coulomb_jax.nets.bound import AXIS
from coulomb_jax.nets.pixels import to_units


def launch(
    step: Callable,
    *,
    devices: Sequence[jax.Device],
    pixel_range: tuple[float, float] | None,
    repeated: bool,
    own_data: bool,
) -> Callable:
    """Maps a step over devices and, where there are repetitions, over models.

    Args:
      step: `(state, batches, key) -> (state, metrics)` of `step.play`.
      devices: to share every batch among.
      pixel_range: what uint8 data are scaled to.
      repeated: state, indices and keys have a leading axis of repetitions.
      own_data: so have the data; otherwise all repetitions share one set.

    Returns:
      `(state, data, indices, key) -> (state, metrics)`: plays as many steps as `indices` has, one call
      without a return to Python. `indices` are `[devices, (repetitions,) steps, r, b]`, places in
      `data` `[(repetitions,) n ...]`; metrics are `[(repetitions,) steps]`. The state given is consumed.
    """

    def many(state, data, indices, key):
        def one(state, rows):
            return step(state, to_units(data[rows], pixel_range), key)

        if len(indices) == 1:  # even a loop of one is a loop to XLA, which runs convolutions slowly in it
            state, metrics = one(state, indices[0])
            return state, jax.tree.map(lambda a: a[None], metrics)
        return jax.lax.scan(one, state, indices)

    if repeated:
        many = jax.vmap(many, in_axes=(0, 0 if own_data else None, 0, 0))
    return jax.pmap(
        many,
        AXIS,
        in_axes=(None, None, 0, None),
        out_axes=None,
        devices=list(devices),
        donate_argnums=0,
    )


def replicate(tree, devices: Sequence[jax.Device]):
    """Puts every leaf on all devices, once, so that no call of `launch` copies it again."""
    everywhere = NamedSharding(Mesh(np.array(list(devices)), (AXIS,)), PartitionSpec())
    return jax.device_put(tree, everywhere)


def split(indices: np.ndarray, devices: int) -> np.ndarray:
    """`[... b]` places of global batches to `[devices ... b / devices]`, in order."""
    *lead, b = indices.shape
    return np.moveaxis(indices.reshape(*lead, devices, b // devices), -2, 0)
