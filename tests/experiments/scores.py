"""Scores of samples on the digits, and of what a model has to beat."""

import functools

import numpy as np

from coulomb_jax.data import digits
from coulomb_jax.metrics.likelihood import kde_log_likelihood

WIDTHS = (0.1, 0.2, 0.3, 0.5)


def of_samples(samples):
    """Log-likelihood of the test digits, in nats a picture, under a kernel density estimate of samples."""
    source = digits.load()
    test = (source.test / 255.0).reshape(len(source.test), -1).astype(np.float32)
    flat = samples.reshape(len(samples), -1).astype(np.float32)
    return kde_log_likelihood(flat, test, bandwidths=WIDTHS).log_likelihood


@functools.cache
def of_a_normal_law():
    """The same of one normal law with the moments of the training set."""
    source = digits.load()
    train = (source.train / 255.0).reshape(len(source.train), -1)
    drawn = np.random.default_rng(0).multivariate_normal(train.mean(0), np.cov(train.T), 2000)
    return of_samples(drawn.clip(0.0, 1.0))
