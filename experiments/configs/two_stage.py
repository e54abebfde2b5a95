"""Two-stage VAE [dai2019]: a VAE with a learned variance, and a second one that draws its codes.

The preset "paper" is the authors' code on the sets it has: the preset "learned" of the VAE, then three layers
of 1,024 for as many or twice as many epochs. Elsewhere the first stage is the VAE with the nets that the
other families have, and the second as many steps as the first. On CelebA the preset "resnet" is the other
command of the authors' code: residual nets, with twice as many dimensions.

The second stage reads the pictures and encodes them anew, where the authors keep means and deviations: the
same codes in law.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from experiments.configs import base, vae

# Steps of the second stage: 800 epochs of 60,000 images, 2,000 of 50,000, and 70 of 162,770 in batches of 64.
# The rate is halved every 300, 750 and 30 of them, the fractions at which it is in the first stage.
# [dai2019] has 120 and 300 epochs on CelebA, the command of its code 70 and 70.
SECOND = {"mnist": 750_000, "fashion_mnist": 750_000, "cifar10": 1_562_000, "celeba": 178_000}
# What the common preset "paper" of a data set says and [dai2019] does not.
DATA = {"cifar10": {"data.limit": None}, "celeba": {"data.split": "official"}}
# Where the first nets are small, 1,024 neurons in the second would be most of the work.
DENSE = {"sampler.hidden": (256, 256, 256)}
# From gamma = 1 on, the authors' start, the second stage stays where it decodes all to about 0: codes of
# the grid have nearly the moments of N(0, I). After 12,000 steps of each stage the energy distance of samples
# to test points is 0.03 from 0.14 on, 0.10 from 1 on, and 0.25 without a second stage (one seed).
FLAT = {"sampler.hidden": (128, 128, 128), "sampler.gamma": 0.1}
SETTINGS = {
    "": {"sampler.name": "second_vae", "family.likelihood": "learned"},
    "grid": FLAT,
    "embedding": FLAT,
    "digits": DENSE,
    "synthetic": DENSE,
    "images": DENSE,
    "mnist": DENSE,
    "fashion_mnist": DENSE,
    # The rate of the VAE on the same data.
    "celeba": {"optimizer.learning_rate": 1e-4, "optimizer.schedule": "constant"},
    "cifar10": {"optimizer.learning_rate": 1e-4},
    "svhn": {"optimizer.learning_rate": 1e-4},
    ":tiny": {"sampler.hidden": (32, 32, 32)},
}
for _set, _steps in SECOND.items():
    SETTINGS[f"{_set}:paper"] = (
        vae.DAI_BY_SET[_set]
        | vae.LIKELIHOODS["learned"]
        | DATA.get(_set, {})
        | {"steps.second": _steps, "sampler.hidden": (1024, 1024, 1024)}
    )
# 100 epochs in both stages, the rate halved every 40. The nets have 32 channels where their default has 16.
SETTINGS["celeba:resnet"] = SETTINGS["celeba:paper"] | {
    "arch.name": "residual",
    "arch.hidden": (32, 64, 128, 256, 512),
    "arch.z_dim": 128,
    "steps": 254_300,
    "steps.second": 254_300,
    "optimizer.at": (40 / 100, 80 / 100),
}


def get_config(setting: str = "grid") -> ConfigDict:
    """The config for "dataset" or "dataset:preset"."""
    return base.get(setting, "vae", SETTINGS)
