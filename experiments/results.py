"""`results.json`: what is in it, how sessions of evaluation are merged, and how it is told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np


class Figure(NamedTuple):
    """A number over repetitions."""

    mean: float
    deviation: float | None

    def __str__(self) -> str:
        """As a table shows it: four digits, and the deviation where there is one."""
        return f"{self.mean:.4g}" + (f" +- {self.deviation:.2g}" if self.deviation is not None else "")


def figures(results: Mapping[str, Any]) -> dict[str, Figure]:
    """The metrics of a `results.json`, each with its standard deviation where there are repetitions."""
    spread = results["standard_deviations"]
    return {name: Figure(value, spread.get(name)) for name, value in results["metrics"].items()}


def summary(per_model: Sequence[Mapping[str, float]]) -> tuple[dict[str, float], dict[str, float]]:
    """Means over repetitions, and standard deviations (n - 1) where there are several."""
    table = {name: np.array([m[name] for m in per_model]) for name in per_model[0]}
    means = {name: float(v.mean()) for name, v in table.items()}
    if len(per_model) == 1:
        return means, {}
    return means, {name: float(v.std(ddof=1)) for name, v in table.items()}


def report(results: Mapping[str, Any]) -> str:
    """The metrics as lines for the screen, beside what they compare with."""
    width = max(31, *(len(name) for name in (*results["metrics"], *results["references"])))
    lines = [f"  {name:<{width}} {figure}" for name, figure in figures(results).items()]
    for name, value in results["references"].items():
        shown = f"{value[0]:g} +- {value[1]:g}" if isinstance(value, (tuple, list)) else f"{value:.3f}"
        lines.append(f"  {name:<{width}} {shown}")
    return "\n".join(lines)
