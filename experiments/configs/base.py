"""Every key of a config, and how settings are merged into it.

A setting is a data set, or a data set and a preset: "grid", "grid:paper". `experiments.settings.SETTINGS` and
the one of each family's file are tables of dotted keys, merged in the order: "" (always), the data set, the
preset on any data set (":tiny"), the preset on this one ("grid:tiny"); the family's table after the common
one at each step. A preset exists for a data set where one of the tables names it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict, config_dict

from coulomb_jax import data, families, samplers
from coulomb_jax.family import Fit
from coulomb_jax.naming import nearest
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.train import optimizers, state
from experiments.folder import flat
from experiments.settings import EVAL, SETTINGS

SIZES = Architecture(x_shape=(2,), z_dim=16)
"""Of the nets that names of stages and moves are read from: enough for ten one-hot centres."""


def get(
    setting: str,
    family: str,
    settings: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    further: Sequence[str] = (),
    stages: Sequence[str] = (),
) -> ConfigDict:
    """The config of a family on a data set, with every key that can be overridden.

    Args:
      setting: "dataset" or "dataset:preset".
      family: a name of `coulomb_jax.families`.
      settings: the family's own table, of the form of `SETTINGS`.
      further: moves that an option of the family adds to those of its defaults; they have optimizers too.
      stages: those that an option adds.

    Raises:
      ValueError: no such data set, preset or family, with the nearest valid names.
    """
    dataset, _, preset = setting.partition(":")
    tables = (SETTINGS, settings or {})
    if preset and preset not in presets(dataset, settings):
        raise ValueError(nearest(f"preset of {dataset}", preset, presets(dataset, settings)))
    layers = ["", dataset] + ([f":{preset}", f"{dataset}:{preset}"] if preset else [])
    chosen = {k: v for layer in layers for table in tables for k, v in table.get(layer, {}).items()}
    config = with_sampler(_every_key(dataset, family, further, stages), chosen.pop("sampler.name", "prior"))
    for update in config.optimizers:
        for key, value in chosen.items():
            if key.startswith("optimizer."):
                config.optimizers[update][key.removeprefix("optimizer.")] = value
    for stage in config.steps:
        config.steps[stage] = chosen.get("steps", config.steps[stage])
    rest = {k: v for k, v in chosen.items() if k != "steps" and not k.startswith("optimizer.")}
    valid = flat(config.to_dict())
    for key in rest:
        if key not in valid:
            raise ValueError(nearest("config key", key, valid))
    config.update_from_flattened_dict(rest)
    return config.lock()


def with_sampler(config: ConfigDict, name: str) -> ConfigDict:
    """The config with another sampler: its options, and steps and optimizers of a stage that it adds.

    Such a stage has as many steps as the longest of the family, and Adam at 1e-3, until they are set.

    Raises:
      ValueError: no such sampler, with the nearest valid names.
    """
    made = families.make(config.family.name, SIZES)
    stages = samplers.apply(name, made).stages[len(made.stages) :]
    steps = max(config.steps.values())
    with config.unlocked():
        config.sampler = {"name": name} | _options(samplers.function(name), skip=("family",))
        for stage in (s for s in stages if not isinstance(s, Fit)):
            config.steps[stage.name] = steps
            for update in stage.updates:
                config.optimizers[update.name] = _optimizer()
    return config


def presets(dataset: str, settings: Mapping[str, Mapping] | None = None) -> list[str]:
    """The presets that a data set has, the family's own among them."""
    split = [key.partition(":") for table in (SETTINGS, settings or {}) for key in table]
    return sorted({preset for name, _, preset in split if preset and name in ("", dataset)})


def _every_key(dataset: str, family: str, further: Sequence[str], stages: Sequence[str]) -> ConfigDict:
    """All keys at the defaults of the functions that read them."""
    arch = _options(Architecture, skip=("x_shape", "x_range", "dtype", "remat"))
    made = families.make(family, SIZES)
    moves = [*(u.name for u in state.updates(made)), *further]
    stages = [*stages, *(s.name for s in made.stages if not isinstance(s, Fit))]
    return ConfigDict(
        {
            "seed": 0,
            "repetitions": 1,
            "batch": 100,
            "devices": 0,
            "dtype": "float32",
            "dispatch": 0,
            "transport": "auto",
            "remat": False,
            "profile": False,
            "steps": dict.fromkeys(stages, 1000),
            "data": {"name": dataset} | _placeholders(data.options(dataset)),
            "subset": {"examples": 0, "seed": 0},
            "arch": arch | {"z_dim": 8},
            "family": {"name": family} | _options(families.function(family), skip=("arch",)),
            "sampler": {"name": "prior"},
            "optimizers": {move: _optimizer() for move in moves},
            "average": 0.0,
            "validation": {"examples": 0, "every": 0, "patience": 0, "after": 0},
            "checkpoint": {"every": 10_000, "keep": 2},
            "eval": EVAL,
        }
    )


def _optimizer() -> dict[str, Any]:
    """The keys of one move's optimizer."""
    skip = ("name", "learning_rate", "steps", "look")
    return {"name": "adam", "learning_rate": 1e-3} | _options(optimizers.make, skip=skip)


def _options(function, *, skip: tuple[str, ...]) -> dict[str, Any]:
    """Arguments of a function and their defaults."""
    parameters = inspect.signature(function).parameters
    return _placeholders({k: p.default for k, p in parameters.items() if k not in skip})


def _placeholders(options: dict[str, Any]) -> dict[str, Any]:
    """None becomes a field that an override may fill: a number, or text where the name says so."""
    kinds = {"dir": str, "cache": str, "limit": int}
    return {k: config_dict.placeholder(kinds.get(k, float)) if v is None else v for k, v in options.items()}
