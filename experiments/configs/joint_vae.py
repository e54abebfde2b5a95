"""JointVAE [dupont2018]: ten categories beside normal numbers.

[saseendran2021] compares its clusters. On [0, 1] the law of the data is the authors', the cross-entropy.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from experiments.configs import base, vae

# A code has as many normal numbers as other families' on the same data. Divergences grow over a quarter of
# the steps.
GRAY = {"family.likelihood": "bernoulli", "arch.z_dim": 18, "family.warm_up": 2_500}
MODES = {"family.categories": 25, "arch.z_dim": 27, "family.weight": 1.0}
SETTINGS = {
    "grid": MODES | {"family.warm_up": 25_000},
    "embedding": MODES | {"family.warm_up": 7_500},
    # Of 64 pixels: at the published weight, for a thousand, one category takes all. At 3 the clusters agree
    # with the labels of 64 +- 14 percent of the test digits (three seeds, one to one).
    "digits": GRAY | {"family.weight": 3.0},
    "mnist": GRAY,
    "fashion_mnist": GRAY,
    "synthetic": GRAY,
    "synthetic:latent16": {"arch.z_dim": 26},
    "images": GRAY | {"arch.z_dim": 26, "family.warm_up": 1_000},
    "celeba": vae.INHERITED["celeba"] | {"arch.z_dim": 74},
    "celeba:standin": {"family.warm_up": 250},
    "cifar10": vae.INHERITED["cifar10"] | {"arch.z_dim": 138},
    "svhn": vae.INHERITED["svhn"] | {"arch.z_dim": 42},
}
# The authors' code: pictures resized to 32 pixels, ten numbers and ten categories, 100 epochs of batches of
# 64, Adam 5e-4.
PAPER = {
    "data.side": 32,
    "data.fit": "resize",
    "batch": 64,
    "steps": 93_800,
    "arch.name": "joint_vae",
    "arch.hidden": (),
    "arch.z_dim": 20,
    "family.warm_up": 25_000,
    "optimizer.learning_rate": 5e-4,
    "optimizer.schedule": "constant",
    "optimizer.b1": 0.9,
}
SETTINGS |= {
    "mnist:paper": PAPER,
    # Its category would have ten nats, of which there are ln 10.
    "fashion_mnist:paper": PAPER
    | {"family.weight": 100.0, "family.category_capacity": 10.0, "family.warm_up": 50_000},
}


def get_config(setting: str = "grid") -> ConfigDict:
    """The config for "dataset" or "dataset:preset"."""
    return base.get(setting, "joint_vae", SETTINGS)
