"""Plain autoencoder, sampled from one Gaussian fitted to its codes."""

from __future__ import annotations

from ml_collections import ConfigDict

from experiments.configs import base

SETTINGS = {"": {"sampler.name": "gaussian"}}


def get_config(setting: str = "grid") -> ConfigDict:
    """The config for "dataset" or "dataset:preset"."""
    return base.get(setting, "autoencoder", SETTINGS)
