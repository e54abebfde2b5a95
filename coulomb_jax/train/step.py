"""One round of a stage, written once for one device of many and one model of many."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import optax

from coulomb_jax.family import Family, Stage
from coulomb_jax.nets.bound import AXIS, Bound
from coulomb_jax.train.state import State


def play(
    family: Family,
    stage: Stage,
    optimizers: Mapping[str, optax.GradientTransformation],
    *,
    start: int = 0,
    average: float = 0.0,
) -> Callable:
    """The pure function that plays a stage's moves in order, each seeing what the last one did.

    Args:
      family: whose nets are trained.
      stage: the moves.
      optimizers: by the name of the update.
      start: the step at which the stage begins, so that `nets.step` counts from 0.
      average: what a round keeps of the running averages, where the state has them, in [0, 1); less in the
        first rounds, of which the t-th keeps at most t / (t + 9).

    Returns:
      `(state, batches, key) -> (state, metrics)`, to be called where the device axis is bound.
      `batches` `[r b ...]` are this device's rows of as many batches as the most repeated move takes;
      `key` is the run's, folded with the step and the move here and nowhere else. Metrics are those of
      each move's last repeat, averaged over devices, with `update/loss` among them.
    """

    def one(state: State, batches: jax.Array, key: jax.Array):
        key = jax.random.fold_in(key, state.step)
        metrics = {}
        for i, update in enumerate(stage.updates):
            own = jax.random.fold_in(key, i)
            for r in range(update.repeat):
                state, seen = move(state, update, batches[r], jax.random.fold_in(own, r))
            metrics |= {f"{update.name}/{k}": v for k, v in seen.items()}
        if state.average:
            state = state._replace(average=averaged(state))
        return state._replace(step=state.step + 1), metrics

    def averaged(state: State) -> dict:
        t = (state.step - start).astype(jnp.float32)
        kept = jnp.minimum(average, (t + 1.0) / (t + 10.0))
        learns = sorted({name for update in stage.updates for name in update.learns})

        def mixed(old, now):
            old, now = ({name: tree[name] for name in learns} for tree in (old, now))
            return jax.tree.map(lambda a, b: kept * a + (1.0 - kept) * b, old, now)

        now = {"params": state.params, "stats": state.stats}
        return {kind: old | mixed(old, now[kind]) for kind, old in state.average.items()}

    def move(state, update, x, key):
        held = {k: v for k, v in state.params.items() if k not in update.learns}

        def loss_of(learned):
            nets = Bound(
                family.nets,
                held | learned,
                state.stats,
                learns=update.learns,
                step=state.step - start,
                axis=AXIS,
            )
            loss, metrics = update.objective(nets, x, key)
            return loss, ({"loss": loss} | metrics, nets.recorded)

        learned = {name: state.params[name] for name in update.learns}
        grads, (metrics, recorded) = jax.grad(loss_of, has_aux=True)(learned)
        grads, metrics = jax.lax.pmean((grads, metrics), AXIS)
        optimizer = optax.with_extra_args_support(optimizers[update.name])
        last = state.best.get("last", 0.0)  # for a rate that follows validation
        change, opt = optimizer.update(grads, state.opt[update.name], learned, value=last)
        moved = state._replace(
            params=state.params | optax.apply_updates(learned, change),
            stats=state.stats | recorded,
            opt=state.opt | {update.name: opt},
        )
        return moved, metrics

    return one
