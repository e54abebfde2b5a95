"""What a config asks for, checked and built before any work is done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import optax
from ml_collections import ConfigDict

from coulomb_jax import data, saved
from coulomb_jax.data import cache
from coulomb_jax.data.batches import BatchOrder
from coulomb_jax.data.source import Source
from coulomb_jax.family import Family, Fit
from coulomb_jax.naming import nearest
from coulomb_jax.train import feed, hosts, optimizers
from coulomb_jax.train.loop import Plan, length, steps_a_call
from coulomb_jax.train.rehearsal import rehearse
from experiments import features, folder, measures, subject

LEAST = {
    "repetitions": 1,
    "batch": 1,
    "dispatch": 0,
    "checkpoint.every": 1,
    "checkpoint.keep": 1,
    "validation.examples": 0,
    "validation.every": 0,
    "validation.patience": 0,
    "validation.after": 0,
    "subset.examples": 0,
    "subset.seed": 0,
    "eval.every": 0,
    "eval.samples": 2,
    "eval.codes": 4,
}
"""The smallest value of every number of a config that has one."""


class Run(NamedTuple):
    """A run that passed every check and has not begun; it looks at what it holds out every `look` rounds."""

    config: ConfigDict
    workdir: Path
    description: dict[str, Any]
    family: Family
    optimizers: dict[str, optax.GradientTransformation]
    sources: list[Source]
    plan: Plan
    look: int
    devices: Sequence[jax.Device]
    transport: str


def prepare(config: ConfigDict, workdir: str | Path) -> Run:
    """Loads the data, builds everything and takes the folder, refusing what cannot be before any work.

    What one of several processes refuses, all refuse.
    """
    if jax.config.jax_compilation_cache_dir is None:  # the second start of a run need not compile
        jax.config.update("jax_compilation_cache_dir", str(cache.default_root() / "programs"))
        # By jax's default those that compile within a second are not kept, and they are nearly all.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    problem = run = None
    try:
        run = _build(config, workdir)
        if hosts.first():
            _claim(run)
    except Exception as error:
        problem = error
    if hosts.in_any(problem is not None):
        raise problem or ValueError("another process refused the run; its message says why")
    return run


def _build(config: ConfigDict, workdir: str | Path) -> Run:
    """The run, with its folder not looked at."""
    _check_numbers(config)
    plain = config.to_dict()
    seeds = [config.seed + r for r in range(config.repetitions)]
    sources = load_sources(plain)
    source = sources[0]
    if len(source.test) < 4:
        raise ValueError(f"evaluation takes at least 4 test examples, not {len(source.test)}; hold out more")
    BatchOrder(len(source.train), config.batch, config.seed)
    devices = _devices(config.devices, config.batch)
    transport = config.transport
    if transport == "auto":
        transport = "whole" if len(sources) > 1 else feed.fitting(source.train, devices)
    elif transport not in feed.TRANSPORTS:
        raise ValueError(nearest("transport", transport, ("auto", *feed.TRANSPORTS)))

    arch = plain["arch"] | {
        "dtype": config.dtype,
        "remat": config.remat,
        "x_shape": source.train.shape[1:],
        "x_range": source.range,
    }
    description = saved.describe(arch, plain["family"], plain["sampler"], repetitions=config.repetitions)
    _, family = saved.build(description)
    description |= {"steps": length(family, plain["steps"]), "examples": len(source.train)}
    check_evaluation(config, source)
    look = config.validation.examples and (config.validation.every or len(source.train) // config.batch)
    dispatch = config.dispatch or steps_a_call(family, devices[0].platform)
    run = Run(
        config=config,
        workdir=Path(workdir),
        description=description,
        family=family,
        optimizers=_optimizers(family, plain, look),
        sources=sources,
        plan=Plan(
            plain["steps"],
            config.batch,
            seeds,
            dispatch,
            config.checkpoint.every,
            config.eval.every,
            config.average,
        ),
        look=look,
        devices=devices,
        transport=transport,
    )
    rehearse(family, run.optimizers, (config.batch, *arch["x_shape"]))
    return run


def load_sources(plain: Mapping[str, Any]) -> list[Source]:
    """The data of a config: one set, or one a repetition where they are drawn from the seed."""
    seeds = [plain["seed"] + r for r in range(plain["repetitions"])]
    name, options = plain["data"]["name"], {k: v for k, v in plain["data"].items() if k != "name"}
    first = data.load(name, seed=seeds[0], **options)
    sources = [first] + [data.load(name, seed=seed, **options) for seed in seeds[1:] if first.synthetic]
    # Runs of before these were keys have none.
    held, subset = plain.get("validation", {}).get("examples", 0), plain.get("subset", {})
    batch, there = plain["batch"], len(first.train)
    if held and not batch <= held <= there - batch:
        raise ValueError(
            f"validation takes at least a batch of {batch} examples and leaves as many, but {held} of "
            f"{there} are to be held out; change --config.validation.examples"
        )
    if held:
        sources = [source.hold_out(held) for source in sources]
    if subset.get("examples"):  # of what is left, so that every subset is judged by the same examples
        sources = [source.subset(**subset) for source in sources]
    return sources


def title_of(plain: Mapping[str, Any], source: Source) -> str:
    """What figures and the screen call a run."""
    times = f" x {plain['repetitions']}" if plain["repetitions"] > 1 else ""
    return f"{plain['family']['name']} on {source.name}{times}"


def check_evaluation(config: ConfigDict, source: Source) -> None:
    """Refuses before training what would fail after it."""
    subject.kernel(config.eval.kernel, config.arch.z_dim)
    names = measures.chosen(config.eval.metrics, source)
    if config.eval.interpolation not in subject.INTERPOLATIONS:
        raise ValueError(nearest("interpolation", config.eval.interpolation, subject.INTERPOLATIONS))
    if any(measures.MEASURES[name].features for name in names):
        features.open_store(config.eval, source)


def _claim(run: Run) -> None:
    """Takes the run folder, or refuses it."""
    plain = run.config.to_dict()
    fingerprints = sorted({s.fingerprint for s in run.sources})
    folder.claim(run.workdir, plain | {"data": plain["data"] | {"fingerprints": fingerprints}})
    folder.write(run.workdir / "model.json", run.description)
    folder.write(run.workdir / "environment.json", folder.environment())


def _optimizers(family: Family, plain: dict[str, Any], look: int) -> dict[str, optax.GradientTransformation]:
    """The optimizer of every move, its schedule over as many steps as the move is played.

    Args:
      family: whose moves they are.
      plain: the config.
      look: rounds between two looks at held-out examples, 0 for none.
    """
    made = {}
    for stage in (s for s in family.stages if not isinstance(s, Fit)):
        for update in stage.updates:
            if update.name not in plain["optimizers"]:
                raise ValueError(
                    f"the family {plain['family']['name']} has the move {update.name}, but the config's "
                    f"optimizers are for {', '.join(plain['optimizers'])}; use that family's own --config"
                )
            steps = plain["steps"][stage.name] * update.repeat
            options = plain["optimizers"][update.name]
            made[update.name] = optimizers.make(steps=steps, look=look * update.repeat, **options)
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
    asked = config.validation
    if not asked.examples and (asked.every or asked.patience or asked.after):
        raise ValueError("nothing is held out to be looked at; set --config.validation.examples")
    if not 0 <= config.average < 1:
        raise ValueError(f"an average keeps a share in [0, 1), not {config.average}; change --config.average")
    if not 0 <= config.seed <= 2**32 - config.repetitions:
        raise ValueError(f"a seed lies in [0, 2^32), not {config.seed}; change --config.seed")


def _devices(wanted: int, batch: int) -> list[jax.Device]:
    """The first `wanted` devices of each process, all of them for 0."""
    here = len(jax.local_devices())
    if not 0 <= wanted <= here:
        raise ValueError(f"devices is 0 (all) to {here} on this machine, not {wanted}")
    devices = [
        device
        for process in range(jax.process_count())
        for device in jax.local_devices(process_index=process)[: wanted or None]
    ]
    if batch % len(devices):
        raise ValueError(
            f"a batch is divided evenly among the devices, but {batch} examples are not among "
            f"{len(devices)}; change --config.batch or --config.devices"
        )
    return devices
