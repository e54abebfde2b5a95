"""What every data set is to the rest of the package: arrays, their range and a fingerprint."""

from __future__ import annotations

import hashlib
from typing import NamedTuple

import numpy as np


class DataError(ValueError):
    """Data that are missing, damaged or not of the expected kind; the message says which and how
    to get them."""


class Source(NamedTuple):
    """A data set held in memory.

    Attributes:
      name: what results and figures call it.
      train: `[n, ...]`, uint8 images `[n, h, w, c]` or float32 vectors `[n, d]`.
      test: `[m, ...]`, held out, of the same kind as `train`.
      range: the interval the nets see pixels in, as (low, high); None for unbounded vectors,
        which the nets see as they are.
      fingerprint: sha256 of everything the arrays depend on; it goes into configs and results.
      synthetic: drawn from a seed, so that every repetition draws its own.
      train_labels: `[n]` integers, or None where there are none.
      test_labels: `[m]` integers, or None.
      truth: `[m, ...]` further draws of the same law, where it is known: what a perfect model would
        generate.
      entropy_bound: the largest expected test log-likelihood in nats of any model, where it is known.
    """

    name: str
    train: np.ndarray
    test: np.ndarray
    range: tuple[float, float] | None
    fingerprint: str
    synthetic: bool = False
    train_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None
    truth: np.ndarray | None = None
    entropy_bound: float | None = None


def fingerprint(*arrays: np.ndarray | None) -> str:
    """The sha256, in hexadecimal, of the arrays' dtypes, shapes and values, in the order given.

    Byte order and memory layout make no difference; None counts as a value of its own.
    """
    digest = hashlib.sha256()
    for array in arrays:
        if array is None:
            digest.update(b"none;")
            continue
        plain = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        digest.update(f"{plain.dtype.str}{array.shape};".encode())
        digest.update(plain.data)
    return digest.hexdigest()
