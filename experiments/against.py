"""Metrics of runs against a number of their configs: `--against=arch.z_dim` of `experiments.table`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from coulomb_jax.naming import nearest
from experiments import figures

if TYPE_CHECKING:
    from experiments.table import Row

HIGHEST = ("log_likelihood", "prd_", "precision", "recall", "density", "coverage", "clustering_", "sharpness")
"""What the names of metrics begin with of which more is better."""


def draw(lines: Sequence[Row], key: str, metrics: Sequence[str], beside: Path | None) -> list[Path]:
    """Writes a figure for each metric: a curve for every data set, system and sampler.

    Args:
      lines: of runs that differ in the number.
      key: its path in their configs.
      metrics: that some line has.
      beside: the path of the table, whose name the files begin with; the current folder where None.

    Returns:
      The files.

    Raises:
      ValueError: a run without the number, two of one system with the same, or no metric at two values of it.
    """
    sizes = {line.run: number(line, key) for line in lines}
    if len(set(sizes.values())) < 2:
        raise ValueError(
            f"a figure against {key} takes runs that differ in it, but all have "
            f"{', '.join(f'{size:g}' for size in set(sizes.values()))}; give runs with other values"
        )
    start = Path() if beside is None else beside.with_suffix("").parent
    prefix = "" if beside is None else f"{beside.stem}-"
    title, found = labelled(lines)
    drawn = {metric: _curves(found, sizes, key, metric) for metric in metrics}  # all, before one is written
    paths = []
    for metric, curves in drawn.items():
        paths.append(start / f"{prefix}{metric}-against-{key}.png")
        highest = metric.startswith(HIGHEST)
        figures.value_against_size(paths[-1], curves, key, metric, title=title or None, highest=highest)
    return paths


def number(line: Row, key: str) -> float:
    """The number at a path of a run's config.

    Raises:
      ValueError: there is none.
    """
    known = flat(line.config)
    if key not in known:
        raise ValueError(f"in the config of {line.run} {nearest('number', key, known)}")
    return known[key]


def flat(config: Mapping[str, Any], before: str = "") -> dict[str, float]:
    """The numbers of a config by their paths, as in arch.z_dim."""
    found = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{before}{key}.")
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            found[f"{before}{key}"] = value
    return found


def labelled(lines: Sequence[Row]) -> tuple[str, dict[str, list[Row]]]:
    """What all lines have in common of system, data and sampler, and the lines by what they have not."""
    names = [(line.system, line.dataset, f"sampler {line.sampler}") for line in lines]
    shared = [len(set(column)) == 1 for column in zip(*names, strict=True)]
    found: dict[str, list[Row]] = {}
    for line, parts in zip(lines, names, strict=True):
        own = [part for part, same in zip(parts, shared, strict=True) if not same] or parts[:1]
        found.setdefault(", ".join(own), []).append(line)
    return ", ".join(part for part, same in zip(names[0], shared, strict=True) if same), found


def _curves(found: Mapping[str, Sequence[Row]], sizes: Mapping[str, float], key: str, metric: str) -> dict:
    """Sizes, means and deviations of a metric by what the lines are called."""
    curves = {}
    for label, lines in found.items():
        measured = [line for line in lines if metric in line.values]
        at = np.array([sizes[line.run] for line in measured])
        if len(set(at)) < len(at):
            raise ValueError(
                f"a run a value of {key} makes a curve, but of {label} {len(at)} runs have "
                f"{len(set(at))} values; leave out those that are alike, or train them as repetitions"
            )
        values = [line.values[metric] for line in measured]
        means = np.array([value.mean for value in values])
        deviations = np.array([np.nan if v.deviation is None else v.deviation for v in values])
        if len(at):
            curves[label] = at, means, deviations
    if max((len(curve[0]) for curve in curves.values()), default=0) < 2:
        raise ValueError(
            f"a curve takes {metric} at two values of {key} or more, but no system has it at two; "
            "evaluate more of the runs"
        )
    return curves
