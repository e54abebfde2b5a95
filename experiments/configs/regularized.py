"""Any regularizer with any prior: `--config.family.regularizer=energy --config.family.prior=sphere`.

Presets for regularizers whose weights are of another order than an MMD's; with any of them
`--config.family.prior` may be another.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from experiments.configs import base

SETTINGS = {
    "grid": {"family.weight": 1000.0},
    "embedding": {"family.weight": 1000.0},
    ":kl": {"family.regularizer": "kl", "family.weight": 1.0},
    # A decoder of variance 0.05, as the config of the VAE has for pixels.
    **{f"{name}:kl": {"family.recon_scale": 10.0} for name in ("digits", "mnist", "fashion_mnist", "images")},
    ":critic": {"family.regularizer": "critic", "family.weight": 10.0},
    ":ks_covariance": {
        "family.regularizer": "ks_covariance",
        "family.weight": 1.0,
        "family.recon_scale": 2000.0,
        "family.reduction": "mean",
    },
    # A small weight, as FlexAE's small rate of the encoder: codes that run to meet the prior collapse.
    ":learned": {"family.regularizer": "energy", "family.prior": "learned", "family.weight": 0.1},
    ":tiny": {"family.generator": (32,), "family.critic": (32,)},
}
# Wasserstein games are unstable with a first moment [gulrajani2017].
SETTINGS[":critic"] |= {
    "optimizer.schedule": "constant",
    "optimizers.critic.b1": 0.0,
    "optimizers.critic.b2": 0.9,
    "optimizers.generator.b1": 0.0,
    "optimizers.generator.b2": 0.9,
}


def get_config(setting: str = "grid") -> ConfigDict:
    """The config for "dataset" or "dataset:preset"."""
    return base.get(setting, "regularized", SETTINGS, further=("critic", "generator"))
