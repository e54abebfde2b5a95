"""MNIST: 60,000 + 10,000 handwritten digits of 28 x 28 grey pixels [lecun1998]."""

from __future__ import annotations

from os import PathLike

from coulomb_jax.data.idx import source
from coulomb_jax.data.source import Source


def load(
    *, dir: str | PathLike | None = None, limit: int | None = None, side: int = 28, fit: str = "pad"
) -> Source:
    """Load MNIST from its four original files, or from TensorFlow Datasets.

    Args:
      dir: folder of the four idx files, compressed or not; None for TensorFlow Datasets, whose
        order of the examples is another.
      limit: use at most the first `limit` training images; None for all.
      side: pixels of the pictures' sides.
      fit: how they get there; "pad" for zeros around the 28, "resize" for a bilinear filter.

    Raises:
      DataError: a file is missing or damaged; the message names it and says where to get it.
      ValueError: limit is below 1, or there are no such pictures; the message says what there is.
    """
    return source("mnist", dir, limit, side, fit, "https://storage.googleapis.com/cvdf-datasets/mnist/")
