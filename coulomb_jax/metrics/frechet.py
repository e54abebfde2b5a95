"""The Frechet distance between two sets of features: FID where they are Inception's [heusel2017]."""

from __future__ import annotations

from pathlib import Path
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from scipy import linalg

BLOCK = 4096
"""Rows that are held in float64 at once."""


class Statistics(NamedTuple):
    """Mean and scatter of rows of features, in float64.

    Attributes:
      count: rows that went in.
      mean: `[d]`.
      scatter: `[d d]`, the sum of the outer products of the rows less their mean.
      fingerprint: of what made the features; statistics of different ones do not compare.
    """

    count: int
    mean: Float[np.ndarray, "d"]
    scatter: Float[np.ndarray, "d d"]
    fingerprint: str = ""

    @property
    def covariance(self) -> Float[np.ndarray, "d d"]:
        """Over count - 1.

        Raises:
          ValueError: fewer than two rows.
        """
        if self.count < 2:
            raise ValueError(f"a covariance takes at least 2 rows of features, but there are {self.count}")
        return self.scatter / (self.count - 1)

    def merge(self, other: Statistics) -> Statistics:
        """The statistics of both sets of rows together, exactly as if all had come at once [chan1983].

        Raises:
          ValueError: of other features.
        """
        _check_same(self, other)
        count = self.count + other.count
        step = other.mean - self.mean
        scatter = self.scatter + other.scatter
        scatter += np.outer(step, step * (self.count * other.count / max(count, 1)))
        return self._replace(
            count=count, mean=self.mean + step * (other.count / max(count, 1)), scatter=scatter
        )

    def save(self, path: str | Path) -> None:
        """Writes an `.npz` that `load` reads."""
        with Path(path).open("wb") as file:
            np.savez(file, **self._asdict())

    @classmethod
    def load(cls, path: str | Path, fingerprint: str = "") -> Statistics:
        """What `save` wrote.

        Args:
          path: of the file.
          fingerprint: what the statistics must be of; any where empty.

        Raises:
          ValueError: they are of something else.
        """
        with np.load(path, allow_pickle=False) as file:
            saved = cls(int(file["count"]), file["mean"], file["scatter"], str(file["fingerprint"]))
        if fingerprint and saved.fingerprint != fingerprint:
            raise ValueError(
                f"statistics of the features {fingerprint} are asked for, but {path} is of "
                f"{saved.fingerprint}; make them again"
            )
        return saved


def nothing(dim: int, fingerprint: str = "") -> Statistics:
    """The statistics of no rows of `dim` features, to which blocks are merged."""
    return Statistics(0, np.zeros(dim), np.zeros((dim, dim)), fingerprint)


def statistics(features: Float[np.ndarray, "n d"], fingerprint: str = "") -> Statistics:
    """Mean and scatter of rows of features, block by block.

    Args:
      features: any number of rows, finite.
      fingerprint: of what made them.

    Raises:
      ValueError: another rank, or values that are not finite.
    """
    features = np.asarray(features)
    if features.ndim != 2:
        raise ValueError(f"features are rows [n d], but these have the shape {features.shape}; reshape them")
    total = nothing(features.shape[1], fingerprint)
    for begin in range(0, len(features), BLOCK):
        rows = features[begin : begin + BLOCK].astype(np.float64)
        mean = rows.mean(0)
        if not np.isfinite(mean).all():
            raise ValueError(
                "features must be finite, but some are not; a model that diverged has no distance"
            )
        rows -= mean
        total = total.merge(Statistics(len(rows), mean, rows.T @ rows, fingerprint))
    return total


def frechet_distance(a: Statistics, b: Statistics) -> float:
    """|mean_a - mean_b|² + tr(S_a + S_b - 2 (S_a^½ S_b S_a^½)^½), the squared distance of two Gaussians.

    The trace of the root is the sum of the roots of the eigenvalues of the symmetric Fᵀ S_b F, for any F
    with F Fᵀ = S_a: here that of the pivoted Cholesky decomposition, which needs no full rank. No eigenvalue
    has an imaginary part to drop, and nothing is added to a diagonal.

    The distance of two samples of one law is not 0 but about proportional to 1/count: FID at 2,048 features
    is reported at 10,000 or 50,000 images, and values at different counts do not compare. At counts below
    the number of features most of it is this bias.

    Args:
      a: of at least two rows.
      b: of as many features, made by the same net.

    Raises:
      ValueError: fewer than two rows, or statistics of different features.
    """
    _check_same(a, b)
    first, second = a.covariance, b.covariance
    factor = _factor(first)
    eigenvalues = linalg.eigh(factor.T @ second @ factor, eigvals_only=True, driver="evd", check_finite=False)
    # Those of a positive semidefinite matrix: below 0 they are rounding.
    root = np.sqrt(np.maximum(eigenvalues, 0.0)).sum()
    return float(np.sum((a.mean - b.mean) ** 2) + np.trace(first) + np.trace(second) - 2.0 * root)


