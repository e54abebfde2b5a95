"""`python -m experiments.list`: the data sets, families, samplers, configs and presets there are."""

from __future__ import annotations

import sys

from coulomb_jax import data, families, samplers
from experiments import files
from experiments.configs import base


def main(arguments: list[str]) -> None:
    """Prints all names, or with a config file and a setting every key of that config."""
    if arguments:
        name, setting = [*arguments, "grid"][:2]
        print(files.read(name, setting)[1])
        return
    for title, names in (
        ("data sets", data.names()),
        ("families", families.names()),
        ("samplers", samplers.names()),
        ("configs", files.names()),
    ):
        print(f"{title:<10} {', '.join(names)}")
    print("presets")
    for dataset in data.names():
        print(f"  {dataset:<14} {', '.join(base.presets(dataset)) or 'none'}")
    print("run        python -m experiments.<data set> --config=<config>[:preset]")
    print("keys       python -m experiments.list <config> <data set>[:preset]")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
