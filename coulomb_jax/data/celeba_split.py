"""Which pictures of CelebA are trained on and which are held out."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from coulomb_jax.data.source import DataError

PICTURES = 202_599
FIRST_VALIDATION, FIRST_TEST = 162_771, 182_638
SPLITS = ("official", "wae")
WAE_TEST = 20_000


class Split(NamedTuple):
    """Places of the pictures on each side, in order, and how they were chosen."""

    train: np.ndarray
    test: np.ndarray
    how: str


def by_number(numbers: np.ndarray) -> np.ndarray:
    """CelebA's own partition, 0 training, 1 validation, 2 test: three runs of numbers from 1 on."""
    return (numbers >= FIRST_VALIDATION).astype(np.int64) + (numbers >= FIRST_TEST)


def split(kind: str, partition: np.ndarray) -> Split:
    """Choose the two sides.

    Args:
      kind: "official" for CelebA's own partition, without its validation part; where that leaves
        less than two pictures on a side, as in a subset, the last tenth of all is held out. "wae"
        for a random 20,000 of all held out, as in [tolstikhin2018]; a tenth of a subset.
      partition: `[n]`, see `by_number`.

    Raises:
      DataError: fewer than two pictures on a side.
    """
    n = len(partition)
    tenth = max(n // 10, 2)
    if kind == "wae":
        held_out = WAE_TEST if n == PICTURES else tenth
        # Sorted raw bits stay the same in every version of numpy; its Generator's shuffles need not.
        order = np.argsort(np.random.Philox(key=0).random_raw(n), kind="stable")
        test, train = np.sort(order[:held_out]), np.sort(order[held_out:])
        how = f"random: {held_out:,} of {n:,} held out as in WAE, by a fixed permutation of our own"
    else:
        train, test = np.flatnonzero(partition == 0), np.flatnonzero(partition == 2)
        left_out = int(np.sum(partition == 1))
        how = f"by partition: training and test parts, {left_out:,} validation pictures left out"
        if min(len(train), len(test)) < 2:
            train, test = np.arange(n - tenth), np.arange(max(n - tenth, 0), n)
            how = (
                f"last tenth: the last {tenth:,} of {n:,} held out, as the partition leaves this subset "
                "fewer than 2 pictures on a side"
            )
    if min(len(train), len(test)) < 2:
        raise DataError(
            f"training and evaluation take at least 2 pictures each, but there are {n} in all; add pictures"
        )
    return Split(train, test, how)