class Interval(NamedTuple):
    """A Frechet distance and where its sampling error leaves it.

    Attributes:
      value: of the samples.
      low: end of the interval.
      high: the other end.
      standard_error: standard deviation of the distance over resampled images.
    """

    value: float
    low: float
    high: float
    standard_error: float


def frechet_interval(
    seed: int,
    a: Float[np.ndarray, "n d"],
    b: Float[np.ndarray, "m d"] | Statistics,
    *,
    resamples: int = 100,
    level: float = 0.95,
) -> Interval:
    """The Frechet distance of two sets of features with a bootstrap interval [efron1979].

    Images are drawn again with replacement. A resample has fewer different images than the sample, and its
    distance is larger by about as much as the sample's own is too large; the interval is therefore of the
    resamples less their mean, about the value: it says how far another sample of the same size would fall,
    and nothing of the bias of the size (see `frechet_distance`).

    A resample costs both covariances and the root once more: hundredths of a second at 84 features and
    10,000 images, seconds at 2,048. With resamples so few that fewer than two are expected beyond either end,
    80 at 95 %, the ends are those of a normal law with their standard deviation, which 20 of them give to a
    sixth: the outermost of 20 lie too near to be quantiles.

    Args:
      seed: of the resamples.
      a: at least two rows.
      b: at least two rows; or their statistics, which then stay as they are: no error of theirs is counted.
      resamples: at least 2.
      level: share of samples within the interval, between 0 and 1.

    Raises:
      ValueError: as `frechet_distance`, or resamples or a level out of range.
    """
    if resamples < 2 or not 0 < level < 1:
        raise ValueError(
            f"an interval takes at least 2 resamples and a level between 0 and 1, not {resamples} and {level}"
        )
    random = np.random.default_rng(seed)
    given = isinstance(b, Statistics)
    of_b = b if given else statistics(b)
    # The fingerprint of b's statistics stands for that of a, whose rows have none.
    value = frechet_distance(statistics(a, of_b.fingerprint), of_b)
    values = [
        frechet_distance(
            _resampled(random, a, of_b.fingerprint), of_b if given else _resampled(random, b, "")
        )
        for _ in range(resamples)
    ]
    ends, error = [(1 - level) / 2, (1 + level) / 2], float(np.std(values, ddof=1))
    if resamples * ends[0] < 2:
        low, high = (error * NormalDist().inv_cdf(end) for end in ends)
    else:
        low, high = np.quantile(values, ends) - np.mean(values)
    return Interval(value, value + float(low), value + float(high), error)


def _resampled(random: np.random.Generator, features: np.ndarray, fingerprint: str) -> Statistics:
    """The statistics of as many rows, drawn with replacement: each row once, by the root of its number."""
    counts = random.multinomial(len(features), np.full(len(features), 1 / len(features)))
    rows, counts = np.asarray(features)[counts > 0].astype(np.float64), counts[counts > 0]
    mean = counts @ rows / len(features)
    rows -= mean
    rows *= np.sqrt(counts)[:, None]
    return Statistics(len(features), mean, rows.T @ rows, fingerprint)


def _factor(covariance: Float[np.ndarray, "d d"]) -> Float[np.ndarray, "d r"]:
    """F with F Fᵀ = covariance, r its numerical rank."""
    lower, pivots, rank, _ = linalg.lapack.dpstrf(covariance, lower=1)
    factor = np.zeros((len(covariance), rank))
    factor[pivots - 1] = np.tril(lower)[:, :rank]
    return factor


def _check_same(a: Statistics, b: Statistics) -> None:
    if a.mean.shape != b.mean.shape or a.fingerprint != b.fingerprint:
        raise ValueError(
            f"both statistics must be of the same features, but one is of {len(a.mean)} of fingerprint "
            f"{a.fingerprint or 'unknown'!r}, the other of {len(b.mean)} of {b.fingerprint or 'unknown'!r}"
        )
