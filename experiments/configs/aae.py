"""Adversarial autoencoder [makhzani2016]: WAE-GAN's nets, a reconstruction and an encoder move apart.

The paper's own nets are fully connected and trained by gradient descent with momentum; its numbers are
log-likelihoods of 2015. Settings here are those of [tolstikhin2018], whose WAE-GAN is the same but for that.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from experiments.configs import base

ADAM = {"optimizer.b1": 0.5, "optimizers.critic.learning_rate": 5e-4}
SLOWER = {"optimizers.encoder.learning_rate": 2e-4}
SETTINGS = {
    "grid": SLOWER | {"family.critic": (128, 128)},
    "digits": SLOWER | {"family.critic": (128, 128), "optimizer.b1": 0.5},
    "mnist": ADAM | SLOWER,
    "fashion_mnist": ADAM | SLOWER,
    "images": ADAM | SLOWER,
    "celeba": SLOWER | {"family.critic": (1024, 1024, 1024, 1024), "optimizers.critic.learning_rate": 1e-3},
    "cifar10": ADAM | SLOWER,
    "svhn": ADAM | SLOWER,
}


def get_config(setting: str = "grid") -> ConfigDict:
    """The config for "dataset" or "dataset:preset"."""
    return base.get(setting, "aae", SETTINGS)
