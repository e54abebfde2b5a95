"""Checkpoints of a run, by orbax: the model and the rest as two items, so that a user can load the first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from coulomb_jax.train.state import State


class Checkpoints:
    """The `checkpoints` folder of a run: saved in the background, atomically, the newest kept.

    Args:
      folder: of the checkpoints, made where it is missing.
      keep: how many to keep, at least 1.
      reading: make nothing; the folder must be there.

    Of several processes, one alone has the checkpoints of a run.

    Leave it through `with` or `close`: a process that ends before loses what is still being written.
    """

    def __init__(self, folder: str | Path, *, keep: int = 2, reading: bool = False):
        folder = Path(folder).resolve()
        if not reading:
            folder.mkdir(parents=True, exist_ok=True)
        self._several = jax.process_count() > 1
        apart = ocp.options.MultiprocessingOptions()
        if self._several:  # the other processes neither write nor wait for what is written
            me = jax.process_index()
            apart = ocp.options.MultiprocessingOptions(
                primary_host=me, active_processes={me}, barrier_sync_key_prefix="checkpoints"
            )
        options = ocp.CheckpointManagerOptions(max_to_keep=keep, create=False, multiprocessing_options=apart)
        self._manager = ocp.CheckpointManager(folder, options=options)

    def latest(self) -> int | None:
        """The newest step saved, or None."""
        return self._manager.latest_step()

    def save(self, step: int, state: State) -> None:
        """Saves a state unless that step is there already; the write goes on in the background."""
        if step in self._manager.all_steps():
            return
        if self._several:  # orbax takes an array of one process's devices for a mistake
            state = jax.tree.map(np.asarray, state)
        model = {"params": state.params, "stats": state.stats}
        self._manager.save(
            step,
            args=ocp.args.Composite(
                model=ocp.args.StandardSave(model), training=ocp.args.StandardSave(_rest(state))
            ),
        )

    def restore(self, step: int, like: State) -> State:
        """The state of a step, in the structure, types and devices of `like`."""
        model = {"params": like.params, "stats": like.stats}
        restored = self._manager.restore(
            step,
            args=ocp.args.Composite(
                model=ocp.args.StandardRestore(_abstract(model)),
                training=ocp.args.StandardRestore(_abstract(_rest(like))),
            ),
        )
        return like._replace(**restored["model"], **restored["training"])

    def restore_model(self, step: int, like: tuple[Any, Any]) -> tuple[Any, Any]:
        """Parameters and batch statistics of a step, without what training alone needs."""
        model = _abstract({"params": like[0], "stats": like[1]})
        args = ocp.args.Composite(model=ocp.args.StandardRestore(model))
        restored = self._manager.restore(step, args=args)["model"]
        return restored["params"], restored["stats"]

    def __enter__(self) -> Checkpoints:
        return self

    def __exit__(self, *failure) -> None:
        self.close()

    def close(self) -> None:
        """Waits until everything is written."""
        self._manager.wait_until_finished()
        self._manager.close()


def _rest(state: State) -> dict[str, Any]:
    """What training alone needs; orbax stores no empty dictionary."""
    kept = {"average": state.average, "best": state.best}
    return {"step": state.step, "opt": state.opt} | {name: value for name, value in kept.items() if value}


def _abstract(tree):
    """Shapes and types, placed on the first local device whatever device they were saved from."""
    here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.tree.map(lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=here), tree)
