"""FlexAE [mondal2021]: codes and a generated prior that move towards each other.

The preset "smoothing" adds the critic of pictures that the released code has and the paper has not.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from experiments.configs import base

MOVES = ("picture_critic", "smoothing")


def rates(base_rate: float) -> dict[str, float]:
    """The authors' rates, in units of one, and the moments of each move: rates are the weights here."""
    chosen = {
        "optimizer.schedule": "constant",
        "optimizer.b1": 0.0,
        "optimizer.b2": 0.9,
        "optimizer.learning_rate": base_rate,
        "optimizers.autoencoder.learning_rate": 2.0 * base_rate,
        "optimizers.autoencoder.b1": 0.9,
        "optimizers.autoencoder.b2": 0.999,
        "optimizers.generator.learning_rate": 2.0 * base_rate,
        "optimizers.encoder.learning_rate": 0.1 * base_rate,
    }
    for move in MOVES:
        chosen |= {f"optimizers.{move}.learning_rate": 2.0 * base_rate, f"optimizers.{move}.b1": 0.5}
    return chosen


# The authors' code.
CODE = rates(1e-4) | {
    "batch": 128,
    "steps": 130_001,
    "arch.name": "flex_ae",
    "arch.hidden": (),
    "family.generator": (1024,) * 4,
    "family.critic": (1024,) * 4,
}
# Minutes on two CPU cores. At the autoencoder's rate smoothing undoes the reconstruction of so few pixels: on
# the digits samples score -11 nats after 1,200 rounds, at a twentieth of it 21, one normal law 7 (one seed).
SMALL = rates(5e-4) | {
    "family.generator": (256, 256),
    "family.critic": (256, 256),
    "optimizers.smoothing.learning_rate": 5e-5,
}
SETTINGS = {
    "grid": SMALL,
    "embedding": SMALL,
    "digits": SMALL,
    "synthetic": SMALL,
    "mnist": SMALL,
    "mnist:paper": CODE | {"arch.z_dim": 32},
    "fashion_mnist": SMALL,
    "fashion_mnist:paper": CODE | {"arch.z_dim": 32},
    "images": SMALL,
    "cifar10": CODE | {"arch.z_dim": 128},
    "svhn": CODE | {"arch.z_dim": 128},
    "celeba": CODE
    | {"arch.z_dim": 128, "data.range": (0.0, 1.0), "data.crop": 128, "data.filter": "bilinear"},
    ":smoothing": {"family.smoothing": True},
    ":standin": {"family.generator": (256, 256), "family.critic": (256, 256)},
    ":tiny": {"family.generator": (32,), "family.critic": (32,)},
}


def get_config(setting: str = "grid") -> ConfigDict:
    """The config for "dataset" or "dataset:preset"."""
    return base.get(setting, "flex_ae", SETTINGS, further=MOVES)
