"""Precision and recall of distributions: how much of each of two laws the other one explains."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PRNGKeyArray

from coulomb_jax.density.kmeans import k_means
from coulomb_jax.metrics import tiles

CLUSTERS, ANGLES, RUNS, BETA = 20, 1001, 10, 8.0
# The curve's ends, where the slope would be 0 and infinite.
EDGE = 1e-10


class PrecisionRecall(NamedTuple):
    """A precision-recall curve and the two figures that stand for it.

    Attributes:
      recall: F_8, the largest over the curve, in [0, 1]; it weighs recall: how much of the real law
        is generated. Published tables print it first, or second, without saying which.
      precision: F_1/8, in [0, 1]; it weighs precision: how much of what is generated is real.
      recalls: of the curve, at equal angles of precision over recall from 0 to π/2.
      precisions: of the curve.
    """

    recall: float
    precision: float
    recalls: Float[np.ndarray, " angles"]
    precisions: Float[np.ndarray, " angles"]


def precision_recall(
    key: PRNGKeyArray, real: Float[Array, "n d"], generated: Float[Array, "n d"]
) -> PrecisionRecall:
    """The precision-recall curve of generated features, with F_8 and F_1/8.

    The union of both sets is clustered by k-means into 20 clusters, the clusters' shares of each
    set are compared by `curve`, and 10 such curves, each from its own start, are averaged. As
    published, but for k-means: there mini-batches of scikit-learn, here all points in each step
    (`k_means`), which leaves 1 to 3 % less inertia; the best of 10 starts in both. The local devices
    share the points where their number divides.

    Args:
      key: random key; the same key gives the same result.
      real: features of the true distribution; 10,000 is usual.
      generated: as many features in the same space.

    Raises:
      ValueError: sets of different sizes or widths, fewer than 20 points in both together, or
        values that are not finite.

    Source: [sajjadi2018] and its published code.
    """
    real, generated = tiles.rows_of(real=real, generated=generated)
    if len(real) != len(generated):
        raise ValueError(
            f"clusters are drawn to the larger set: both must have as many points, but there are {len(real)} "
            f"real and {len(generated)} generated; leave some out"
        )
    if len(real) + len(generated) < CLUSTERS:
        raise ValueError(
            f"{CLUSTERS} clusters need as many points, but both sets have {2 * len(real)}; add some"
        )
    n = len(real)
    points = np.concatenate([real, generated], dtype=np.float32)
    points -= tiles.centre_of(points)
    points = tiles.spread(points) if len(points) == tiles.evenly(len(points)) else jnp.asarray(points)
    curves = []
    for run_key in jax.random.split(key, RUNS):
        labels = np.asarray(k_means(run_key, points, CLUSTERS).labels)
        of_real, of_generated = (
            np.bincount(part, minlength=CLUSTERS) / n for part in (labels[:n], labels[n:])
        )
        curves.append(curve(of_real, of_generated))
    precisions, recalls = np.mean(curves, 0)
    return PrecisionRecall(
        recall=best_f(precisions, recalls, BETA),
        precision=best_f(precisions, recalls, 1 / BETA),
        recalls=recalls,
        precisions=precisions,
    )


def curve(
    real: Float[np.ndarray, " k"], generated: Float[np.ndarray, " k"]
) -> tuple[Float[np.ndarray, " angles"], Float[np.ndarray, " angles"]]:
    """Precision and recall of one discrete law with respect to another.

    At slope λ = tan(angle), for 1,001 equal angles: precision Σ_i min(λ·real_i, generated_i), and
    recall the same over λ.

    Args:
      real: shares of the true law, sum 1.
      generated: shares of the generated law, sum 1.

    Source: [sajjadi2018].
    """
    slopes = np.tan(np.linspace(EDGE, np.pi / 2 - EDGE, ANGLES))
    precisions = np.minimum(slopes[:, None] * real[None, :], generated[None, :]).sum(1)
    return np.minimum(precisions, 1.0), np.minimum(precisions / slopes, 1.0)


def best_f(precisions: Float[np.ndarray, " a"], recalls: Float[np.ndarray, " a"], beta: float) -> float:
    """The largest F_β = (1 + β²)·p·r/(β²·p + r) of a curve: recall counts β times as much as precision.

    Args:
      precisions: p in [0, 1].
      recalls: r in [0, 1].
      beta: > 0.
    """
    product, weighed = precisions * recalls, beta**2 * precisions + recalls
    return float(np.max((1 + beta**2) * product / np.where(weighed > 0, weighed, 1.0)))
