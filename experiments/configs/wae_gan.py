"""Wasserstein autoencoder with an adversary among the codes [tolstikhin2018]."""

from __future__ import annotations

from ml_collections import ConfigDict

from experiments.configs import base, wae_mmd

# The critic's rate is half the autoencoder's in the authors' code for MNIST, and both have beta1 = 0.5.
ADAM = {"optimizer.b1": 0.5, "optimizers.critic.learning_rate": 5e-4}
# No paper has a WAE-GAN in these nets: the weights of CelebA, the rate of the nets.
RAE_NETS = {"family.weight": 1.0, "optimizer.b1": 0.5}
SETTINGS = {
    "": wae_mmd.pretraining(200),
    ":tiny": wae_mmd.pretraining(3),
    "grid": {"family.recon_scale": 1.0, "family.weight": 100.0, "family.critic": (128, 128)},
    # At the published weights the adversary drowns the small error of 64 pixels.
    "digits": {
        "family.recon_scale": 1.0,
        "family.weight": 1.0,
        "family.critic": (128, 128),
        "optimizer.b1": 0.5,
    },
    "mnist": ADAM,
    "mnist:paper": wae_mmd.CODE,
    "fashion_mnist:paper": wae_mmd.CODE,
    "fashion_mnist": ADAM,
    "images": ADAM | {"family.weight": 1.0},
    # The paper's lambda for the adversary; its code's default for CelebA is 100, of which it is not said
    # whether it is the MMD's alone. Its critic is wider here, and knows the prior.
    "celeba": wae_mmd.CODE
    | {
        "family.weight": 1.0,
        "family.critic": (1024, 1024, 1024, 1024),
        "family.known_prior": True,
        "optimizers.critic.learning_rate": 1e-3,
    },
    # The paper has a lower rate than for the MMD, 3e-4, halved at epoch 30 of 55, a fifth from 50 on; of the
    # critic's it says the same, 1e-3, as the code. Its prior has variance 2, the code's 1.
    "celeba:paper": {
        "family.sigma2": 2.0,
        "optimizer.learning_rate": 3e-4,
        "optimizer.schedule": "piecewise",
        "optimizer.at": (30 / 55, 50 / 55),
        "optimizer.factors": (0.5, 0.2),
        "optimizers.critic.learning_rate": 1e-3,
    },
    "cifar10": RAE_NETS,
    "svhn": RAE_NETS,
}


def get_config(setting: str = "grid") -> ConfigDict:
    """The config for "dataset" or "dataset:preset"."""
    return base.get(setting, "wae_gan", SETTINGS, further=("pretrain",), stages=("pretrain",))
