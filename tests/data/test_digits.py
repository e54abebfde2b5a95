import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression

from coulomb_jax import data


@pytest.fixture(scope="module")
def digits():
    return data.load("digits")


def test_both_parts_together_are_the_set_of_scikit_learn(digits):
    original = load_digits()
    assert digits.train.shape == (1501, 8, 8, 1)
    assert digits.test.shape == (296, 8, 8, 1)
    assert digits.train.dtype == np.uint8
    assert digits.range == (0.0, 1.0)
    levels = [round(v * 255 / 16) for v in range(17)]
    rows = {
        (label, *(levels[int(v)] for v in image.ravel()))
        for image, label in zip(original.images, original.target, strict=True)
    }
    images = np.concatenate([digits.train, digits.test])
    labels = np.concatenate([digits.train_labels, digits.test_labels])
    found = [(int(b), *a.ravel().tolist()) for a, b in zip(images, labels, strict=True)]
    assert set(found) == rows
    assert len(found) == len(set(found)) == 1797  # nothing twice, so nothing on both sides


def test_classes_are_in_proportion(digits):
    shares = np.bincount(digits.test_labels) / np.bincount(load_digits().target)
    assert np.abs(shares - 1 / 6).max() < 0.01


def test_labels_belong_to_their_images(digits):
    model = LogisticRegression(max_iter=500)
    model.fit(digits.train.reshape(1501, -1) / 255.0, digits.train_labels)
    assert model.score(digits.test.reshape(296, -1) / 255.0, digits.test_labels) > 0.9


def test_it_is_the_same_every_time(digits):
    assert data.load("digits", seed=9).fingerprint == digits.fingerprint
