"""Constant-variance VAE [ghosh2020], in the nets of its RAE.

The authors average the squared error over channels and sum it over pixels; the family sums over both, so
that their weights of the divergence are times the number of channels here.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from experiments.configs import base, rae
from experiments.settings import HALVED

GRAY = {"family.beta": 0.039}
SETTINGS = {
    # A noise of 0.7 leaves no room for 25 modes. Codes of unit spread stretch to one of 15: their noise
    # costs 2 * (15 * 0.1) ** 2, which a divergence of about one nat has to outweigh.
    "grid": {"family.sigma": 0.1, "family.beta": 5.0},
    # Few pixels: at the weight for MNIST the codes spread to twice the prior's width.
    "digits": {"family.beta": 0.2},
    "mnist": GRAY,
    "fashion_mnist": GRAY,
    "images": {"family.beta": 3 * 9e-4},
    # Adam 1e-4 for 70 epochs, data in [0, 1], half as many channels as the RAE.
    "celeba": {
        "family.beta": 3 * 0.01,
        "data.range": (0.0, 1.0),
        "arch.name": "rae",
        "arch.width": 0.5,
        "steps": 113_890,
        "optimizer.learning_rate": 1e-4,
        "optimizer.schedule": "cosine",
        "optimizer.final": 0.0,
        "optimizer.b1": 0.9,
    },
    "celeba:paper": HALVED | {"data.split": "official", "steps": 106_890},
    "cifar10": {"family.beta": 3 * 9e-4, "optimizer.learning_rate": 1e-4},
    "cifar10:paper": HALVED,
    "svhn": {"family.beta": 3 * 9e-4, "optimizer.learning_rate": 1e-4},
}
for _set in ("mnist", "fashion_mnist"):
    SETTINGS[f"{_set}:paper"] = rae.MNIST | {"optimizer.learning_rate": 1e-4}


def get_config(setting: str = "grid") -> ConfigDict:
    """The config for "dataset" or "dataset:preset"."""
    return base.get(setting, "cv_vae", SETTINGS)
