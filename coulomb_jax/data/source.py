"""What every data set is to the rest of the package: arrays, their range and a fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np


class DataError(ValueError):
    """Data that are missing, damaged or not of the expected kind; the message says which and how
    to get them."""


class Source(NamedTuple):
    """A data set held in memory.

    Attributes:
      name: what results and figures call it; a subset or a stand-in is named as one.
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
      details: how it was made (files, counts, crop, filter, split), as plain values for results.
      attribute_names: what the columns of the attributes are called.
      train_attributes: `[n a]` booleans, or None.
      test_attributes: `[m a]` booleans, or None.
      train_landmarks: `[n k 2]` x and y in pixels of the pictures as they are here, or None.
      test_landmarks: `[m k 2]`, or None.
      validation: examples of the kind of `train` that training looks at and does not learn from, or None.
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
    details: Mapping[str, Any] | None = None
    attribute_names: tuple[str, ...] = ()
    train_attributes: np.ndarray | None = None
    test_attributes: np.ndarray | None = None
    train_landmarks: np.ndarray | None = None
    test_landmarks: np.ndarray | None = None
    validation: np.ndarray | None = None

    def hold_out(self, examples: int) -> Source:
        """The source without the last examples of its training set, which become its `validation`."""
        ours = {name: a for name, a in self._asdict().items() if name.startswith("train") and a is not None}
        kept = {name: a[:-examples] for name, a in ours.items()}
        return self._replace(**kept, validation=self.train[-examples:])


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
