"""beta-VAE [higgins2017]: the VAE with another weight of the divergence, and so no family of its own.

The papers of this package report a beta-VAE that reconstructs better than their VAE and never say its
beta: it must be below 1.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from experiments.configs import base, vae

SETTINGS = {"": {"family.beta": 0.2}} | {name: vae.SETTINGS[name] for name in ("celeba", "cifar10", "svhn")}


def get_config(setting: str = "grid") -> ConfigDict:
    """The config for "dataset" or "dataset:preset"."""
    return base.get(setting, "vae", SETTINGS)
