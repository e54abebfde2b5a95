"""Models on disk: what a run folder says of its model, and the way back from it."""

from __future__ import annotations

import io
import json
import re
import zlib
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from coulomb_jax import families, samplers
from coulomb_jax.family import Family, Fit
from coulomb_jax.model import Model, Sampler
from coulomb_jax.naming import nearest
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.train.checkpoint import Checkpoints
from coulomb_jax.train.state import init_model

FORMAT = 1
"""Version of `model.json`; raised when an older one can no longer be read as it is."""


def describe(
    arch: dict, family: dict, sampler: dict, *, repetitions: int = 1, steps: int = 0, examples: int = 2
) -> dict:
    """The contents of `model.json`: all that `load` rebuilds a model from, beside its weights.

    Args:
      arch: fields of the `Architecture`.
      family: `name` and options.
      sampler: `name` and options.
      repetitions: models trained side by side, at least 1.
      steps: of the whole run, where a `Fit` counts as one.
      examples: in the training set.
    """
    return {
        "format": FORMAT,
        "repetitions": repetitions,
        "steps": steps,
        "examples": examples,
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


def load(path: str | Path, repetition: int = 0, sampler: str | None = None) -> Model:
    """The model of a run folder.

    Args:
      path: the folder that training wrote.
      repetition: which of several, counted from 0.
      sampler: what it draws with, one of `sampler_names`: "prior" for the family's own prior, or one that
        was kept with `keep_sampler`; None for what it was trained with.

    Raises:
      ValueError: it is no run folder, has no such repetition or sampler, no checkpoint, a sampler to fit
        at the end of a run that has not ended, or one that was fitted to another encoder.
    """
    folder = Path(path)
    description = _description(folder, repetition)
    arch, family = build(description)
    drawn = family
    if sampler not in (None, description["sampler"]["name"]):
        valid = sampler_names(folder, repetition)
        if sampler not in valid:
            raise ValueError(nearest(f"sampler of {folder}", sampler, valid))
        _, drawn = build(description | {"sampler": {"name": "prior"}})
    params, stats = _weights(folder, description, family, drawn, repetition)
    model = Model(drawn, params, stats, pixel_range=arch.x_range)
    if drawn is family or sampler == "prior":
        return model
    return model.drawing_with(_read(_kept(folder, sampler, repetition), model))


def sampler_names(path: str | Path, repetition: int = 0) -> list[str]:
    """What `load` can draw with: the prior, what the run was trained with, what was kept since.

    Raises:
      ValueError: it is no run folder, or has no such repetition.
    """
    folder = Path(path)
    description = _description(folder, repetition)
    ending = _kept(folder, "", repetition).name
    kept = [file.name.removesuffix(ending) for file in (folder / "samplers").glob(f"*{ending}")]
    return sorted({"prior", description["sampler"]["name"], *kept})


def keep_sampler(path: str | Path, model: Model, *, name: str | None = None, repetition: int = 0) -> Path:
    """Keeps what `Model.with_sampler` fitted in the run folder, for `load(path, sampler=name)`.

    One of the same name is replaced; the file is there whole or not at all.

    Args:
      path: the run folder that the model is of.
      model: what `with_sampler` gave.
      name: letters, digits, "-" and "_"; that of the sampler where it is None.
      repetition: which of the run's models it is.

    Returns:
      The file, `samplers/<name>.<repetition>.npz`.

    Raises:
      ValueError: it is no run folder, the model has no such sampler, or the name is none or the run's own.
    """
    folder = Path(path)
    own = _description(folder, repetition)["sampler"]["name"]
    if model.sampler is None:
        raise ValueError("this model draws as it was trained to; fit a sampler with Model.with_sampler first")
    name = model.sampler.name if name is None else name
    if name in ("prior", own):
        raise ValueError(f"{folder} draws with {own} and prior by itself; keep the sampler by another name")
    if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise ValueError(
            f"a sampler's name is made of letters, digits, - and _, not {name!r}; choose another"
        )
    leaves, _ = jax.tree_util.tree_flatten_with_path(dict(model.sampler.arrays))
    arrays = {jax.tree_util.keystr(at, simple=True, separator="/"): np.asarray(leaf) for at, leaf in leaves}
    about = {
        "format": FORMAT,
        "name": model.sampler.name,
        "options": dict(model.sampler.options),
        "encoder": _fingerprint(model),
    }
    content = io.BytesIO()
    np.savez(content, about=np.array(json.dumps(about)), **arrays)
    file = _kept(folder, name, repetition)
    file.parent.mkdir(exist_ok=True)
    partial_file = file.with_suffix(".partial")
    partial_file.write_bytes(content.getvalue())
    partial_file.replace(file)
    return file


def _description(folder: Path, repetition: int) -> dict:
    """The contents of a run folder's model.json, where it has that repetition."""
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
    return description


def _weights(folder: Path, description: dict, family: Family, drawn: Family, repetition: int):
    """Parameters and batch statistics of the newest checkpoint of `family` that `drawn` needs."""
    repetitions = description["repetitions"]
    # Folders from before it was written have no sampler whose arrays depend on it.
    fresh = partial(init_model, family, examples=description.get("examples", 2))
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
        if step < description["steps"] and any(isinstance(s, Fit) for s in drawn.stages):
            raise ValueError(
                f"{folder} draws with a sampler that is fitted when its run of {description['steps']} steps "
                f"ends, and it is at step {step}; run its command again until it ends"
            )
        params, stats = checkpoints.restore_model(step, like)
    if repetitions > 1:
        params, stats = jax.tree.map(lambda a: a[repetition], (params, stats))
    names = {*drawn.nets, *(s.name for s in drawn.stages if isinstance(s, Fit))}
    return {name: params[name] for name in params if name in names}, stats


def _kept(folder: Path, name: str, repetition: int) -> Path:
    """Where a fitted sampler is kept."""
    return folder / "samplers" / f"{name}.{repetition}.npz"


def _read(file: Path, model: Model) -> Sampler:
    """The sampler in a file, fitted to the codes of this model."""
    with np.load(file) as content:
        about = json.loads(str(content["about"]))
        arrays: dict = {}
        for name in set(content.files) - {"about"}:
            *above, last = name.split("/")
            place = arrays
            for part in above:
                place = place.setdefault(part, {})
            place[last] = jnp.asarray(content[name])
    if about["encoder"] != _fingerprint(model):
        raise ValueError(
            f"{file} was fitted to the codes of another encoder than the run has now; fit it again"
        )
    return Sampler(about["name"], about["options"], arrays)


def _fingerprint(model: Model) -> str:
    """A checksum of the encoder's weights and statistics."""
    value = 0
    for leaf in jax.tree.leaves((model.params["encoder"], model.stats["encoder"])):
        value = zlib.crc32(np.ascontiguousarray(leaf), value)
    return f"{value:08x}"
