"""A square grid of Gaussians in the plane, by default the 25 of [lim2017] and [sansone2019]."""

from __future__ import annotations

import math

import numpy as np

from coulomb_jax.data.source import Source, fingerprint


def load(
    *,
    seed: int = 0,
    points: int = 500,
    test_points: int = 10_000,
    spacing: float = 10.5,
    variance: float = 0.1,
    side: int = 5,
) -> Source:
    """Draw a training set with equally many points a mode, and fresh test points.

    The defaults are the published grid: centres on {-21, -10.5, 0, 10.5, 21}², 20 training points a
    mode [sansone2019]. Labels number the modes as `centres` does. Training and test points
    and `truth` come from streams of their own, so that none changes with the number of another.

    Args:
      seed: not negative; each seed is another data set.
      points: size of the training set, a multiple of side².
      test_points: size of the test set; their modes are drawn at random.
      spacing: distance of neighbouring centres.
      variance: of each Gaussian, per coordinate.
      side: modes along one axis.

    Raises:
      ValueError: points is not a positive multiple of the number of modes, or another argument is
        out of range.
    """
    if side < 1 or test_points < 1 or spacing < 0 or variance < 0:
        raise ValueError(
            "side and test_points must be at least 1, spacing and variance at least 0, but they "
            f"are {side}, {test_points}, {spacing} and {variance}; 5, 10000, 10.5 and 0.1 are usual"
        )
    modes = side**2
    if points < 1 or points % modes:
        raise ValueError(
            f"every one of the {modes} modes must get equally many training points, but points is "
            f"{points}; choose a positive multiple of {modes}"
        )
    random = np.random.default_rng([seed, 0])
    train_labels = random.permutation(np.repeat(np.arange(modes), points // modes))
    train = _around(random, train_labels, spacing, variance, side)
    random = np.random.default_rng([seed, 1])
    test_labels = random.integers(modes, size=test_points)
    test = _around(random, test_labels, spacing, variance, side)
    return Source(
        name="grid",
        train=train,
        test=test,
        range=None,
        fingerprint=fingerprint(train, test, train_labels, test_labels),
        synthetic=True,
        train_labels=train_labels,
        test_labels=test_labels,
        truth=sample(
            np.random.default_rng([seed, 2]),
            test_points,
            spacing=spacing,
            variance=variance,
            side=side,
        ),
        entropy_bound=entropy_bound(variance, modes) if variance > 0 else None,
    )


def sample(
    seed: int | np.random.Generator,
    n: int,
    *,
    spacing: float = 10.5,
    variance: float = 0.1,
    side: int = 5,
) -> np.ndarray:
    """Fresh points of the mixture itself, float32 `[n, 2]`: its modes are drawn at random too."""
    random = np.random.default_rng(seed)
    return _around(random, random.integers(side**2, size=n), spacing, variance, side)


def centres(*, spacing: float = 10.5, side: int = 5) -> np.ndarray:
    """The means of the modes, float64 `[side², 2]`, second coordinate fastest."""
    axis = spacing * (np.arange(side) - (side - 1) / 2)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def entropy_bound(variance: float = 0.1, modes: int = 25) -> float:
    """The largest expected test log-likelihood, in nats, that any model of the grid can have.

    It is minus the entropy of the mixture, -(ln modes + ln(2 pi e variance)), for modes that do
    not overlap: several standard deviations apart, as the published ones are (33).
    """
    return -(math.log(modes) + math.log(2 * math.pi * math.e * variance))


def _around(
    random: np.random.Generator, labels: np.ndarray, spacing: float, variance: float, side: int
) -> np.ndarray:
    noise = math.sqrt(variance) * random.standard_normal((len(labels), 2))
    return (centres(spacing=spacing, side=side)[labels] + noise).astype(np.float32)
