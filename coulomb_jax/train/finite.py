"""A run whose numbers are no longer finite is stopped, and what it had is kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import numpy as np

from coulomb_jax.train.state import State


class Diverged(ArithmeticError):
    """A term of a loss is no longer finite; the message names the term and the step."""


def check_finite(metrics: Mapping[str, np.ndarray], start: int, seeds: Sequence[int]) -> None:
    """Raises `Diverged` with the first step, term and seed of a value that is not finite."""
    worst = None
    for name, values in metrics.items():
        table = values.reshape(len(seeds), -1)
        for repetition, at in np.argwhere(~np.isfinite(table)):
            found = (
                int(at),
                name.endswith("/loss"),
                name,
                seeds[repetition],
                table[repetition, at],
            )
            worst = min(worst or found, found)
    if worst is not None:
        at, _, name, seed, value = worst
        raise Diverged(
            f"{name} is {value} at step {start + at + 1} (seed {seed}), where every term must be "
            "finite; lower the learning rate or the weight of that term, the last checkpoint is kept"
        )


def check_parameters(state: State, step: int) -> None:
    """Raises `Diverged` where a state is not worth a checkpoint: its loss was finite, its step was not."""
    for name, tree in state.params.items():
        if not all(np.isfinite(np.asarray(leaf)).all() for leaf in jax.tree.leaves(tree)):
            raise Diverged(
                f"the parameters of {name} are not finite after step {step}, though the losses before were; "
                "lower the learning rate, the last checkpoint is kept"
            )
