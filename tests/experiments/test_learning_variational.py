"""The VAEs with other priors, and the injective flow, learn the digits in a minute or two each."""

import numpy as np
import pytest

import coulomb_jax
from coulomb_jax.data import digits
from coulomb_jax.metrics.likelihood import kde_log_likelihood
from experiments import files, run

# "slow" too, so that -m "not slow" leaves them out.
pytestmark = [pytest.mark.learning, pytest.mark.slow]

WIDTHS = (0.1, 0.2, 0.3, 0.5)

# Nats above one normal law with the training set's moments, about two thirds of what one seed gave.
MARGINS = {
    "inj_flow.py": 4.0,
    "vae_flow.py": 8.0,
    "vae_flow.py:prior": 11.0,
    "vae_flow.py:both": 12.0,
    "vae_iop.py": 14.0,
    "vamp_vae.py": 14.0,
}


def score(samples, source):
    """KDE log-likelihood of the test digits, in nats an image."""
    test = (source.test / 255.0).reshape(len(source.test), -1).astype(np.float32)
    flat = samples.reshape(len(samples), -1).astype(np.float32)
    return kde_log_likelihood(flat, test, bandwidths=WIDTHS).log_likelihood


def samples_after(steps, name, folder):
    _, config = files.read(name, "digits")
    with config.unlocked():
        config.steps.train, config.devices = steps, 1
        config.eval.samples = config.eval.codes = 100
    run.train(config, folder)
    return coulomb_jax.load(folder).sample(0, 2000)


@pytest.mark.parametrize("name", MARGINS)
def test_it_beats_an_untrained_model_and_one_normal_law(name, tmp_path):
    source = digits.load()
    train = (source.train / 255.0).reshape(len(source.train), -1)
    normal = np.random.default_rng(0).multivariate_normal(train.mean(0), np.cov(train.T), 2000).clip(0, 1)
    ours, untrained = (score(samples_after(n, name, tmp_path / str(n)), source) for n in (3000, 1))
    gaussian = score(normal, source)
    assert ours > gaussian + MARGINS[name], (ours, gaussian)
    assert ours > untrained + MARGINS[name], (ours, untrained)
