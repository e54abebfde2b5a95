"""An hour in all: every system learns the digits from three seeds."""

import jax
import numpy as np
import pytest

import coulomb_jax
from coulomb_jax.model import Model
from coulomb_jax.train.state import init_model
from experiments import files
from tests.experiments import scores
from tests.experiments.test_campaign import trained

# "slow" too, so that -m "not slow" leaves them out.
pytestmark = [pytest.mark.learning, pytest.mark.slow]

# Rounds of those whose own 10,000 would take more than two minutes.
SHORTER = {
    "flex_ae.py": 3000,
    "flex_ae.py:smoothing": 600,
    "mask_aae.py": 5000,
    "regularized.py:critic": 5000,
    "vae_iop.py": 3000,
    "vae_iop.py:diagonal": 3000,
}
# Of each config, nats above an untrained model and above one normal law, from every seed: two thirds of what
# was seen.
MARGINS = {
    "aae.py": 7.0,
    "autoencoder.py": 4.0,
    "beta_vae.py": 10.0,
    "couae.py": 7.0,
    "cv_vae.py": 9.0,
    "flex_ae.py": 9.0,
    "flex_ae.py:smoothing": 8.0,
    "gmm_dae.py": 3.5,
    "inj_flow.py": 8.0,
    "joint_vae.py": 10.0,
    "mask_aae.py": 6.0,
    "rae.py": 9.0,
    "rae.py:autoencoder": 8.5,
    "rae.py:plain": 9.0,
    "rae.py:gradient": 9.0,
    "rae.py:spectral": 9.0,
    "regularized.py": 7.0,
    "regularized.py:critic": 8.0,
    "regularized.py:kl": 9.0,
    "regularized.py:ks_covariance": 5.0,
    "regularized.py:learned": 6.0,
    "two_stage.py": 9.0,
    "vae.py": 9.0,
    "vae.py:cross_entropy": 9.0,
    "vae.py:learned": 9.0,
    "vae_flow.py": 10.0,
    "vae_flow.py:prior": 11.0,
    "vae_flow.py:both": 11.0,
    "vae_iop.py": 11.0,
    "vae_iop.py:diagonal": 9.5,
    "vamp_vae.py": 11.0,
    "vamp_vae.py:logistic": 10.0,
    "wae_gan.py": 7.0,
    "wae_mmd.py": 7.0,
}


def test_no_config_is_left_out():
    assert {name.partition(":")[0] for name in MARGINS} == set(files.names())


@pytest.mark.parametrize("name", MARGINS)
def test_samples_beat_an_untrained_model_and_one_normal_law(name, tmp_path):
    steps = [f"--config.steps.train={SHORTER[name]}"] if name in SHORTER else []
    trained(tmp_path / "run", "digits", f"--config={name}", *steps, "--config.repetitions=3")
    models = [coulomb_jax.load(tmp_path / "run", repetition=r) for r in range(3)]
    family = models[0].family
    fresh = Model(family, *init_model(family, jax.random.key(0)), pixel_range=(0.0, 1.0))
    normal, untrained = scores.of_a_normal_law(), scores.of_samples(fresh.sample(0, 2000))
    ours = np.array([scores.of_samples(model.sample(0, 2000)) for model in models])
    print(f"{name}: {ours.mean():.1f} ± {ours.std(ddof=1):.1f}, worst {ours.min():.1f}", end="; ")
    print(f"one normal law {normal:.1f}, untrained {untrained:.1f}")
    assert ours.min() > max(normal, untrained) + MARGINS[name]
