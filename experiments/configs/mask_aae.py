"""Mask adversarial autoencoder [mondal2020]: how many latent dimensions the data have.

The capacity `arch.z_dim` is to exceed them; `mask/active` in metrics.jsonl says how many are in use.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from experiments.configs import base

# The authors' code: RMSProp, which is Adam without a first moment and with bias correction; its rate after
# 5 T steps scales the loss, which RMSProp divides out, and is not played.
CODE = {
    "batch": 64,
    "optimizer.schedule": "constant",
    "optimizer.learning_rate": 1e-4,
    "optimizer.b1": 0.0,
    "optimizer.b2": 0.9,
    "optimizers.autoencoder.learning_rate": 5e-4,
    "optimizers.mask.learning_rate": 5e-4,
}
# Its script is for MNIST: four layers of 1024 everywhere, 500,000 steps.
PAPER = CODE | {
    "steps": 500_000,
    "optimizers.autoencoder.b1": 0.0,
    "optimizers.autoencoder.b2": 0.9,
    "arch.name": "mlp",
    "arch.hidden": (1024,) * 4,
    "arch.glorot": True,
    "family.critic": (1024,) * 4,
}
# Minutes on two CPU cores: smaller nets, larger rates that end at 0, and a first moment for the autoencoder.
SMALL = CODE | {
    "batch": 100,
    "family.critic": (256, 256),
    "optimizer.schedule": "cosine",
    "optimizer.learning_rate": 5e-4,
    "optimizers.autoencoder.learning_rate": 1e-3,
    "optimizers.autoencoder.b1": 0.9,
    "optimizers.autoencoder.b2": 0.999,
}
SETTINGS = {
    "grid": SMALL | {"family.likelihood": "squared_error"},
    "embedding": SMALL | {"family.likelihood": "squared_error", "arch.z_dim": 8},
    "digits": SMALL | {"arch.z_dim": 16},
    "mnist": SMALL | {"arch.z_dim": 20},
    "mnist:paper": PAPER | {"arch.z_dim": 64},
    "fashion_mnist": SMALL | {"arch.z_dim": 20},
    # Capacities of the slides [prathosh2021], as are those of the synthetic sets.
    "fashion_mnist:paper": PAPER | {"arch.z_dim": 128},
    "synthetic": SMALL | {"arch.z_dim": 16, "steps": 40_000},
    "synthetic:latent16": {"arch.z_dim": 32, "family.doubling": 1200},
    "images": SMALL | {"arch.z_dim": 20},
    # No code for colour: the nets and the crop of [dai2019], whose data the authors use; mean squared errors
    # in place of cross-entropies would let the mask close, as its weight is made for the latter.
    "cifar10": CODE | {"arch.name": "infogan", "arch.z_dim": 256, "steps": 500_000},
    "svhn": CODE | {"arch.name": "infogan", "arch.z_dim": 256, "steps": 500_000},
    "celeba": CODE
    | {
        "arch.name": "infogan",
        "arch.z_dim": 256,
        "steps": 500_000,
        "data.range": (0.0, 1.0),
        "data.crop": 128,
        "data.filter": "bilinear",
    },
    ":standin": {"family.critic": (256, 256), "arch.z_dim": 64},
    ":tiny": {"family.critic": (32,)},
}


def get_config(setting: str = "grid") -> ConfigDict:
    """The config for "dataset" or "dataset:preset"."""
    return base.get(setting, "mask_aae", SETTINGS)
