"""A run from its config: data, family, training, evaluation, `results.json`."""

from __future__ import annotations

import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from coulomb_jax.data.source import Source
from coulomb_jax.family import Fit
from coulomb_jax.model import Model
from coulomb_jax.train import cost, hosts
from coulomb_jax.train.checkpoint import Checkpoints
from coulomb_jax.train.finite import Diverged
from coulomb_jax.train.log import Log
from coulomb_jax.train.loop import train as play_stages
from coulomb_jax.train.memory import TooLarge
from coulomb_jax.train.signals import Interrupted
from coulomb_jax.train.state import State, weights
from coulomb_jax.train.validation import Validation
from experiments import command, evaluation
from experiments.preparation import Run, prepare, title_of


def main(dataset: str) -> None:
    """The command of a data set; exit code 2 for bad input, 1 for a run that diverged."""
    arguments = sys.argv[1:]
    if {"--help", "-h", "--helpfull"} & set(arguments):
        print(command.usage(dataset))
        return
    try:
        asked = command.parse(dataset, arguments)
        hosts.meet(*asked.hosts)
        run = prepare(asked.config, asked.workdir)
    except ValueError as error:
        sys.exit(_refusal(error))
    try:
        execute(run)
    except TooLarge as error:
        sys.exit(_refusal(error))
    except (Interrupted, KeyboardInterrupt) as stop:
        print(f"\n{stop or 'stopped'}; the same command goes on", file=sys.stderr)
        sys.exit(130)
    except Diverged as error:
        print(f"\n{error}", file=sys.stderr)
        sys.exit(1)


def train(config: ConfigDict, workdir: str | Path) -> dict[str, Any]:
    """Trains and evaluates a config, as the commands do; what was begun in the folder goes on.

    Args:
      config: what a config file's `get_config` gives, changed at will.
      workdir: the run folder.

    Returns:
      The contents of `results.json`.

    Raises:
      ValueError: something of the config or the folder cannot be; nothing was done.
      Diverged: a term of the loss is not finite; checkpoints are kept.
      Interrupted: SIGINT or SIGTERM came while it trained; the state is saved.
    """
    return execute(prepare(config, workdir))


def execute(run: Run) -> dict[str, Any]:
    """Trains from the newest checkpoint on, evaluates, and writes results and figures.

    Of several processes the first one evaluates and writes; the others give an empty dictionary.
    """
    if not hosts.first():
        _play(run, None, Log(None))
        hosts.wait()
        return {}
    title = title_of(run.config.to_dict(), run.sources[0])
    print(f"{title}: {len(run.sources[0].train):,} examples, into {run.workdir}")
    log, began = Log(run.workdir), time.perf_counter()
    with Checkpoints(run.workdir / "checkpoints", keep=run.config.checkpoint.keep) as checkpoints:
        done = checkpoints.latest() == run.description["steps"]
        state = _play(run, checkpoints, log)
    seconds = time.perf_counter() - began
    rates = {stage: steps / spent for stage, (steps, spent) in log.played.items()}
    for stage, rate in rates.items():
        print(f"{stage}: {_cost(run, stage, 1.0 / rate)}")
    timing = {
        "train_seconds": round(seconds, 2),
        "steps_per_second": {stage: round(rate, 1) for stage, rate in rates.items()},
    }
    results = evaluation.conclude(
        run.workdir,
        run.config.to_dict(),
        run.config.eval,
        _models(run, state),
        _sources(run),
        step=run.description["steps"],
        title=title,
        timing=None if done else timing,  # the figures of the session that trained still hold
    )
    print(f'model:   coulomb_jax.load("{run.workdir}")')
    hosts.wait()
    return results


def _play(run: Run, checkpoints: Checkpoints | None, log: Log) -> State:
    """Trains."""
    own = len(run.sources) > 1
    return play_stages(
        run.family,
        run.optimizers,
        np.stack([s.train for s in run.sources]) if own else run.sources[0].train,
        run.plan,
        validation=_validation(run),
        pixel_range=run.sources[0].range,
        devices=run.devices,
        transport=run.transport,
        checkpoints=checkpoints,
        log=log,
        check=partial(_check, run) if hosts.first() else None,
        traces=run.workdir / "profile" if run.config.profile and hosts.first() else None,
    )


def _validation(run: Run) -> Validation | None:
    """How the run looks at the examples that its sources hold out, if they do."""
    asked, held = run.config.validation, [s.validation for s in run.sources]
    if not asked.examples:
        return None
    return Validation(np.stack(held) if len(held) > 1 else held[0], run.look, asked.patience, asked.after)


def _models(run: Run, state: State) -> list[Model]:
    """The models of a state, one a repetition."""
    params, stats = jax.device_put(weights(state), run.devices[0])
    models = []
    for r in range(run.config.repetitions):
        pick = (lambda a, r=r: a[r]) if run.config.repetitions > 1 else (lambda a: a)
        models.append(
            Model(run.family, *jax.tree.map(pick, (params, stats)), pixel_range=run.sources[0].range)
        )
    return models


def _sources(run: Run) -> list[Source]:
    """The data of every repetition."""
    return run.sources if len(run.sources) > 1 else run.sources * run.config.repetitions


def _check(run: Run, state: State, step: int) -> dict[str, list[float]]:
    """The metrics of a state that is being trained."""
    sources = _sources(run)
    models = [
        _fitted(run, model, source.train, seed, step)
        for model, source, seed in zip(_models(run, state), sources, run.plan.seeds, strict=True)
    ]
    per_model, _ = evaluation.Evaluation(models, sources, run.config.eval, run.plan.seeds).run({}, step)
    return {f"eval/{name}": [values[name] for values in per_model] for name in per_model[0]}


def _fitted(run: Run, model: Model, examples: np.ndarray, seed: int, step: int) -> Model:
    """A model that can draw before its training reaches the fits: made for this look, of the codes of now."""
    params, start, z = dict(model.params), 0, None
    for stage in run.family.stages:
        if isinstance(stage, Fit) and step <= start:  # until then its arrays are zeros
            z = jnp.asarray(model.encode(examples)) if z is None else z
            params[stage.name] = jax.jit(stage.fit)(z, jax.random.fold_in(jax.random.key(seed), step))
        start += 1 if isinstance(stage, Fit) else run.plan.steps[stage.name]
    return Model(run.family, params, model.stats, pixel_range=model.pixel_range)


def _cost(run: Run, stage: str, seconds: float) -> str:
    """The work in a step of a stage that takes so long, in words."""
    batch = (run.config.batch, *run.sources[0].train.shape[1:])
    work = cost.stage_flops(run.family, run.optimizers, batch)[stage] * run.config.repetitions
    return cost.line(work, seconds, run.devices, run.config.dtype)


def _refusal(error: Exception) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2
