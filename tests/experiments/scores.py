"""Scores of samples on the digits, and of what a model has to beat."""

import functools

import numpy as np

from coulomb_jax.data import digits
from coulomb_jax.metrics.likelihood import kde_log_likelihood

WIDTH = 0.2
"""Of the kernel, the best of 0.1 to 0.5 for samples of the normal law; a model's own can only be better."""


def of_samples(samples):
    """Log-likelihood of the test digits, in nats a picture, under a kernel density estimate of samples."""
    source = digits.load()
    test = (source.test / 255.0).reshape(len(source.test), -1).astype(np.float32)
    flat = samples.reshape(len(samples), -1).astype(np.float32)
    return kde_log_likelihood(flat, test, bandwidths=[WIDTH]).log_likelihood


@functools.cache
def of_a_normal_law():
    """The same of one normal law with the moments of the training set."""
    source = digits.load()
    train = (source.train / 255.0).reshape(len(source.train), -1)
    drawn = np.random.default_rng(0).multivariate_normal(train.mean(0), np.cov(train.T), 2000)
    return of_samples(drawn.clip(0.0, 1.0))
