"""Minutes each: the systems of masks, games and mixtures learn the digits, and the synthetic pictures."""

import jax
import numpy as np
import pytest

import coulomb_jax
from coulomb_jax.data import digits
from coulomb_jax.metrics.likelihood import kde_log_likelihood
from coulomb_jax.model import Model
from coulomb_jax.train.state import init_model
from tests.experiments.test_campaign import trained

# "slow" too, so that -m "not slow" leaves them out.
pytestmark = [pytest.mark.learning, pytest.mark.slow]

WIDTHS = (0.1, 0.2, 0.3, 0.5)


def score(samples, test):
    flat = samples.reshape(len(samples), -1).astype(np.float32)
    return kde_log_likelihood(flat, test, bandwidths=WIDTHS).log_likelihood


@pytest.mark.parametrize(
    ("config", "steps", "margin"),
    [
        ("mask_aae.py", 5000, 5.0),
        ("flex_ae.py", 3000, 8.0),
        ("gmm_dae.py", 3000, 4.0),
        ("regularized.py", 3000, 1.0),
        ("regularized.py:critic", 3000, 1.0),
        ("regularized.py:ks_covariance", 3000, 4.0),
    ],
)
def test_digits_are_learned_from_three_seeds(config, steps, margin, tmp_path):
    flags = (f"--config={config}", f"--config.steps.train={steps}", "--config.repetitions=3")
    trained(tmp_path / "run", "digits", *flags)
    source = digits.load()
    test = (source.test / 255.0).reshape(len(source.test), -1).astype(np.float32)
    train = (source.train / 255.0).reshape(len(source.train), -1)
    normal = np.random.default_rng(0).multivariate_normal(train.mean(0), np.cov(train.T), 2000)
    gaussian = score(normal.clip(0, 1), test)
    for repetition in range(3):
        model = coulomb_jax.load(tmp_path / "run", repetition=repetition)
        fresh = Model(model.family, *init_model(model.family, jax.random.key(0)), pixel_range=(0.0, 1.0))
        ours, untrained = score(model.sample(0, 2000), test), score(fresh.sample(0, 2000), test)
        assert ours > max(gaussian, untrained) + margin, (repetition, ours, gaussian, untrained)
