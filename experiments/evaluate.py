"""What a trained model is worth: numbers and figures of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from coulomb_jax import mmd
from coulomb_jax.data.source import Source
from coulomb_jax.metrics.likelihood import kde_log_likelihood
from coulomb_jax.model import BLOCK, Model
from coulomb_jax.naming import nearest
from coulomb_jax.nets.pixels import to_units
from coulomb_jax.train.log import read
from experiments import figures

KERNELS = ("coulomb", "energy", "wae_multiscale")
"""Kernels that need no more than the dimension: those that `eval.kernel` may name."""


# Folded into the seed, so that evaluation never meets a key of training, which splits the same seed.
NUMBERS, FIGURES = 0x6E756D62, 0x66696773


def kernel(name: str, dim: int):
    """The kernel that latent codes are compared with the prior by.

    Raises:
      ValueError: no such kernel, with the nearest valid names.
    """
    if name not in KERNELS:
        raise ValueError(nearest("kernel", name, KERNELS))
    return mmd.energy() if name == "energy" else getattr(mmd, name)(dim)


def numbers(model: Model, source: Source, options: ConfigDict, seed: int) -> dict[str, float]:
    """The metrics of one model.

    Args:
      model: trained.
      source: its data.
      options: `samples` to draw, `codes` and `kernel` of the latent MMD.
      seed: of everything drawn.

    Returns:
      `reconstruction_error`, the squared error summed over coordinates in the data's units, the mean
      over the test set; `reconstruction_error_train`, over as many training examples;
      `latent_mmd2` between test codes and what the sampler draws, with `latent_mmd2_error`, its standard
      error; and for data in the plane the KDE log-likelihood in nats.
    """
    keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), NUMBERS), 3)
    values = {
        "reconstruction_error": _reconstruction_error(model, source.test),
        "reconstruction_error_train": _reconstruction_error(
            model, spread_out(source.train, len(source.test))
        ),
    }
    z = model.encode(spread_out(source.test, options.codes), key=keys[0])
    value, error = mmd.mmd2_with_error(
        jnp.asarray(z), jnp.asarray(model.draw(keys[1], len(z))), kernel(options.kernel, z.shape[1])
    )
    values |= {"latent_mmd2": float(value), "latent_mmd2_error": float(error)}
    if source.range is None:
        generated = model.sample(keys[2], options.samples)
        score = kde_log_likelihood(generated, source.test)
        values |= {
            "log_likelihood": score.log_likelihood,
            "log_likelihood_best_on_test": score.log_likelihood_best_on_test,
            "bandwidth": score.bandwidth,
            "bandwidth_best_on_test": score.bandwidth_best_on_test,
        }
    return values


def ceiling(source: Source) -> dict[str, float]:
    """What no model can beat, where the law of the data is known."""
    if source.truth is None:
        return {}
    score = kde_log_likelihood(source.truth, source.test)
    return {
        "log_likelihood_bound": source.entropy_bound,
        "log_likelihood_ceiling": score.log_likelihood,
    }


def draw_figures(
    model: Model, source: Source, folder: Path, title: str, seed: int, values: dict[str, float]
) -> list[Path]:
    """Writes the figures of one model, whose metrics are `values`, and returns their paths."""
    folder.mkdir(exist_ok=True)
    keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), FIGURES), 2)
    shown = {name: folder / f"{name}.png" for name in ("samples", "codes", "curves")}
    z = model.encode(spread_out(source.test, 5000))
    figures.codes_and_prior(shown["codes"], z, model.draw(keys[0], 5000), title=title)
    records = read(folder.parent / "metrics.jsonl")
    figures.training_curves(shown["curves"], records, title=title)
    if source.range is None:
        true, generated = in_plane(source.test, model.sample(keys[1], len(source.test)))
        caption = f"test log-likelihood {values['log_likelihood']:.2f}"
        if source.entropy_bound is not None:
            caption += f" (bound {source.entropy_bound:.2f})"
        figures.samples_in_plane(shown["samples"], true, generated, title=title, caption=caption)
    else:
        shown["reconstructions"] = folder / "reconstructions.png"
        originals = np.asarray(to_units(jnp.asarray(spread_out(source.test, 32)), source.range))
        figures.reconstruction_grid(
            shown["reconstructions"],
            originals,
            model.reconstruct(originals),
            value_range=source.range,
            title=title,
        )
        samples = model.sample(keys[1], 64)
        figures.image_grid(shown["samples"], samples, value_range=source.range, title=title)
    return list(shown.values())


def in_plane(true: np.ndarray, generated: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sets of points where they are in the plane, else along the first two principal axes of `true`."""
    if true.shape[1] == 2:
        return true, generated
    axes = np.linalg.svd(true - true.mean(axis=0), full_matrices=False)[2][:2]
    return true @ axes.T, generated @ axes.T


def summary(per_model: list[dict[str, float]]) -> tuple[dict[str, float], dict[str, float]]:
    """Means over repetitions, and standard deviations (n - 1) where there are several."""
    names = per_model[0]
    table = {name: np.array([m[name] for m in per_model]) for name in names}
    means = {name: float(v.mean()) for name, v in table.items()}
    if len(per_model) == 1:
        return means, {}
    return means, {name: float(v.std(ddof=1)) for name, v in table.items()}


def report(results: dict[str, Any]) -> str:
    """The metrics as lines for the screen, beside what they compare with."""
    lines, spread = [], results["standard_deviations"]
    for name, value in results["metrics"].items():
        sd = f" +- {spread[name]:.4g}" if name in spread else ""
        lines.append(f"  {name:<29} {value:.4g}{sd}")
    for name, value in results["references"].items():
        shown = f"{value[0]:g} +- {value[1]:g}" if isinstance(value, (tuple, list)) else f"{value:.3f}"
        lines.append(f"  {name:<29} {shown}")
    return "\n".join(lines)


def spread_out(x: np.ndarray, n: int) -> np.ndarray:
    """`n` examples at equal distances, all where there are fewer: a test set may be sorted."""
    return x[np.linspace(0, len(x) - 1, min(n, len(x))).round().astype(int)]


def _reconstruction_error(model: Model, x: np.ndarray) -> float:
    """Mean over examples of the squared error summed over coordinates."""
    total = 0.0
    for begin in range(0, len(x), BLOCK):  # a test set of photographs is large as floats
        block = x[begin : begin + BLOCK]
        original = np.asarray(to_units(jnp.asarray(block), model.pixel_range), np.float64)
        total += np.sum((model.reconstruct(block) - original) ** 2)
    return float(total / len(x))
