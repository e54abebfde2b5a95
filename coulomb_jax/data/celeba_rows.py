"""What every way of holding CelebA is opened to: the rows of its cache."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from coulomb_jax.data.cache import Row


class Opened(NamedTuple):
    """Pictures that can be read in any order.

    Attributes:
      partition: `[n]`, 0 for training, 1 validation, 2 test.
      layout: what a row is made of.
      reader: of places in `[0, n)`, what reads them in that order: `Plan.read` of a cache.
      attribute_names: empty where there are none.
      details: for results.
    """

    partition: np.ndarray
    layout: Mapping[str, Row]
    reader: Callable[[np.ndarray], Callable[[int, int], Mapping[str, np.ndarray]]]
    attribute_names: tuple[str, ...]
    details: Mapping[str, Any]


def fields(size: int, *, attributes: bool, landmarks: bool) -> dict[str, Row]:
    """A row: the picture, and its 40 attributes and 5 landmarks where they are known."""
    layout: dict[str, Row] = {"images": ((size, size, 3), "uint8")}
    if attributes:
        layout["attributes"] = ((40,), "bool")
    if landmarks:
        layout["landmarks"] = ((5, 2), "float32")
    return layout
