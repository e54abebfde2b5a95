"""Injective probability flow [kumar2020], in its form "ln".

Nothing of it is public but the objective: nets, latent size and variance are those of the VAE on the same
data. The preset "gmm" draws from a Gaussian mixture fitted to the codes, as the second of its two rows in
the papers' tables has it: the same autoencoder.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from experiments.configs import base, vae

SETTINGS = {":gmm": {"sampler.name": "gmm"}} | {
    name: table for name, table in vae.SETTINGS.items() if name not in ("", "grid")
}


def get_config(setting: str = "grid") -> ConfigDict:
    """The config for "dataset" or "dataset:preset"."""
    return base.get(setting, "inj_flow", SETTINGS)
