"""How examples reach the devices: held whole by each, held in parts, or streamed batch by batch.

All three give the identical run: which examples a step sees depends on the seed and the step alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from coulomb_jax.data.batches import BatchOrder
from coulomb_jax.naming import nearest
from coulomb_jax.nets.bound import AXIS

TRANSPORTS = ("whole", "parts", "stream")

SHARE = 0.4
"""Part of a device's memory that examples may take; the rest is for the nets and their activations."""

ON_CPU = 2**30
"""Bytes of examples to copy where the device is the CPU: larger sets are read from where they lie."""

AHEAD = 2
"""Calls whose batches are made ready while the devices work."""


class Feed(NamedTuple):
    """The examples of a run on their way to the devices.

    Attributes:
      held: what stays on the devices, an array or None.
      held_axis: the axis of `held` that is divided among the devices, None where each has all of it.
      batch_axis: of the entries, along which the examples of a batch lie.
      entries: `(moves, chunks) -> iterator` of what a call takes for each chunk `(step, steps)` of a
        stage's steps: `[devices (repetitions) steps moves ...]`, for this process's devices.
      rows: `(held, entry) -> [moves b ...]`, a device's examples of one step, of its entry `[moves ...]`.
    """

    held: Any
    held_axis: int | None
    batch_axis: int
    entries: Callable[[int, Iterable[tuple[int, int]]], Iterator[np.ndarray]]
    rows: Callable[[Any, jax.Array], jax.Array]


def make(
    transport: str,
    data: np.ndarray,
    orders: Sequence[BatchOrder],
    devices: Sequence[jax.Device],
    *,
    repeated: bool = False,
    own_data: bool = False,
) -> Feed:
    """A feed of the examples `[n ...]`, or `[repetitions n ...]` where each repetition has its own.

    Args:
      transport: "whole", on every device; "parts", divided among them; "stream", from the host's memory
        or disk, call by call.
      data: examples, which may be a memory map.
      orders: of the examples, one a repetition.
      devices: of all processes, in the order in which they share a batch.
      repeated: entries have an axis of repetitions.
      own_data: so have the examples; they can only be held whole.
    """
    if transport not in TRANSPORTS:
        raise ValueError(nearest("transport", transport, TRANSPORTS))
    if own_data and transport != "whole":
        raise ValueError(f'examples of each repetition\'s own are held "whole", not by "{transport}"')
    mine = [place for place, device in enumerate(devices) if device.process_index == jax.process_index()]
    local = [devices[place] for place in mine]

    def places(moves, at, steps):
        """The examples of some steps: `[(repetitions) steps moves b]`."""
        each = [o.indices(at * moves, steps * moves).reshape(steps, moves, o.batch) for o in orders]
        return np.stack(each) if repeated else each[0]

    def shared_out(moves, at, steps):
        return split(places(moves, at, steps), len(devices))[mine]

    def of_places(moves, chunks):
        return (shared_out(moves, *chunk) for chunk in chunks)

    def of_all_places(moves, chunks):
        for chunk in chunks:
            all_of_them = places(moves, *chunk)
            yield np.broadcast_to(all_of_them, (len(mine), *all_of_them.shape))

    def of_examples(moves, chunks):
        import grain  # a heavy import, for streams alone

        chunks = list(chunks)
        calls = grain.MapDataset.range(len(chunks)).map(lambda i: data[shared_out(moves, *chunks[i])])
        return iter(calls.to_iter_dataset(grain.ReadOptions(num_threads=AHEAD, prefetch_buffer_size=AHEAD)))

    if transport == "whole":
        return Feed(replicate(data, local), None, -1, of_places, lambda held, entry: held[entry])
    if transport == "parts":
        return Feed(_divide(data, len(devices), mine, local), 0, -1, of_all_places, _rows_of_parts)
    return Feed(None, None, -data.ndim, of_examples, lambda held, entry: entry)


def fitting(data: np.ndarray, devices: Sequence[jax.Device]) -> str:
    """The first transport of "whole", "parts" and "stream" that the devices' memory allows."""
    mine = next(device for device in devices if device.process_index == jax.process_index())
    stats = mine.memory_stats()
    if mine.platform == "cpu" or not stats or "bytes_limit" not in stats:
        return "whole" if data.nbytes <= ON_CPU else "stream"
    room = SHARE * stats["bytes_limit"]
    if data.nbytes <= room:
        return "whole"
    return "parts" if data.nbytes <= room * len(devices) else "stream"


def replicate(tree, devices: Sequence[jax.Device]):
    """Puts every leaf on all devices, once, so that no call of `launch` copies it again."""
    return jax.device_put(tree, NamedSharding(Mesh(np.array(list(devices)), (AXIS,)), PartitionSpec()))


def split(indices: np.ndarray, devices: int) -> np.ndarray:
    """`[... b]` places of global batches to `[devices ... b / devices]`, in order."""
    *lead, b = indices.shape
    return np.moveaxis(indices.reshape(*lead, devices, b // devices), -2, 0)


def _divide(data, parts, mine, local):
    """`[n ...]` cut into equal parts, the last filled up with zeros: this process's, one a device."""
    size = math.ceil(len(data) / parts)
    held = np.zeros((len(mine), size, *data.shape[1:]), data.dtype)
    for place, part in enumerate(mine):
        rows = data[part * size : (part + 1) * size]
        held[place, : len(rows)] = rows
    return jax.device_put(held, NamedSharding(Mesh(np.array(local), (AXIS,)), PartitionSpec(AXIS)))


def _rows_of_parts(held, entry):
    """This device's examples of the global batch `[moves B]`, most of which lie on other devices.

    Every device looks up what it holds for each of the others and sends it there; what it does not hold
    it sends as zeros, so that a sum over senders is the example.
    """
    devices, first = jax.lax.axis_size(AXIS), jax.lax.axis_index(AXIS) * held.shape[0]
    here = (entry >= first) & (entry < first + held.shape[0])
    found = held[jnp.where(here, entry - first, 0)]
    found = jnp.where(here.reshape(*here.shape, *[1] * (found.ndim - here.ndim)), found, 0)
    for_each = jnp.moveaxis(found.reshape(len(entry), devices, -1, *found.shape[2:]), 1, 0)
    received = jax.lax.all_to_all(for_each, AXIS, 0, 0)
    return jnp.sum(received, 0, dtype=held.dtype)
