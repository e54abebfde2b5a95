"""Models on disk: what a run folder says of its model, and the way back from it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import jax

from coulomb_jax import families, samplers
from coulomb_jax.family import Family, Fit
from coulomb_jax.model import Model
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.train.checkpoint import Checkpoints
from coulomb_jax.train.state import init_model

FORMAT = 1
"""Version of `model.json`; raised when an older one can no longer be read as it is."""


def describe(arch: dict, family: dict, sampler: dict, *, repetitions: int = 1, steps: int = 0) -> dict:
    """The contents of `model.json`: all that `load` rebuilds a model from, beside its weights.

    Args:
      arch: fields of the `Architecture`.
      family: `name` and options.
      sampler: `name` and options.
      repetitions: models trained side by side, at least 1.
      steps: of the whole run, where a `Fit` counts as one.
    """
    return {
        "format": FORMAT,
        "repetitions": repetitions,
        "steps": steps,
        "arch": arch,
        "family": family,
        "sampler": sampler,
    }


def build(description: dict) -> tuple[Architecture, Family]:
    """The nets and the family that `describe` described.

    Raises:
      ValueError: unknown names or options, or a description in another format.
    """
    if description["format"] != FORMAT:
        raise ValueError(
            f"this package reads model.json of format {FORMAT}, not {description['format']}; "
            "install the version of coulomb-jax that wrote it"
        )
    fields = {k: tuple(v) if isinstance(v, list) else v for k, v in description["arch"].items()}
    arch = Architecture(**fields)
    family = families.make(**description["family"], arch=arch)
    return arch, samplers.apply(**description["sampler"], family=family)


def load(path: str | Path, repetition: int = 0) -> Model:
    """The model of a run folder.

    Args:
      path: the folder that training wrote.
      repetition: which of several, counted from 0.

    Raises:
      ValueError: it is no run folder, has no such repetition, no checkpoint, or a sampler to fit at the
        end of a run that has not ended.
    """
    folder = Path(path)
    if not (folder / "model.json").is_file():
        raise ValueError(
            f"a run folder holds a model.json, but {folder} does not; give the folder that an "
            "experiment wrote, such as runs/grid-couae"
        )
    description = json.loads((folder / "model.json").read_text())
    repetitions = description["repetitions"]
    if not 0 <= repetition < repetitions:
        raise ValueError(
            f"repetition must be one of 0 to {repetitions - 1}, those of {folder}, not {repetition}"
        )
    arch, family = build(description)
    fresh = partial(init_model, family)
    key = jax.random.key(0)
    if repetitions > 1:
        fresh, key = jax.vmap(fresh), jax.random.split(key, repetitions)
    like = jax.eval_shape(fresh, key)
    if not (folder / "checkpoints").is_dir():
        raise ValueError(f"{folder} has no checkpoint yet; let its run reach the first one")
    with Checkpoints(folder / "checkpoints", reading=True) as checkpoints:
        step = checkpoints.latest()
        if step is None:
            raise ValueError(f"{folder} has no checkpoint yet; let its run reach the first one")
        if step < description["steps"] and any(isinstance(s, Fit) for s in family.stages):
            raise ValueError(
                f"{folder} draws with a sampler that is fitted when its run of {description['steps']} steps "
                f"ends, and it is at step {step}; run its command again until it ends"
            )
        params, stats = checkpoints.restore_model(step, like)
    if repetitions > 1:
        params, stats = jax.tree.map(lambda a: a[repetition], (params, stats))
    return Model(family, params, stats, pixel_range=arch.x_range)
