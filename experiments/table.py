"""`python -m experiments.table RUN ...`: the results of runs side by side, beside what was published.

A row is a system on a data set under one sampler, a run each; a column is a metric, with the published
values and the differences behind it. Under the table stands the protocol of every number. With `--against`
metrics are drawn against a number of the config that the runs differ in.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from coulomb_jax.nets.features import KINDS
from experiments import against
from experiments.published import find
from experiments.results import Figure, figures

ORDER = (
    "log_likelihood",
    "fid",
    "fid_reconstructions",
    "fid_interpolations",
    "kid",
    "reconstruction_error",
    "latent_mmd2",
)
"""Columns that come first, in this order, where a run has them."""

# What the names of numbers from features end with; from those of Inception, with nothing.
NETS = tuple(kind.distance.removeprefix("fid") for kind in KINDS.values())


class Row(NamedTuple):
    """One line of a table.

    Attributes:
      run: the folder.
      dataset: name of the data, a subset or stand-in named as one.
      known_as: the data set as the published tables know it; None where the data are another.
      system: the family.
      sampler: what samples were drawn by.
      config: of the run.
      values: mean and standard deviation by metric.
      protocols: how they were measured, by measure; under "numbers" the names of what it gave.
    """

    run: str
    dataset: str
    known_as: str | None
    system: str
    sampler: str
    config: dict[str, Any]
    values: dict[str, Figure]
    protocols: dict[str, Any]


def rows(folder: Path) -> list[Row]:
    """The lines of a run, one a sampler.

    Raises:
      ValueError: the folder has no results.
    """
    if not (folder / "results.json").is_file():
        raise ValueError(
            f"a table is made of run folders with a results.json, but {folder} has none; let its run end"
        )
    results = json.loads((folder / "results.json").read_text())
    config = json.loads((folder / "config.json").read_text())
    data = results["protocol"]["data"]
    own = config["sampler"]["name"]
    found: dict[str, dict[str, Figure]] = {own: {}}
    for name, figure in figures(results).items():
        metric, _, sampler = name.partition("/")
        found.setdefault(sampler or own, {})[metric] = figure
    whole = data == config["data"]["name"]
    return [
        Row(
            run=str(folder),
            dataset=data,
            known_as=config["data"]["name"] if whole else None,
            system=config["family"]["name"],
            sampler=sampler,
            config=config,
            values=values,
            protocols={k: v for k, v in results.get("protocols", {}).items() if "numbers" in v},
        )
        for sampler, values in found.items()
    ]


def table(lines: Sequence[Row], metrics: Sequence[str] = ()) -> tuple[list[str], list[list[str]]]:
    """Header and cells, the run's folder first where two lines are otherwise of the same name.

    Args:
      lines: of any runs.
      metrics: columns; those of `ORDER` that any line has where none is named.

    Raises:
      ValueError: a metric that no line has.
    """
    there = {name for line in lines for name in line.values}
    for name in metrics:
        if name not in there:
            raise ValueError(f"no run has the metric {name}; they have {', '.join(sorted(there))}")
    chosen = list(metrics) or [f"{name}{net}" for name in ORDER for net in NETS if f"{name}{net}" in there]
    names = _run_names(lines)
    header = ["run"] * bool(names) + ["data", "system", "sampler"]
    for name in chosen:
        header += [name, "published", "difference"] if _published_any(lines, name) else [name]
    cells = []
    for line in lines:
        row = [names[line.run]] if names else []
        row += [line.dataset, line.system, line.sampler]
        for name in chosen:
            row.append(str(line.values.get(name, "")))
            if _published_any(lines, name):
                row += _beside(line, name)
        cells.append(row)
    return header, cells


def _run_names(lines: Sequence[Row]) -> dict[str, str]:
    """The folders' names, their paths where two are alike; nothing where all lines differ without."""
    labels = [(line.dataset, line.system, line.sampler) for line in lines]
    if len(set(labels)) == len(labels):
        return {}
    runs = dict.fromkeys(line.run for line in lines)
    names = {run: Path(run).resolve().name for run in runs}
    return names if len(set(names.values())) == len(names) else {run: run for run in runs}


