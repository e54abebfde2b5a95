"""Regularized autoencoder [ghosh2020], with L2; the presets are its other regularizers.

The preset "autoencoder" leaves the codes free: the autoencoder with L2 that the papers' tables set beside it.
Its numbers are for codes drawn from ten Gaussians fitted to those of the training set.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from experiments.configs import base
from experiments.settings import HALVED

# Reconstruction and codes are means over coordinates, as in the authors' code, and so are these weights. They
# are given for MNIST, CIFAR-10 and CelebA; small pictures in other tables follow the former two.
GRAY = {"family.code_weight": 1e-4, "family.weight": 1e-7}
COLOUR = {"family.code_weight": 1e-3, "family.weight": 1e-6}
FACES = {"family.code_weight": 1e-4, "family.weight": 1e-7}
NONE = {"family.regularizer": "none"}
GRADIENT = {"family.regularizer": "gradient"}
FREE = {"family.code_weight": 0.0}
# The authors' code for MNIST, of whatever they compare: 32 x 32 pixels, zeros around its 28; 100 epochs of
# the first 50,000 images.
MNIST = HALVED | {
    "data.side": 32,
    "data.fit": "pad",
    "steps": 50_000,
    "arch.name": "rae",
    "arch.hidden": (),
    "arch.z_dim": 16,
    "optimizer.at": (),
    "optimizer.b1": 0.9,
}
# Every weight but the decoder's first layer under spectral norm; nothing in the loss.
SPECTRAL = NONE | {"arch.spectral": True}
SETTINGS = {
    "": {"sampler.name": "gmm"},
    ":plain": NONE,
    ":gradient": GRADIENT,
    ":autoencoder": FREE,
    ":spectral": SPECTRAL,
    "grid": {"family.code_weight": 1e-3},
    "digits": GRAY,
    "images": COLOUR,
    "celeba": FACES
    | {
        "data.range": (0.0, 1.0),
        "arch.name": "rae",
        "steps": 113_890,  # 70 epochs
        "optimizer.learning_rate": 1e-3,
        "optimizer.schedule": "cosine",
        "optimizer.final": 0.0,
        "optimizer.b1": 0.9,
    },
    "celeba:paper": HALVED | {"data.split": "official", "steps": 106_890},
    "celeba:autoencoder": {"family.weight": 1e-6, "steps": 162_700},  # 100 epochs
    "celeba:plain": {"family.code_weight": 1e-4},
    "celeba:gradient": {"family.code_weight": 1e-4, "family.weight": 1e-7},
    "celeba:spectral": {"family.code_weight": 2.4e-3},
    "cifar10": COLOUR,
    "cifar10:paper": HALVED,
    "cifar10:plain": {"family.code_weight": 1e-2},
    # The released configuration has a weight of 0, which is no penalty: CelebA's in its place.
    "cifar10:gradient": {"family.code_weight": 9e-4, "family.weight": 1e-7},
    "cifar10:spectral": {"family.code_weight": 0.03},
    "svhn": COLOUR,
}
for _set in ("mnist", "fashion_mnist"):
    SETTINGS |= {
        _set: GRAY,
        f"{_set}:plain": {"family.code_weight": 5e-4},
        f"{_set}:gradient": {"family.code_weight": 1e-4, "family.weight": 5e-8},
        f"{_set}:spectral": {"family.code_weight": 0.009},
        f"{_set}:paper": MNIST | {"optimizer.learning_rate": 5e-4},
    }


def get_config(setting: str = "grid") -> ConfigDict:
    """The config for "dataset" or "dataset:preset"."""
    return base.get(setting, "rae", SETTINGS)
