import itertools

import numpy as np
import pytest

from coulomb_jax.metrics.clustering import clustering_accuracy


def by_all_assignments(clusters, labels):
    kinds, classes = sorted(set(clusters)), sorted(set(labels))
    classes += [None] * max(0, len(kinds) - len(classes))
    return max(
        np.mean([dict(zip(kinds, given))[c] == label for c, label in zip(clusters, labels)])
        for given in itertools.permutations(classes, len(kinds))
    )


@pytest.mark.parametrize(("clusters", "classes"), [(4, 4), (3, 5), (5, 3), (1, 3), (3, 1)])
def test_accuracies_are_those_of_a_search(clusters, classes):
    random = np.random.default_rng(clusters)
    found, labels = random.integers(0, clusters, 40), random.integers(0, classes, 40)
    accuracy = clustering_accuracy(found, labels)
    assert accuracy.hungarian == pytest.approx(by_all_assignments(found.tolist(), labels.tolist()))
    majority = sum(np.bincount(labels[found == c]).max() for c in set(found.tolist())) / 40
    assert accuracy.majority == pytest.approx(majority)
    assert accuracy.majority >= accuracy.hungarian


def test_names_of_clusters_do_not_matter():
    labels = np.array([3, 3, 7, 7, 9])
    assert clustering_accuracy(np.array([-5, -5, 100, 100, 2]), labels) == (1.0, 1.0)
    # Two clusters of one class: both count by majority, one by one only the larger.
    assert clustering_accuracy(np.array([0, 0, 1]), np.array([4, 4, 4])) == pytest.approx((2 / 3, 1.0))


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"the shapes are \(3,\) and \(2,\)"):
        clustering_accuracy(np.arange(3), np.arange(2))
    with pytest.raises(ValueError, match="needs a cluster and a label"):
        clustering_accuracy(np.arange(0), np.arange(0))
    with pytest.raises(TypeError, match="must be integers, not float64 and int64"):
        clustering_accuracy(np.ones(3), np.arange(3))
