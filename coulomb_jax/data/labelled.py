"""What sets of coloured pictures with ten classes have in common, whatever they are read from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from coulomb_jax.data.source import Source, fingerprint


def source(
    name: str,
    published: tuple[int, int],
    arrays: Sequence[np.ndarray],
    limit: int | None,
    details: Mapping[str, Any],
) -> Source:
    """The data set of the training pictures, their labels, the test pictures and theirs.

    Args:
      name: of the whole set; with fewer pictures than published it is named a subset.
      published: how many pictures to train and to test on the whole set has.
      arrays: uint8, `[n, 32, 32, 3]`, `[n]`, `[m, 32, 32, 3]` and `[m]`.
      limit: keep at most the first `limit` training pictures; None for all.
      details: where they were read from.
    """
    train, train_labels, test, test_labels = arrays
    train, train_labels = train[:limit], train_labels[:limit]
    if (len(train), len(test)) != published:
        name = f"{name} subset of {len(train):,}"
    return Source(
        name=name,
        train=train,
        test=test,
        range=(0.0, 1.0),
        fingerprint=fingerprint(train, test, train_labels, test_labels),
        train_labels=train_labels,
        test_labels=test_labels,
        details={**details, "train": len(train), "test": len(test)},
    )


def check_limit(limit: int | None) -> None:
    """Raises ValueError where `limit` is below 1; called before anything is read."""
    if limit is not None and limit < 1:
        raise ValueError(f"limit must be at least 1, but it is {limit}; None takes every image")
