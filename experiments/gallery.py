"""The figures of a run, drawn from its models."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from coulomb_jax.metrics import latent
from coulomb_jax.metrics.attributes import attribute_directions, moved
from coulomb_jax.metrics.neighbours import nearest_neighbours
from coulomb_jax.train.log import read
from experiments import figures
from experiments.subject import INTERPOLATIONS, Subject, spread_out

ROWS, COLUMNS, SHOWN = 6, 9, 64
# Those of the papers' figures; all classes where the data have no attributes.
ATTRIBUTES = ("Big_Nose", "Heavy_Makeup", "Black_Hair", "Smiling", "Male")
STEPS = (-1.0, -0.5, 0.0, 0.5, 1.0, 1.5)


def draw(
    s: Subject,
    folder: Path,
    title: str,
    values: Mapping[str, float],
    *,
    sampler: str,
    others: Mapping[str, Subject],
) -> list[Path]:
    """Writes the figures of one model and returns their paths.

    Args:
      s: the model and its data.
      folder: `figures` of the run folder, whose `metrics.jsonl` has the curves.
      title: above every figure.
      values: metrics by name, for captions.
      sampler: that the model draws with.
      others: the model with further samplers, by their names.
    """
    folder.mkdir(exist_ok=True)
    shown: list[Path] = []

    def page(name: str) -> Path:
        shown.append(folder / f"{name}.png")
        return shown[-1]

    z = s.codes(5000)  # draws of the posteriors: their means alone would be narrower than a prior they fit
    figures.codes_and_prior(page("codes"), z, s.drawn(len(z)), title=title)
    mean_codes = s.test_codes
    active = latent.active_dimensions(mean_codes)
    covariance = latent.covariance(mean_codes)[1]
    if active.sum() > 1:
        figures.latent_covariance(
            page("covariance"),
            covariance,
            active=active,
            samples=len(mean_codes),
            of="posterior means",
            title=title,
        )
    figures.training_curves(page("curves"), read(folder.parent / "metrics.jsonl"), title=title)
    drawers = {sampler: s, **others}
    for name, one in drawers.items():
        told, path = f"{title}, sampler {name}", page("samples" if one is s else f"samples-{name}")
        if s.source.range is None:
            _plane(one, path, told, values.get("log_likelihood" if one is s else f"log_likelihood/{name}"))
        else:
            figures.image_grid(path, one.units(one.samples[:SHOWN]), **_look(s, told))
    if s.source.range is not None:
        _pictures(s, page, title, sampler, values)
    if any(one.measured_curve for one in drawers.values()):
        # Those whose numbers were there before are drawn too: the page would lose them.
        curves = {name: one.measured_curve or one.precision_recall() for name, one in drawers.items()}
        _precision(curves, page("precision-recall"), title)
    return shown


def _plane(s: Subject, path: Path, title: str, score: float | None) -> None:
    caption = "" if score is None else f"test log-likelihood {score:.2f}"
    if caption and s.source.entropy_bound is not None:
        caption += f" (bound {s.source.entropy_bound:.2f})"
    true, generated = in_plane(s.source.test, s.samples[: len(s.source.test)])
    figures.samples_in_plane(path, true, generated, title=title, caption=caption or None)


def in_plane(true: np.ndarray, generated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sets of points where they are in the plane, else along the first two principal axes of `true`."""
    if true.shape[1] == 2:
        return true, generated
    axes = np.linalg.svd(true - true.mean(axis=0), full_matrices=False)[2][:2]
    return true @ axes.T, generated @ axes.T


def _pictures(s: Subject, page, title: str, sampler: str, values: Mapping[str, float]) -> None:
    look = _look(s, title)
    originals = s.units(spread_out(s.source.test, 32))
    figures.reconstruction_grid(page("reconstructions"), originals, s.model.reconstruct(originals), **look)

    ends = s.model.encode(spread_out(s.source.test, 2 * ROWS))
    between = INTERPOLATIONS[s.options.interpolation]
    z = np.asarray(between(ends[::2], ends[1::2], np.linspace(0, 1, COLUMNS, dtype=np.float32)))
    rows = s.model.decode(z.reshape(-1, z.shape[-1]))
    rows = rows.reshape(*z.shape[:2], *rows.shape[1:])
    figures.interpolation_grid(page("interpolations"), rows, **_look(s, f"{title}, between reconstructions"))

    told = f"{title}, sampler {sampler}"
    _neighbours(s, page("neighbours"), s.samples[:ROWS], s.source.train, "8-bit levels", told)
    # Where they have been measured: the features of the training set are there.
    if s.features is not None and f"features_memorisation_ratio{s.features.suffix}" in values:
        net = s.features.protocol["net"]
        queries = s.features(s.samples[:ROWS])
        _neighbours(s, page(f"neighbours-{net}"), queries, s.train_features, f"features of {net}", told)

    names, given = _attributes(s)
    if names:
        codes = s.test_codes
        directions = attribute_directions(codes, given)
        start = codes[spread_out(np.arange(len(codes)), len(names))]
        z = np.concatenate(
            [np.asarray(moved(a[None], d, STEPS)) for a, d in zip(start, directions, strict=True)]
        )
        rows = s.model.decode(z.reshape(-1, z.shape[-1]).astype(np.float32))
        rows = rows.reshape(*z.shape[:2], *rows.shape[1:])
        towards = [f"towards {name}" for name in names]
        figures.attribute_grid(page("attributes"), rows, towards, STEPS, **look)


def _neighbours(s: Subject, path: Path, queries: np.ndarray, points: np.ndarray, unit: str, title: str):
    """The first samples beside the training examples nearest to them, by pixels or features."""
    near = nearest_neighbours(queries, points, 4)
    pictures = s.source.train[near.indices.ravel()].reshape(*near.indices.shape, *s.source.train.shape[1:])
    figures.neighbour_grid(
        path,
        s.units(s.samples[: len(queries)]),
        s.units(pictures),
        near.distances,
        unit=unit,
        **_look(s, title),
    )


def _attributes(s: Subject) -> tuple[list[str], np.ndarray | None]:
    """Names and values, for the examples of `s.test`, of what directions are drawn along."""
    place = spread_out(np.arange(len(s.source.test)), s.options.samples)
    if s.source.test_attributes is not None:
        known = s.source.attribute_names
        names = [name for name in ATTRIBUTES if name in known] or list(known[:ROWS])
        given = s.source.test_attributes[place][:, [known.index(name) for name in names]]
    elif s.source.test_labels is not None:
        classes = np.unique(s.source.test_labels)
        names = [f"class {k}" for k in classes]
        given = s.source.test_labels[place][:, None] == classes[None, :]
    else:
        return [], None
    kept = (given.sum(0) > 0) & (given.sum(0) < len(given))
    return [name for name, keep in zip(names, kept, strict=True) if keep], given[:, kept]


def _precision(curves: Mapping, path: Path, title: str) -> None:
    figures.precision_recall_curves(
        path,
        {name: (c.precisions, c.recalls) for name, c in curves.items()},
        {name: (c.recall, c.precision) for name, c in curves.items()},
        title=title,
    )


def _look(s: Subject, title: str) -> dict:
    return {"value_range": s.source.range, "title": title}
