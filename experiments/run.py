"""A run from its config: data, family, training, evaluation, `results.json`."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import optax
from ml_collections import ConfigDict

from coulomb_jax import data, saved
from coulomb_jax.data.batches import BatchOrder
from coulomb_jax.data.source import Source
from coulomb_jax.family import Family, Fit
from coulomb_jax.model import Model
from coulomb_jax.train import optimizers
from coulomb_jax.train.checkpoint import Checkpoints
from coulomb_jax.train.log import Log
from coulomb_jax.train.loop import Diverged, Interrupted, Plan, length, steps_a_call
from coulomb_jax.train.loop import train as play_stages
from coulomb_jax.train.rehearsal import rehearse
from experiments import command, evaluate, folder

LEAST = {
    "repetitions": 1,
    "batch": 1,
    "dispatch": 0,
    "checkpoint.every": 1,
    "checkpoint.keep": 1,
    "eval.samples": 2,
    "eval.codes": 4,
}
"""The smallest value of every number of a config that has one."""


class Run(NamedTuple):
    """A run that passed every check and has not begun."""

    config: ConfigDict
    workdir: Path
    description: dict[str, Any]
    family: Family
    optimizers: dict[str, optax.GradientTransformation]
    sources: list[Source]
    plan: Plan
    devices: Sequence[jax.Device]


def main(dataset: str) -> None:
    """The command of a data set; exit code 2 for bad input, 1 for a run that diverged."""
    arguments = sys.argv[1:]
    if {"--help", "-h", "--helpfull"} & set(arguments):
        print(command.usage(dataset))
        return
    try:
        config, workdir = command.parse(dataset, arguments)
        run = prepare(config, workdir)
    except ValueError as error:
        sys.exit(_refusal(error))
    try:
        execute(run)
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


def prepare(config: ConfigDict, workdir: str | Path) -> Run:
    """Loads the data and builds everything, refusing what cannot be before any work is done."""
    _check_numbers(config)
    plain = config.to_dict()
    seeds = [config.seed + r for r in range(config.repetitions)]
    options = {k: v for k, v in plain["data"].items() if k != "name"}
    sources = [data.load(config.data.name, seed=seeds[0], **options)]
    if sources[0].synthetic:
        sources += [data.load(config.data.name, seed=seed, **options) for seed in seeds[1:]]
    source = sources[0]
    if len(source.test) < 4:
        raise ValueError(f"evaluation takes at least 4 test examples, not {len(source.test)}; hold out more")
    BatchOrder(len(source.train), config.batch, config.seed)
    devices = _devices(config.devices, config.batch)

    arch = plain["arch"] | {
        "dtype": config.dtype,
        "x_shape": source.train.shape[1:],
        "x_range": source.range,
    }
    description = saved.describe(arch, plain["family"], plain["sampler"], repetitions=config.repetitions)
    _, family = saved.build(description)
    description["steps"] = length(family, plain["steps"])
    evaluate.kernel(config.eval.kernel, config.arch.z_dim)
    dispatch = config.dispatch or steps_a_call(config.arch.name == "dcgan", devices[0].platform)
    run = Run(
        config=config,
        workdir=Path(workdir),
        description=description,
        family=family,
        optimizers=_optimizers(family, plain),
        sources=sources,
        plan=Plan(plain["steps"], config.batch, seeds, dispatch, config.checkpoint.every),
        devices=devices,
    )
    rehearse(family, run.optimizers, (config.batch, *arch["x_shape"]))
    fingerprints = sorted({s.fingerprint for s in sources})
    folder.claim(run.workdir, plain | {"data": plain["data"] | {"fingerprints": fingerprints}})
    folder.write(run.workdir / "model.json", description)
    folder.write(run.workdir / "environment.json", folder.environment())
    return run


def execute(run: Run) -> dict[str, Any]:
    """Trains from the newest checkpoint on, evaluates, and writes results and figures."""
    config, began = run.config, time.perf_counter()
    print(f"{_title(config)}: {len(run.sources[0].train):,} examples, into {run.workdir}")
    log, own = Log(run.workdir), len(run.sources) > 1
    with Checkpoints(run.workdir / "checkpoints", keep=config.checkpoint.keep) as checkpoints:
        done = checkpoints.latest() == run.description["steps"]
        state = play_stages(
            run.family,
            run.optimizers,
            np.stack([s.train for s in run.sources]) if own else run.sources[0].train,
            run.plan,
            pixel_range=run.sources[0].range,
            devices=run.devices,
            checkpoints=checkpoints,
            log=log,
        )
    trained = time.perf_counter()
    params, stats = jax.device_put((state.params, state.stats), run.devices[0])
    models = []
    for r in range(config.repetitions):
        pick = (lambda a, r=r: a[r]) if config.repetitions > 1 else (lambda a: a)
        one = jax.tree.map(pick, (params, stats))
        models.append(Model(run.family, *one, pixel_range=run.sources[0].range))
    sources = run.sources if own else run.sources * config.repetitions
    each = [
        evaluate.numbers(model, source, config.eval, seed)
        for model, source, seed in zip(models, sources, run.plan.seeds, strict=True)
    ]
    means, spread = evaluate.summary(each)
    published = {f"{k}_published": v for k, v in config.references.items()}
    timing = {
        "train_seconds": round(trained - began, 2),
        "steps_per_second": round(log.steps / log.seconds, 1) if log.seconds else None,
    }
    written = run.workdir / "results.json"
    if done and written.is_file():  # nothing was trained: the figures of the session that did still hold
        timing = json.loads(written.read_text())["timing"]
    results = {
        "metrics": means,
        "standard_deviations": spread,
        "repetitions": each,
        "references": evaluate.ceiling(sources[0]) | published,
        "protocol": {
            "data": config.data.name,
            "fingerprints": [s.fingerprint for s in run.sources],
            "train": len(sources[0].train),
            "test": len(sources[0].test),
            **config.eval.to_dict(),
        },
        "timing": timing,
    }
    folder.write(written, results)
    shown = run.workdir / "figures"
    figures = evaluate.draw_figures(models[0], sources[0], shown, _title(config), config.seed, each[0])
    print(evaluate.report(results))
    print(f"results: {written}")
    print(f"figures: {', '.join(str(path) for path in figures)}")
    print(f'model:   coulomb_jax.load("{run.workdir}")')
    return results


def _optimizers(family: Family, plain: dict[str, Any]) -> dict[str, optax.GradientTransformation]:
    """The optimizer of every move, its schedule over as many steps as the move is played."""
    made = {}
    for stage in (s for s in family.stages if not isinstance(s, Fit)):
        for update in stage.updates:
            if update.name not in plain["optimizers"]:
                raise ValueError(
                    f"the family {plain['family']['name']} has the move {update.name}, but the config's "
                    f"optimizers are for {', '.join(plain['optimizers'])}; use that family's own --config"
                )
            steps = plain["steps"][stage.name] * update.repeat
            made[update.name] = optimizers.make(steps=steps, **plain["optimizers"][update.name])
    return made


def _check_numbers(config: ConfigDict) -> None:
    """Refuses numbers that no run can have."""
    least = {f"steps.{stage}": 1 for stage in config.steps} | LEAST
    for key, smallest in least.items():
        value = config.to_dict()
        for part in key.split("."):
            value = value[part]
        if value < smallest:
            raise ValueError(f"{key} is at least {smallest}, not {value}; change --config.{key}")
    if not 0 <= config.seed <= 2**32 - config.repetitions:
        raise ValueError(f"a seed lies in [0, 2^32), not {config.seed}; change --config.seed")


def _title(config: ConfigDict) -> str:
    times = f" x {config.repetitions}" if config.repetitions > 1 else ""
    return f"{config.family.name} on {config.data.name}{times}"


def _devices(wanted: int, batch: int) -> list[jax.Device]:
    """The first `wanted` local devices, all of them for 0."""
    local = jax.local_devices()
    if not 0 <= wanted <= len(local):
        raise ValueError(f"devices is 0 (all) to {len(local)} on this machine, not {wanted}")
    devices = local[: wanted or len(local)]
    if batch % len(devices):
        raise ValueError(
            f"a batch is divided evenly among the devices, but {batch} examples are not among "
            f"{len(devices)}; change --config.batch or --config.devices"
        )
    return devices


def _refusal(error: Exception) -> int:
    print(f"error: {error}", file=sys.stderr)
    return 2
