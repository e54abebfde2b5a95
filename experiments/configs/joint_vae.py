"""JointVAE [dupont2018]: ten categories beside normal numbers.

[saseendran2021] compares its clusters. On [0, 1] the law of the data is the authors', the cross-entropy.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from experiments.configs import base, vae

# A code has as many normal numbers as other families' on the same data. A quarter of the steps grow the
# divergences.
CODES = {
    "grid": 27,
    "embedding": 27,
    "digits": 18,
    "mnist": 18,
    "fashion_mnist": 18,
    "images": 26,
    "synthetic": 18,
}
COLOURED = {"celeba": 74, "cifar10": 138, "svhn": 42}
STEPS = {"images": 1_000, "grid": 25_000, "embedding": 7_500}
SETTINGS = {
    name: {"arch.z_dim": size, "family.warm_up": STEPS.get(name, 2_500), "family.likelihood": "bernoulli"}
    for name, size in CODES.items()
}
for _set in ("grid", "embedding"):
    SETTINGS[_set] |= {"family.likelihood": "normal", "family.categories": 25, "family.weight": 1.0}
for _set, _size in COLOURED.items():
    SETTINGS[_set] = vae.INHERITED[_set] | {"arch.z_dim": _size}
# Of 64 pixels: at the published weight, for a thousand, one category takes all. At 3 the clusters agree with
# the labels of 64 +- 14 percent of the test digits (three seeds, one to one).
SETTINGS["digits"]["family.weight"] = 3.0
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
    "synthetic:latent16": {"arch.z_dim": 26},
    "celeba:standin": {"family.warm_up": 250},
    "mnist:paper": PAPER,
    # Its category would have ten nats, of which there are ln 10.
    "fashion_mnist:paper": PAPER
    | {"family.weight": 100.0, "family.category_capacity": 10.0, "family.warm_up": 50_000},
}


def get_config(setting: str = "grid") -> ConfigDict:
    """The config for "dataset" or "dataset:preset"."""
    return base.get(setting, "joint_vae", SETTINGS)
