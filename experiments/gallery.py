"""The figures of a run, drawn from its model."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from coulomb_jax.train.log import read
from experiments import figures
from experiments.subject import Subject, spread_out

ROWS, STEPS = 6, 9


def draw(s: Subject, folder: Path, title: str, values: dict[str, float]) -> list[Path]:
    """Writes the figures of one model, whose metrics are `values`, and returns their paths.

    Args:
      s: the model and its data.
      folder: `figures` of the run folder, whose `metrics.jsonl` has the curves.
      title: above every figure.
      values: metrics by name, for captions.
    """
    folder.mkdir(exist_ok=True)
    shown = {name: folder / f"{name}.png" for name in ("samples", "codes", "curves")}
    z = s.model.encode(spread_out(s.source.test, 5000))
    figures.codes_and_prior(shown["codes"], z, s.drawn(5000), title=title)
    figures.training_curves(shown["curves"], read(folder.parent / "metrics.jsonl"), title=title)
    if s.source.range is None:
        caption = f"test log-likelihood {values['log_likelihood']:.2f}"
        if s.source.entropy_bound is not None:
            caption += f" (bound {s.source.entropy_bound:.2f})"
        generated = s.samples[: len(s.source.test)]
        figures.samples_in_plane(shown["samples"], s.source.test, generated, title=title, caption=caption)
        return list(shown.values())
    look = {"value_range": s.source.range, "title": title}
    originals = s.units(spread_out(s.source.test, 32)).astype(np.float32)
    samples = s.model.sample(s.key("figures"), 64)
    figures.image_grid(shown["samples"], samples, **look)
    shown["reconstructions"] = folder / "reconstructions.png"
    figures.reconstruction_grid(shown["reconstructions"], originals, s.model.reconstruct(originals), **look)
    return list(shown.values()) + _more(s, folder, originals, samples, look)
