"""Accuracy of clusters found without labels."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.optimize
from jaxtyping import Array, Int


class ClusteringAccuracy(NamedTuple):
    """Share of examples whose cluster stands for their class, under two rules.

    Attributes:
      hungarian: each class is given to one cluster at most, so as to agree most often.
      majority: each cluster stands for its most frequent class, never less than `hungarian`; it
        grows with the number of clusters, to 1 where every example is its own.
    """

    hungarian: float
    majority: float


def clustering_accuracy(clusters: Int[Array, " n"], labels: Int[Array, " n"]) -> ClusteringAccuracy:
    """Accuracy of clusters against classes, one to one and by majority.

    Args:
      clusters: of n >= 1 examples, any integers: the most likely component of each code.
      labels: classes of the same examples, any integers; there may be more or fewer than clusters.

    Raises:
      TypeError: clusters or labels that are no integers.
      ValueError: arrays that are empty or differ in length.

    Source: [kuhn1955], [yang2010].
    """
    clusters, labels = np.asarray(clusters), np.asarray(labels)
    if clusters.ndim != 1 or clusters.shape != labels.shape or not len(labels):
        raise ValueError(
            f"every example needs a cluster and a label; the shapes are {clusters.shape} and {labels.shape}; "
            "pass two rows of one length"
        )
    if clusters.dtype.kind not in "biu" or labels.dtype.kind not in "biu":
        raise TypeError(
            f"clusters and labels must be integers, not {clusters.dtype} and {labels.dtype}; "
            "take the argmax of scores first"
        )
    _, rows = np.unique(clusters, return_inverse=True)
    _, columns = np.unique(labels, return_inverse=True)
    table = np.zeros((rows.max() + 1, columns.max() + 1), np.int64)
    np.add.at(table, (rows, columns), 1)
    matched = table[scipy.optimize.linear_sum_assignment(table, maximize=True)].sum()
    return ClusteringAccuracy(float(matched / len(labels)), float(table.max(1).sum() / len(labels)))
