"""`python -m experiments.evaluate --workdir=RUN`: a trained run measured again, or in more ways.

What `results.json` has already, by the same protocol, is not computed again.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict

from coulomb_jax import samplers, saved
from coulomb_jax.data.source import Source
from coulomb_jax.model import Model
from coulomb_jax.naming import nearest
from coulomb_jax.train.checkpoint import Checkpoints
from experiments import command, folder, measures
from experiments.evaluation import conclude
from experiments.preparation import check_evaluation, load_sources, title_of
from experiments.settings import EVAL

USAGE = """usage: python -m experiments.evaluate --workdir=RUN [--metrics=NAMES] [--samplers=NAMES]

  --workdir=RUN             the folder of a run that has trained
  --metrics=fid,kid,prd     {metrics};
                            auto: the cheap ones; all: all that the data allow
  --samplers=prior,gmm      ways of drawing codes to measure beside the run's own: {samplers};
                            fitted to the training codes, and kept in the run folder
  --config.eval.KEY=VALUE   overrides a key of the run's evaluation: {keys}
"""


def evaluate(
    workdir: str | Path, config: ConfigDict | None = None, *, drawing: Sequence[str] = ()
) -> dict[str, Any]:
    """Measures a run that has trained, as the command does.

    Args:
      workdir: the run folder.
      config: what `recorded` gives, changed in `eval` or in where the data are; None for it as it is.
      drawing: names of samplers to measure beside the run's own, fitted where they are not yet.

    Returns:
      The contents of `results.json`.

    Raises:
      ValueError: it is no run folder, or something asked for cannot be.
    """
    workdir = Path(workdir)
    stored, usable = recorded(workdir)
    config = usable if config is None else config
    plain = config.to_dict()
    sources = load_sources(plain)
    found = sorted({s.fingerprint for s in sources})
    now = plain | {"data": plain["data"] | {"fingerprints": found}}
    folder.refuse_changes(workdir, stored, json.loads(json.dumps(now)))
    check_evaluation(config, sources[0])
    sources = sources if len(sources) > 1 else sources * plain["repetitions"]
    models = [saved.load(workdir, r) for r in range(plain["repetitions"])]
    own = plain["sampler"]["name"]
    drawers = {name: drawn(workdir, name, models, sources) for name in drawing if name != own}
    with Checkpoints(workdir / "checkpoints", reading=True) as checkpoints:
        step = checkpoints.latest()
    return conclude(
        workdir,
        plain,
        config.eval,
        models,
        sources,
        step=step,
        title=title_of(plain, sources[0]),
        drawers=drawers,
    )


def drawn(workdir: Path, name: str, models: Sequence[Model], sources: Sequence[Source]) -> list[Model]:
    """The models with another sampler: as kept in the run folder, else fitted to training codes and kept."""
    if name in saved.sampler_names(workdir):
        return [saved.load(workdir, r, name) for r in range(len(models))]
    fitted = []
    for r, (model, source) in enumerate(zip(models, sources, strict=True)):
        fitted.append(model.with_sampler(name, model.encode(source.train), key=r))
        saved.keep_sampler(workdir, fitted[-1], repetition=r)
    return fitted


def recorded(workdir: Path) -> tuple[dict[str, Any], ConfigDict]:
    """The config of a run as it is written in its folder, and as one that can be changed and used.

    Raises:
      ValueError: it is no run folder.
    """
    if not (workdir / "config.json").is_file():
        raise ValueError(
            f"a run folder holds a config.json, but {workdir} does not; give the folder that an "
            "experiment wrote"
        )
    stored = json.loads((workdir / "config.json").read_text())
    usable = json.loads(json.dumps(stored))
    del usable["data"]["fingerprints"]
    usable["eval"] = EVAL | {k: tuple(v) if isinstance(v, list) else v for k, v in usable["eval"].items()}
    return stored, ConfigDict(usable, convert_dict=True)


def main(arguments: list[str]) -> None:
    """The command; exit code 2 for bad input."""
    if {"--help", "-h"} & set(arguments):
        known = {"metrics": ", ".join(measures.MEASURES), "samplers": ", ".join(samplers.names())}
        print(USAGE.format(keys=", ".join(EVAL), **known), end="")
        return
    try:
        workdir, config, drawing = parse(arguments)
        evaluate(workdir, config, drawing=drawing)
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def parse(arguments: list[str]) -> tuple[Path, ConfigDict, list[str]]:
    """The run folder, its config as changed, and the samplers that a command line asks for.

    Raises:
      ValueError: anything unknown, with the nearest valid names.
    """
    workdir, rest = command.take(arguments, "workdir")
    if not workdir:
        raise ValueError("evaluate needs --workdir, the folder that an experiment wrote")
    values = flags.FlagValues()
    flags.DEFINE_list("metrics", None, "Measures.", flag_values=values)
    flags.DEFINE_list("samplers", [], "Samplers.", flag_values=values)
    config = command.read_flags(values, recorded(Path(workdir).expanduser())[1], rest)
    if values.metrics:
        config.eval.metrics = tuple(values.metrics)
    for name in values.samplers:
        if name not in samplers.names():
            raise ValueError(nearest("sampler", name, samplers.names()))
    return Path(workdir).expanduser(), config, values.samplers


if __name__ == "__main__":
    main(sys.argv[1:])
