"""The grid of Gaussians as a plane of little thickness in many dimensions."""

from __future__ import annotations

import math

import numpy as np

from coulomb_jax.data import grid
from coulomb_jax.data.source import Source, fingerprint


def load(
    *,
    seed: int = 0,
    points: int = 5_000,
    test_points: int = 10_000,
    dims: int = 100,
    thickness: float = 0.1,
    spacing: float = 10.5,
    variance: float = 0.1,
    side: int = 5,
) -> Source:
    """Draw the points of `grid` in the plane, add normal coordinates, and rotate: the data are all but flat.

    [sansone2019] reports a low-dimensional embedding whose data are not described: this is one of ours. Its
    density is known. The rotation depends on `dims` alone: every seed draws other points of one law.

    Args:
      seed: of the points, not negative.
      points: size of the training set, a multiple of side^2.
      test_points: size of the test set.
      dims: of the space, at least 3.
      thickness: standard deviation in each of the dims - 2 directions off the plane, > 0.
      spacing: as `grid`'s, as are the two below.
      variance: in the plane.
      side: modes along one axis.

    Raises:
      ValueError: an argument is out of range.
    """
    if dims < 3 or not thickness > 0:
        raise ValueError(
            f"dims must be at least 3 and thickness positive, but they are {dims} and {thickness}; "
            "100 and 0.1 are usual"
        )
    flat = grid.load(
        seed=seed, points=points, test_points=test_points, spacing=spacing, variance=variance, side=side
    )
    axes = rotation(dims)
    # A stream each; grid has those of 0 to 2.
    train, test, truth = (
        embed(plane, axes, thickness, np.random.default_rng([seed, part]))
        for part, plane in enumerate((flat.train, flat.test, flat.truth), start=3)
    )
    bound = None
    if flat.entropy_bound is not None:
        off_plane = 0.5 * (dims - 2) * math.log(2 * math.pi * math.e * thickness**2)
        bound = flat.entropy_bound - off_plane
    return Source(
        name="embedding",
        train=train,
        test=test,
        range=None,
        fingerprint=fingerprint(train, test, flat.train_labels, flat.test_labels),
        synthetic=True,
        train_labels=flat.train_labels,
        test_labels=flat.test_labels,
        truth=truth,
        entropy_bound=bound,
        details={"dims": dims, "thickness": thickness},
    )


def rotation(dims: int) -> np.ndarray:
    """A fixed orthogonal matrix, float64 `[dims dims]`: its first two rows span the plane of the data."""
    return np.linalg.qr(np.random.default_rng(dims).standard_normal((dims, dims)))[0]


def embed(plane: np.ndarray, axes: np.ndarray, thickness: float, random: np.random.Generator) -> np.ndarray:
    """Points of the plane `[n 2]` with normal coordinates beside theirs, rotated, float32 `[n dims]`."""
    off = thickness * random.standard_normal((len(plane), len(axes) - 2))
    return (np.concatenate([plane, off], axis=1) @ axes).astype(np.float32)
