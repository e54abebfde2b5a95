"""The 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn: nothing to download."""

from __future__ import annotations

import numpy as np

from coulomb_jax.data.source import Source, fingerprint


def load() -> Source:
    """Load the digits, with their 17 grey levels 0 to 16 spread over 0 to 255.

    Every sixth example of each class is held out, 296 in all. That keeps the classes in proportion
    and runs through the whole file, whose few writers follow one another: its last rows would be a
    test set of other hands. The split is the same in every run.
    """
    from sklearn.datasets import load_digits  # a second to import, which only this set needs

    digits = load_digits()
    images = np.round(digits.images * (255 / 16)).astype(np.uint8)[..., None]
    labels = digits.target.astype(np.int64)
    within_class = np.zeros(len(labels), np.int64)
    for label in range(10):
        within_class[labels == label] = np.arange(np.sum(labels == label))
    held_out = within_class % 6 == 5
    train, test = images[~held_out], images[held_out]
    train_labels, test_labels = labels[~held_out], labels[held_out]
    return Source(
        name="digits",
        train=train,
        test=test,
        range=(0.0, 1.0),
        fingerprint=fingerprint(train, test, train_labels, test_labels),
        train_labels=train_labels,
        test_labels=test_labels,
    )
