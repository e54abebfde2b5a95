"""Reconstruction errors, and what the generalisation theorem says from the largest of them."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float, Num

from coulomb_jax.mmd import deviation_bound

# Numbers a step in float64 works on.
STEP_VALUES = 2**22


class Generalization(NamedTuple):
    """Reconstruction errors and the bound of theorem 2 from them.

    Attributes:
      mean_train: mean error over the training examples.
      max_train: the largest of them.
      mean_validation: mean error over the validation examples.
      max_validation: the largest of them.
      xi: the larger of both largest, the ξ of the theorem.
      n: examples that the loss was estimated from.
      deviation: what the estimated loss differs from the loss by at most, t + λ(s + u + v), except with
        `probability`.
      of_reconstruction: t, the part of ξ in the deviation.
      of_mmd: λ(s + u + v), the part of the kernel's bound.
      probability: bound on the chance of a larger deviation.
    """

    mean_train: float
    max_train: float
    mean_validation: float
    max_validation: float
    xi: float
    n: int
    deviation: float
    of_reconstruction: float
    of_mmd: float
    probability: float


def squared_errors(x: Num[Array, "n ..."], reconstructed: Num[Array, "n ..."]) -> Float[np.ndarray, " n"]:
    """‖x − g(f(x))‖² of every example: differences squared and summed in float64, some at a time.

    Args:
      x: n examples of any shape.
      reconstructed: their reconstructions, in the same unit: bring uint8 pixels into the range
        that the nets see first.

    Raises:
      ValueError: shapes that differ, or an error that is not finite.
    """
    x, reconstructed = np.asarray(x), np.asarray(reconstructed)
    if x.shape != reconstructed.shape or x.ndim < 2 or not x.size:
        raise ValueError(
            f"reconstructions must have the shape of the examples, but the shapes are {reconstructed.shape} "
            f"and {x.shape}; reshape them"
        )
    step = max(1, STEP_VALUES // x[0].size)
    errors = np.empty(len(x))
    for start in range(0, len(x), step):
        part = slice(start, start + step)
        difference = x[part].astype(np.float64) - reconstructed[part].astype(np.float64)
        errors[part] = np.sum(difference.reshape(len(difference), -1) ** 2, 1)
    return _finite("errors", errors)


def generalization_bound(
    train: Float[Array, "n"],
    validation: Float[Array, "m"],
    *,
    kernel_bound: float,
    weight: float,
    probability: float = 0.05,
    corrected: bool = True,
) -> Generalization:
    """Reconstruction errors on both splits, ξ, and how far the training loss may lie from the loss.

    ξ is estimated as in the paper by the largest error seen; the theorem itself wants a bound for
    every possible x, so the figure is an estimate too. Each of the theorem's four terms gets
    a quarter of the probability, with n the number of training examples.

    Args:
      train: errors of the training examples, `squared_errors`, n >= 2, in the unit of the loss:
        times the factor that the loss puts on the reconstruction.
      validation: errors of examples not trained on, m >= 1.
      kernel_bound: K with 0 <= k <= K, `kernel.bound`; finite. Where it is inf, as for the Coulomb
        kernel in two dimensions, the theorem does not apply.
      weight: λ > 0 of the loss.
      probability: chance allowed for a larger deviation, between 0 and 1.
      corrected: use the term for the codes and the prior that is proved; False for the paper's.

    Raises:
      TypeError: as `deviation_bound`.
      ValueError: as `deviation_bound`, too few errors, or one that is negative or not finite.

    Source: [sansone2019] theorem 2 and section 4; see `coulomb_jax.mmd.deviation_bound`.
    """
    train, validation = (
        _finite(name, np.asarray(errors, np.float64))
        for name, errors in (("train", train), ("validation", validation))
    )
    for name, errors in (("train", train), ("validation", validation)):
        if errors.ndim != 1 or not errors.size or np.min(errors) < 0:
            raise ValueError(
                f"{name} must be a row of errors >= 0, got shape {errors.shape}; use squared_errors"
            )
    if not 0 < probability < 1:
        raise ValueError(f"probability must lie between 0 and 1, got {probability}; 0.05 is usual")
    n, xi = len(train), float(max(np.max(train), np.max(validation)))
    logarithm = math.log(8 / probability)
    t, v = (width * math.sqrt(logarithm / (2 * n)) for width in (xi, kernel_bound * (1 + corrected)))
    s = kernel_bound * math.sqrt(logarithm / (2 * max(n // 2, 1)))
    bound = deviation_bound(
        n, xi=xi, kernel_bound=kernel_bound, weight=weight, t=t, s=s, u=s, v=v, corrected=corrected
    )
    return Generalization(
        mean_train=float(np.mean(train)),
        max_train=float(np.max(train)),
        mean_validation=float(np.mean(validation)),
        max_validation=float(np.max(validation)),
        xi=xi,
        n=n,
        deviation=bound.deviation,
        of_reconstruction=t,
        of_mmd=weight * (2 * s + v),
        probability=bound.probability,
    )


def _finite(name, errors):
    wrong = int(np.sum(~np.isfinite(errors)))
    if wrong:
        raise ValueError(f"{name} must be finite, but {wrong} are not; a model that diverged has no bound")
    return errors
