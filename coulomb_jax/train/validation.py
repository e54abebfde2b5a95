"""Looks at held-out examples while a stage trains: its best weights, and whether it goes on."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from coulomb_jax.family import Family, Stage
from coulomb_jax.nets.bound import Bound
from coulomb_jax.nets.pixels import to_units
from coulomb_jax.train import hosts
from coulomb_jax.train.finite import Diverged
from coulomb_jax.train.state import State, copied, weights


class Validation(NamedTuple):
    """How a run looks at examples that it does not learn from, whatever its family.

    Attributes:
      data: `[m ...]`, or `[repetitions m ...]`, m at least the batch; what exceeds a multiple is left out.
      every: rounds of a stage between two looks.
      patience: a stage ends at the first look at which every repetition has had so many in a row without a
        lower loss: while one still improves, all go on. 0 for none.
      after: rounds of a stage before which it does not end so.
    """

    data: np.ndarray
    every: int
    patience: int = 0
    after: int = 0


def unseen(state: State) -> dict[str, Any]:
    """What is remembered before the first look at a stage: no loss, and the nets as they are.

    Entries are the lowest loss and the `params` and `stats` that had it, the last loss, and how many looks
    ago the lowest one was.
    """
    worst, stalls = jnp.full(state.step.shape, jnp.inf, jnp.float32), jnp.zeros_like(state.step)
    return {"loss": worst, "last": jnp.copy(worst), "stalls": stalls} | copied(state)


def looks(
    family: Family,
    stage: Stage,
    data: np.ndarray,
    *,
    batch: int,
    rounds: int,
    pixel_range: tuple[float, float] | None,
    seeds: Sequence[int],
    own_data: bool,
) -> Callable[[State], tuple[dict[str, Any], np.ndarray]]:
    """A function that looks at a state: what is then remembered, and the loss of each repetition.

    The loss is that of the stage's first move that trains the decoder (of its first one where none does), of
    nets that do not learn, as in the stage's last round (a warm-up is over), averaged over batches of the
    held-out examples. Every look has the same noise. All of it runs on one device of each process, and the
    first one's loss is everybody's.

    Args:
      family: that is trained.
      stage: of it.
      data: of a `Validation`.
      batch: the global batch of the training.
      rounds: of the stage.
      pixel_range: what uint8 data are scaled to.
      seeds: one a repetition.
      own_data: whether each of them has data of its own.
    """
    judged = next((update for update in stage.updates if "decoder" in update.learns), stage.updates[0])
    objective, here = judged.objective, jax.local_devices()[0]
    held = jax.device_put(data, here)
    batches = data.shape[own_data] // batch
    repeated = len(seeds) > 1

    def loss(params, stats, x, key):
        nets = Bound(family.nets, params, stats, step=rounds - 1)
        return objective(nets, to_units(x, pixel_range), key)[0]

    def remember(best, value, params, stats):
        lower = value < best["loss"]
        now = {"loss": value, "params": {name: params[name] for name in best["params"]}, "stats": stats}
        before = {name: best[name] for name in now}
        chosen = jax.tree.map(functools.partial(jnp.where, lower), now, before)
        return chosen | {"last": value, "stalls": jnp.where(lower, 0, best["stalls"] + 1)}

    keys = jax.vmap(jax.random.key)(np.uint32(seeds))
    if repeated:
        loss = jax.vmap(loss, in_axes=(0, 0, 0 if own_data else None, 0))
        remember = jax.vmap(remember)
    else:
        keys = keys[0]
    fold = jax.vmap(jax.random.fold_in, in_axes=(0, None)) if repeated else jax.random.fold_in
    loss, remember = jax.jit(loss), jax.jit(remember)

    def look(state: State):
        (params, stats), best = jax.device_put((weights(state), state.best), here)
        values = []
        for i in range(batches):  # one by one: XLA runs convolutions slowly inside a loop on a CPU
            rows = slice(i * batch, (i + 1) * batch)
            x = held[:, rows] if own_data else held[rows]
            values.append(loss(params, stats, x, fold(keys, i)))
        value = jnp.mean(jnp.stack(values), axis=0)
        value = jax.device_put(hosts.from_first(np.asarray(value)), here)
        for seed, one in zip(seeds, np.atleast_1d(value)):
            if not np.isfinite(one):
                raise Diverged(
                    f"the loss of held-out examples is {one} (seed {seed}), where every loss must be finite; "
                    "lower the learning rate, the last checkpoint is kept"
                )
        return remember(best, value, params, stats), np.asarray(value)

    return look