def markdown(header: Sequence[str], cells: Sequence[Sequence[str]]) -> str:
    """A table as markdown, its columns aligned."""
    widths = [max(len(row[i]) for row in (header, *cells)) for i in range(len(header))]
    lines = [header, ["-" * width for width in widths], *cells]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in lines
    )


def protocols(lines: Sequence[Row], columns: Sequence[str]) -> str:
    """What stands under a table of these columns: how their numbers were measured, equal protocols once."""
    runs_of: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        for name, protocol in line.protocols.items():
            if set(columns).isdisjoint(number.partition("/")[0] for number in protocol["numbers"]):
                continue
            told = {key: value for key, value in protocol.items() if key != "numbers"}
            words = ", ".join(f"{key} {_short(value)}" for key, value in told.items())
            where = runs_of.setdefault((words, name.partition("/")[0]), [])
            where += [line.run] * (line.run not in where)
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for (words, measure), where in runs_of.items():
        alike.setdefault((words, tuple(where)), []).append(measure)
    runs = {line.run for line in lines}
    return "\n".join(
        f"- {', '.join(measures)}: {words}" + (f" ({', '.join(where)})" if set(where) != runs else "")
        for (words, where), measures in alike.items()
        if words
    )


def _short(value: Any) -> str:
    """A value of a protocol; of a sha256 the first digits, which tell two files apart."""
    text = str(value)
    return text[:12] if re.fullmatch("[0-9a-f]{64}", text) else text


def _published_any(lines: Sequence[Row], metric: str) -> bool:
    return any(line.known_as and find(line.known_as, line.system, line.sampler, metric) for line in lines)


def _beside(line: Row, metric: str) -> list[str]:
    """The published values of a cell, and ours less each of them."""
    found = find(line.known_as, line.system, line.sampler, metric) if line.known_as else []
    values, differences = [], []
    for one in found:
        deviation = f" +- {one.deviation:g}" if one.deviation is not None else ""
        variant = one.system.partition(":")[2].replace("_", " ")
        values.append(f"{one.value:g}{deviation} [{one.paper}{', ' + variant if variant else ''}]")
        if metric in line.values:
            differences.append(f"{line.values[metric].mean - one.value:+.3g}")
    return ["; ".join(values), "; ".join(differences)]


def fid(lines: Sequence[Row]) -> list[str]:
    """The Frechet distance that lines have: by Inception, else by the first other net.

    Raises:
      ValueError: they have none.
    """
    for net in NETS:
        if any(f"fid{net}" in line.values for line in lines):
            return [f"fid{net}"]
    raise ValueError("FID is drawn where no metric is named, but no run has it; name others with --metrics")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What the command line asks for; exit code 2 for what it cannot."""
    parser = argparse.ArgumentParser(
        prog="python -m experiments.table", description="Results of runs beside what was published."
    )
    parser.add_argument("runs", nargs="+", type=Path, metavar="RUN", help="run folders")
    parser.add_argument("--metrics", default="", help="columns, separated by commas")
    parser.add_argument("--out", type=Path, help="writes OUT.md and OUT.csv too")
    parser.add_argument(
        "--against",
        metavar="KEY",
        help="draws the metrics, FID where none is named, against a number of the config, as arch.z_dim",
    )
    return parser.parse_args(arguments)


def main(arguments: Sequence[str]) -> None:
    """The command; exit code 2 for bad input."""
    asked = parse(arguments)
    try:
        lines = [line for folder in asked.runs for line in rows(folder)]
        named = [name for name in asked.metrics.split(",") if name]
        header, cells = table(lines, named)
        drawn = against.draw(lines, asked.against, named or fid(lines), asked.out) if asked.against else []
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    text = f"{markdown(header, cells)}\n\n{protocols(lines, header)}\n"
    print(text, end="")
    if asked.out is not None:
        asked.out.parent.mkdir(parents=True, exist_ok=True)
        asked.out.with_suffix(".md").write_text(text)
        with asked.out.with_suffix(".csv").open("w", newline="") as file:
            csv.writer(file).writerows([header, *cells])
    for path in drawn:
        print(f"figure: {path}")


if __name__ == "__main__":
    main(sys.argv[1:])
