"""The training loop, one for every family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from coulomb_jax.data.batches import BatchOrder
from coulomb_jax.family import Family, Fit
from coulomb_jax.model import Model
from coulomb_jax.nets.bound import initialize
from coulomb_jax.train import feed, hosts
from coulomb_jax.train.checkpoint import Checkpoints
from coulomb_jax.train.finite import check_finite, check_parameters
from coulomb_jax.train.launch import first_call, launch
from coulomb_jax.train.log import Log
from coulomb_jax.train.profile import Profile
from coulomb_jax.train.signals import Interrupted, stop_signals
from coulomb_jax.train.state import State, copied, init, weights
from coulomb_jax.train.step import play
from coulomb_jax.train.validation import Validation, looks, unseen


class Plan(NamedTuple):
    """How a run is trained, apart from what: numbers only.

    Attributes:
      steps: rounds of each stage, by its name.
      batch: examples a round and device group, the global batch.
      seeds: one a repetition; each draws its own weights, order and noise.
      dispatch: steps a call of the device; 1 where XLA handles a loop of convolutions badly (CPU).
      save_every: steps between checkpoints.
      check_every: steps between calls of `check`; 0 for none.
      average: what a round keeps of the running averages of the weights, which every stage ends on, in
        [0, 1); 0 for none, and the last weights.
    """

    steps: Mapping[str, int]
    batch: int
    seeds: Sequence[int]
    dispatch: int
    save_every: int
    check_every: int = 0
    average: float = 0.0


def steps_a_call(family: Family, platform: str) -> int:
    """A good `dispatch`: 1 where any net has convolutions on a CPU, which XLA runs slowly inside a loop."""
    params, _ = jax.eval_shape(partial(initialize, family.nets), jax.random.key(0))
    leaves = jax.tree_util.tree_leaves_with_path(params)
    convolutional = any(path[-1].key == "kernel" and leaf.ndim == 4 for path, leaf in leaves)
    return 1 if convolutional and platform == "cpu" else 100


def length(family: Family, steps: Mapping[str, int]) -> int:
    """All the steps of a run, a `Fit` counting as one."""
    return sum(1 if isinstance(s, Fit) else steps[s.name] for s in family.stages)


def train(
    family: Family,
    optimizers: Mapping[str, optax.GradientTransformation],
    data: np.ndarray,
    plan: Plan,
    *,
    validation: Validation | None = None,
    pixel_range: tuple[float, float] | None = None,
    devices: Sequence[jax.Device] | None = None,
    transport: str = "whole",
    checkpoints: Checkpoints | None = None,
    log: Log | None = None,
    check: Callable[[State, int], Mapping[str, np.ndarray]] | None = None,
    traces: str | Path | None = None,
) -> State:
    """Plays a family's stages on a data set, from its newest checkpoint where there is one.

    Args:
      family: what to train.
      optimizers: by the name of the update.
      data: `[n ...]`, or `[repetitions n ...]` where each repetition has its own.
      plan: steps, batch, seeds.
      validation: held-out examples; every stage of any family then ends on the weights that did best on them,
        each repetition on its own. None for no looks, and the last weights.
      pixel_range: what uint8 data are scaled to.
      devices: to share every batch among, those of all processes in the same order; None for all.
      transport: how examples reach the devices, one of `feed.TRANSPORTS`; the result is the same.
      checkpoints: where to save and resume; None for neither, and in all processes but the first.
      log: told the metrics of every call of the device.
      check: measures a state at a step, while it trains; what it gives by name goes into the log.
      traces: folder for a trace of a few calls; None for none.

    Returns:
      The final state. The same plan and data give the same state bit for bit, interrupted or not.

    Raises:
      ValueError: a batch that the data or the devices do not allow.
      TooLarge: a step does not fit into the devices' memory; a ValueError too.
      Diverged: a term is not finite.
      Interrupted: a signal came, to any process; the state is saved.
    """
    devices = list(devices or jax.devices())
    local = [device for device in devices if device.process_index == jax.process_index()]
    repeated = len(plan.seeds) > 1
    own_data = repeated and data.ndim > len(family.nets["encoder"].takes) + 1
    if plan.batch % len(devices):
        raise ValueError(
            f"the batch is shared among {len(devices)} devices, which {plan.batch} examples cannot "
            f"be; choose a multiple of {len(devices)}, or fewer devices with --config.devices"
        )
    orders = [BatchOrder(data.shape[own_data], plan.batch, seed) for seed in plan.seeds]
    pairs = jax.vmap(lambda seed: jax.random.split(jax.random.key(seed)))(np.uint32(plan.seeds))
    first, keys = pairs[:, 0], pairs[:, 1]
    if not repeated:
        first, keys = first[0], keys[0]

    def begun(state):
        """The state at the start of a stage, which averages and validation know nothing of yet."""
        average = copied(state) if plan.average else {}
        return state._replace(average=average, best=unseen(state) if validation else {})

    fresh = partial(init, family, optimizers, examples=data.shape[own_data])
    state = begun(jax.jit(jax.vmap(fresh) if repeated else fresh)(first))
    if checkpoints is not None and checkpoints.latest() is not None:
        state = checkpoints.restore(checkpoints.latest(), state)
    state, keys = feed.replicate((hosts.from_first(state), keys), local)
    examples = feed.make(transport, data, orders, devices, repeated=repeated, own_data=own_data)

    step = int(np.ravel(state.step)[0])
    log = log or Log(None)
    log.begin(step, length(family, plan.steps))
    pending: list[tuple[int, dict]] = []
    # Several processes look at the vote of the call before: the newest would be waited for.
    votes: list[bool | jax.Array] = [False] * (jax.process_count() > 1)

    def settle():
        while pending:
            at, metrics = pending.pop(0)
            metrics = {k: np.asarray(v) for k, v in metrics.items()}
            check_finite(metrics, at, plan.seeds)
            log.write(at + next(iter(metrics.values())).shape[-1], metrics)

    def save():
        settle()
        check_parameters(state, step)
        if checkpoints is not None:
            checkpoints.save(step, state)

    def looking(stage):
        """A look at a state of the stage; without validation, nothing."""
        if validation is None:
            return lambda state: state
        one = looks(
            family,
            stage,
            validation.data,
            batch=plan.batch,
            rounds=plan.steps[stage.name],
            pixel_range=pixel_range,
            seeds=plan.seeds,
            own_data=own_data,
        )

        def look(state):
            best, loss = one(state)
            log.note(step, {f"{stage.name}/validation": loss})
            return state._replace(best=feed.replicate(best, local))

        return look

    def stalled(state):
        return validation.patience and np.all(np.asarray(state.best["stalls"]) >= validation.patience)

    def chosen(state):
        """The state on the weights that its stage was for."""
        params, stats = (state.best["params"], state.best["stats"]) if validation else weights(state)
        state = state._replace(params=state.params | params, stats=state.stats | stats)
        return state._replace(average=copied(state) if plan.average else {})

    def passed(every):
        """Whether the last call reached a multiple of so many steps."""
        return every and step // every > (step - steps) // every

    start = 0
    with stop_signals() as stopped, log, Profile(traces) as traced:
        for stage in family.stages:
            if isinstance(stage, Fit):
                if step <= start:
                    settle()
                    state = fit(family, stage, state, data, keys, pixel_range, repeated, own_data)
                    state, step = feed.replicate(state, local), start + 1
                start += 1
                continue
            end = start + plan.steps[stage.name]
            if step < end:
                settle()
                log.enter(stage.name)
                run = launch(
                    play(family, stage, optimizers, start=start, average=plan.average),
                    examples,
                    devices=devices,
                    pixel_range=pixel_range,
                    repeated=repeated,
                    own_data=own_data,
                )
                look = looking(stage)
                if step == start:
                    state = look(begun(state))
            first = step
            # One round a call where every round may be the last; and no call goes past a look.
            dispatch = 1 if stage.until else plan.dispatch
            every = validation.every if validation else plan.steps[stage.name]
            chunks = list(_chunks(step - start, end - start, dispatch, every))
            moves = max(update.repeat for update in stage.updates)
            for (_, steps), entries in zip(chunks, examples.entries(moves, chunks), strict=True):
                arguments = (state, examples.held, entries, keys)
                if step == first:
                    state, metrics = first_call(
                        run, arguments, batch=plan.batch, batch_axis=examples.batch_axis, devices=devices
                    )
                else:
                    state, metrics = traced.call(run, *arguments)
                settle()
                pending.append((step, metrics))
                step += steps
                over = stage.until is not None and ended(stage.until, metrics)
                if validation and (over or (step - start) % every == 0 or step == end):
                    settle()
                    state = look(state)
                    over |= step - start > validation.after and stalled(state)
                if over and step < end:
                    settle()
                    log.skip(end)
                    state = state._replace(step=feed.replicate(jnp.full_like(state.step, end), local))
                    step, steps = end, steps + end - step
                if step == end:
                    state = chosen(state)
                if check is not None and passed(plan.check_every):
                    settle()
                    log.note(step, check(state, step))
                if passed(plan.save_every):
                    save()
                votes.append(hosts.in_any_soon(stopped()))
                if votes.pop(0):
                    save()
                    raise Interrupted(f"stopped after step {step}")
                if step == end:
                    break
            start = end
        save()
        if hosts.in_any(stopped()):
            raise Interrupted(f"stopped after step {step}")
    return state


def ended(until: tuple[str, float], metrics: Mapping[str, np.ndarray]) -> bool:
    """Whether the last round of a call ended its stage, in every repetition."""
    name, least = until
    return bool(np.all(np.asarray(metrics[name])[..., -1] < least))


def _chunks(step: int, end: int, dispatch: int, every: int):
    """The calls that play the steps of a stage from `step` to `end`: where each begins, and its length."""
    while step < end:
        steps = min(dispatch - step % every % dispatch, every - step % every, end - step)
        yield step, steps
        step += steps


def fit(family, stage, state, data, keys, pixel_range, repeated, own_data) -> State:
    """Makes a `Fit` from the codes of the training set, for every repetition."""
    fitted = []
    here = jax.local_devices()[0]
    params, stats, steps, keys = jax.device_put((state.params, state.stats, state.step, keys), here)
    for r in range(len(keys) if repeated else 1):
        pick = (lambda a, r=r: a[r]) if repeated else (lambda a: a)
        model = Model(family, *jax.tree.map(pick, (params, stats)), pixel_range=pixel_range)
        z = model.encode(data[r] if own_data else data)
        key = jax.random.fold_in(pick(keys), pick(steps))
        fitted.append(jax.jit(stage.fit)(jnp.asarray(z), key))
    arrays = jax.tree.map(lambda *a: jnp.stack(a), *fitted) if repeated else fitted[0]
    return state._replace(step=state.step + 1, params=state.params | {stage.name: arrays})
