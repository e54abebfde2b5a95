"""Steps that do not fit into a device: how much they need, and the largest batch that would do."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import contextmanager

import jax

TRIES = 12
"""Programs compiled at most in search of a batch; four or five where memory is linear in it."""


class TooLarge(ValueError):
    """A step does not fit into the memory of its devices; the message names a batch that does."""


@contextmanager
def explained(batch: int, compile_at: Callable[[int], jax.stages.Compiled], devices: Sequence[jax.Device]):
    """Turns a device's refusal inside the `with` block into `TooLarge`.

    A device refuses late: the block has to wait for its result (`jax.block_until_ready`). Once the first
    call of a program has run, so will the others, and they need no block.

    Args:
      batch: the global batch.
      compile_at: compiles, and does not run, the same program for another global batch.
      devices: that share it, those of other processes too.
    """
    try:
        yield
    except jax.errors.JaxRuntimeError as error:
        if not _refused(error):
            raise
        here = [device for device in devices if device.process_index == jax.process_index()]
        raise too_large(batch, compile_at, limit=limit(here), multiple=len(devices)) from error


def limit(devices: Sequence[jax.Device]) -> int | None:
    """Bytes that the smallest of some devices of this process lets jax have; None where it does not say."""
    stats = [device.memory_stats() or {} for device in devices]
    return min((s["bytes_limit"] for s in stats if "bytes_limit" in s), default=None)


def too_large(
    batch: int,
    compile_at: Callable[[int], jax.stages.Compiled],
    *,
    limit: int | None,
    multiple: int,
) -> TooLarge:
    """The error for a batch that did not fit.

    Args:
      batch: the global batch.
      compile_at: compiles the step's program for a global batch.
      limit: bytes that each device has, None where it is not known.
      multiple: devices, which share the batch evenly.
    """
    needs = needed(compile_at, batch)
    told = f"a batch of {batch} does not fit into the memory of its {multiple} device(s)"
    if needs is not None:
        told += f": a step needs {_gib(needs)} on each"
    if limit is None:
        return TooLarge(f"{told}; choose a smaller --config.batch, or set --config.remat=True")
    told += f"{':' if needs is None else ','} where {_gib(limit)} are free to use"
    # A step that should have fitted was refused for what else is there, holes between arrays included.
    room = limit if needs is None or needs > limit else int(0.9 * needs)
    fits = largest(lambda b: needed(compile_at, b), room, below=batch, multiple=multiple)
    if fits is None:
        return TooLarge(
            f"{told}, and no batch fits; set --config.remat=True, a smaller --config.arch.width, or "
            "use a larger device"
        )
    return TooLarge(
        f"{told}; the largest batch that fits is {fits}: set --config.batch={fits}, or "
        "--config.remat=True, or use more devices"
    )


def needed(compile_at: Callable[[int], jax.stages.Compiled], batch: int) -> int | None:
    """Bytes that a step occupies on each device: arguments, results and what lies between.

    None where the compiler itself refuses, as a TPU's does.
    """
    try:
        sizes = compile_at(batch).memory_analysis()
    except jax.errors.JaxRuntimeError as error:
        if _refused(error):
            return None
        raise
    return (
        sizes.argument_size_in_bytes
        + sizes.output_size_in_bytes
        - sizes.alias_size_in_bytes  # a donated argument's memory is its result's
        + sizes.temp_size_in_bytes
        + sizes.generated_code_size_in_bytes
    )


def largest(needed: Callable[[int], int | None], room: int, *, below: int, multiple: int) -> int | None:
    """The largest batch that needs no more than a room, None where no batch does.

    The next batch to try is where the line through the last two reaches the room, between the largest that
    fits and the smallest that does not. What is given back did fit; it is the largest unless `TRIES` ran out.

    Args:
      needed: bytes by batch, which grow with it; None for too many.
      room: bytes.
      below: a batch that does not fit.
      multiple: a batch is one of this number.
    """
    fits, fails = 0, -(-below // multiple)  # in multiples
    points: list[tuple[int, int]] = []
    guess = max(1, fails // 8)
    for tried in range(TRIES):
        if fails - fits == 1:
            break
        bytes_at = needed(guess * multiple)
        if bytes_at is None or bytes_at > room:
            fails = guess
        else:
            fits = guess
        if bytes_at is not None:
            points.append((guess, bytes_at))
        guess = max(_crossing(points[-2:], room), fits + 1)
        if guess >= fails or (tried > 3 and tried % 2 == 0):  # memory is no line there: halving gets on too
            guess = (fits + fails) // 2
    return fits * multiple or None


def _crossing(points: list[tuple[int, int]], room: int) -> float:
    """Where the line through two points reaches a height; twice as far as a single point."""
    if len(points) < 2:
        return 2 * sum(place for place, _ in points)
    (a, low), (b, high) = points
    return b + (room - high) * (b - a) // (high - low) if high != low else math.inf


def _refused(error: Exception) -> bool:
    return "RESOURCE_EXHAUSTED" in str(error)


def _gib(size: int) -> str:
    return f"{size / 2**30:.3g} GiB"
