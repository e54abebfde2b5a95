"""What a campaign asks of a family on the digits."""

import numpy as np

import coulomb_jax
from coulomb_jax.data import digits
from coulomb_jax.metrics.likelihood import kde_log_likelihood
from experiments import files, run

WIDTH = 0.2
"""Of the kernel, the best for samples of the normal law; a model's own best can only be better."""


def log_likelihood(samples):
    """Of the test digits, in nats, under a kernel density estimate of samples `[n ...]`."""
    test = (digits.load().test / 255.0).reshape(-1, 64).astype(np.float32)
    samples = samples.reshape(-1, 64).astype(np.float32)
    return kde_log_likelihood(samples, test, bandwidths=[WIDTH]).log_likelihood


def model(name, folder, *, steps, seed):
    _, config = files.read(name, "digits")
    config.seed, config.eval.samples = seed, 100
    for stage in config.steps:
        config.steps[stage] = steps
    run.train(config, folder)
    return coulomb_jax.load(folder)


def assert_learns(name, folder, *, steps=3000, seed=0, margin=5.0):
    """Samples score better than an untrained model's and a normal law's, by so many nats."""
    train = (digits.load().train / 255.0).reshape(-1, 64)
    normal = np.random.default_rng(0).multivariate_normal(train.mean(0), np.cov(train.T), 2000)
    untrained = model(name, folder / "untrained", steps=1, seed=seed).sample(0, 2000)
    ours = log_likelihood(model(name, folder / "trained", steps=steps, seed=seed).sample(0, 2000))
    others = {"normal": log_likelihood(normal.clip(0.0, 1.0)), "untrained": log_likelihood(untrained)}
    assert ours > max(others.values()) + margin, (ours, others)
