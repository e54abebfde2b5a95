"""The command line of an experiment: `--config=FILE[:preset]`, `--config.key=value`, `--workdir`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import NamedTuple

from absl import flags
from ml_collections import ConfigDict, config_flags

from experiments import files
from experiments.configs import base

USAGE = """usage: python -m experiments.{dataset} --config=FILE[:preset] [--config.KEY=VALUE] [--workdir=DIR]

  --config=couae.py         a config of the package: {configs}
  --config=couae.py:tiny    the same with a preset: {presets}
  --config=./mine.py        a config file of your own, with get_config(setting)
  --config.family.weight=3  overrides a key; {keys}
  --workdir=DIR             where the run goes; runs/{dataset}-<config>[-<preset>] where not said
  --coordinator=HOST:PORT --processes=N --process=I
                            one of several processes that train together, I from 0; the same command in
                            each. Under Slurm, Open MPI and on TPU pods they find each other without these
"""


class Command(NamedTuple):
    """What a command line asks for.

    Attributes:
      config: of the run.
      workdir: where it goes.
      hosts: coordinator, processes and process of a run of several, None where not said.
    """

    config: ConfigDict
    workdir: Path
    hosts: tuple[str | None, int | None, int | None]


def parse(dataset: str, arguments: list[str]) -> Command:
    """The config, the run folder and the processes that a command line asks for.

    Args:
      dataset: that the module trains on.
      arguments: the words behind the program's name.

    Raises:
      ValueError: anything unknown, with the nearest valid names.
    """
    spec, rest = take(arguments, "config")
    if spec is None:
        raise ValueError(f"an experiment needs --config, one of {', '.join(files.names())}")
    name, config = files.read(spec, dataset)
    sampler = [word for word in rest if word.startswith("--config.sampler.name=")]
    if sampler:  # its options and the steps of its stage are keys too
        config = base.with_sampler(config, sampler[-1].partition("=")[2])
    values = flags.FlagValues()
    flags.DEFINE_string("workdir", None, "The run folder.", flag_values=values)
    flags.DEFINE_string("coordinator", None, "Of several processes.", flag_values=values)
    flags.DEFINE_integer("processes", None, "How many.", flag_values=values)
    flags.DEFINE_integer("process", None, "Which, from 0.", flag_values=values)
    config = read_flags(values, config, rest)
    workdir = Path(values.workdir or f"runs/{dataset}-{name}").expanduser()
    return Command(config, workdir, (values.coordinator, values.processes, values.process))


def usage(dataset: str) -> str:
    """What `--help` prints: the flags, and every key with its value."""
    _, config = files.read("couae.py", dataset)
    keys = ", ".join(config) + "; all of them with `python -m experiments.list couae.py " + dataset
    return USAGE.format(
        dataset=dataset,
        configs=", ".join(files.names()),
        presets=", ".join(base.presets(dataset)),
        keys=keys + "`",
    )


def read_flags(values: flags.FlagValues, config: ConfigDict, arguments: list[str]) -> ConfigDict:
    """Reads flags into `values`, and gives the config with what `--config.key=value` says of it.

    Raises:
      ValueError: an unknown flag or key, a value of another type, or a word that is no flag.
    """
    # The config's flag reads its overrides from sys.argv, and does so when it is defined.
    command, sys.argv = sys.argv, [sys.argv[0], *arguments]
    try:
        config_flags.DEFINE_config_dict("config", config, flag_values=values)
        left = values(sys.argv)[1:]
    except (KeyError, AttributeError) as error:
        told = error.args[0].args[0] if isinstance(error.args[0], KeyError) else error.args[0]
        raise ValueError(f"there is no such config key: {' '.join(told.split())}") from error
    except (TypeError, flags.Error) as error:
        raise ValueError(str(error)) from error
    finally:
        sys.argv = command
    if left:
        raise ValueError(f"a command takes flags only, not {' '.join(left)}")
    return values.config or config


def take(arguments: list[str], name: str) -> tuple[str | None, list[str]]:
    """Takes `--name=value` or `--name value` out of a command line."""
    rest, value, words = [], None, iter(arguments)
    for word in words:
        if word in (f"--{name}", f"-{name}"):
            value = next(words, "")
        elif word.startswith((f"--{name}=", f"-{name}=")):
            value = word.partition("=")[2]
        else:
            rest.append(word)
    return value, rest
