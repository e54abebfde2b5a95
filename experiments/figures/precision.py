"""Precision against recall, as in precision-recall distributions."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator

from experiments.figures.key import Key
from experiments.figures.style import MARGIN, MUTED, RULE, Page, headroom, label, stroke

SIDE = 3.6  # of the panel, in inches


def precision_recall_curves(
    path: str | PathLike,
    curves: Mapping[str, tuple[Float[np.ndarray, "m"], Float[np.ndarray, "m"]]],
    scores: Mapping[str, tuple[float, float]],
    *,
    title: str | None = None,
) -> None:
    """Draw the curves in one square, and beside it which is which with its two F scores.

    Args:
      path: of the PNG file.
      curves: by name precision and recall, in [0, 1]; points that are not finite are left out.
      scores: by name F_8, which weighs recall, and F_1/8, which weighs precision.
      title: above the panel.

    Raises:
      ValueError: no curve, one without a finite point, beyond [0, 1] or without scores.
    """
    if not curves or set(curves) != set(scores):
        raise ValueError(
            f"curves and scores must be of the same models, but they are of {sorted(curves)} and "
            f"{sorted(scores)}; give a curve and two scores for each"
        )
    drawn = {name: _points(name, *curve) for name, curve in curves.items()}
    rows = [
        (name, {"linewidth": 2.0} | stroke(i), [f"{score:.3f}" for score in scores[name]])
        for i, name in enumerate(curves)
    ]
    key = Key(("$F_8$\nrecall", "$F_{1/8}$\nprecision"), rows)
    height = max(SIDE, key.height)
    lost = sum(np.size(curves[name][0]) - len(drawn[name][0]) for name in curves)
    note = f"points that are not finite, not drawn: {lost:,}" if lost else ""
    width = MARGIN + SIDE + 0.35 + key.width + 0.25
    page = Page(width, height + 0.7 + headroom(title), note)
    page.heading(title)
    axes = page.panel(MARGIN, 0.6 + height - SIDE, SIDE, SIDE)
    for (precision, recall), (_, look, _) in zip(drawn.values(), rows):
        axes.plot(recall, precision, **look, clip_on=False, solid_joinstyle="round")
    _square(axes)
    key.draw(page, MARGIN + SIDE + 0.35, 0.6 + height)
    page.save(path)


def _points(name: str, precision: np.ndarray, recall: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    points = np.array([np.ravel(precision), np.ravel(recall)], np.float64)
    points = points[:, np.isfinite(points).all(axis=0)]
    if not points.size or points.min() < -1e-6 or points.max() > 1 + 1e-6:
        found = f"they reach from {points.min():g} to {points.max():g}" if points.size else "none is finite"
        raise ValueError(
            f"precision and recall of {name!r} must be shares in [0, 1], but {found}; give what "
            "precision_recall returns"
        )
    return tuple(np.clip(points, 0, 1))


def _square(axes: Axes) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1))
    for ticks in (axes.xaxis, axes.yaxis):
        ticks.set_major_locator(FixedLocator(np.arange(6) / 5))
    axes.grid(color=RULE, linewidth=0.6, alpha=0.6)
    axes.set_axisbelow(True)
    axes.plot([0, 1, 1], [1, 1, 0], color=RULE, linewidth=0.8, zorder=0)
    axes.tick_params(labelcolor=MUTED)
    label(axes, "recall", "precision")
