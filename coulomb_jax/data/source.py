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
      whole: what this is a random subset of, or None.
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
    whole: Source | None = None

    def hold_out(self, examples: int) -> Source:
        """The source without the last examples of its training set, which become its `validation`."""
        return self._training_at(slice(-examples))._replace(validation=self.train[-examples:])

    def subset(self, examples: int, seed: int) -> Source:
        """The source with so many of its training examples, drawn without replacement and left in order.

        All else stays as it is. Subsets of one seed lie in each other: that of 100 in that of 1,000.

        Args:
          examples: to keep, 1 to as many as there are.
          seed: at least 0; chooses them.

        Raises:
          ValueError: there are not so many examples.
        """
        there = len(self.train)
        if not 1 <= examples <= there:
            raise ValueError(
                f"a subset of {there} training examples has 1 to {there} of them, not {examples}"
            )
        places = np.sort(np.random.default_rng(seed).permutation(there)[:examples])
        drawn = {"examples": examples, "of": there, "seed": seed}
        of_whole = np.frombuffer(bytes.fromhex(self.fingerprint), np.uint8)
        return self._training_at(places)._replace(
            name=f"{self.name} subset of {examples:,}",
            fingerprint=fingerprint(of_whole, places),
            details={**(self.details or {}), "subset": drawn},
            whole=self,
        )

    def _training_at(self, places: slice | np.ndarray) -> Source:
        """The source with some of its training examples, and what is told of them."""
        ours = {name: a for name, a in self._asdict().items() if name.startswith("train") and a is not None}
        return self._replace(**{name: a[places] for name, a in ours.items()})


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
