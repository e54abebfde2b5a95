"""VAE with an inverse autoregressive flow on the posterior [kingma2016].

The preset "prior" has a flow in the prior in its place, "both" has both. The papers' rows "VAE + flow" do
not say their depth: two masked blocks with three layers of 128, the default of a public re-implementation.
Everything else is as in the VAE on the same data.
"""

from __future__ import annotations

from ml_collections import ConfigDict

from experiments.configs import base, vae

# A prior that learns shrinks to the modes' centres where the decoder's variance exceeds theirs, 0.1.
SETTINGS = {
    "grid:prior": {"family.variance": 0.02},
    "grid:both": {"family.variance": 0.02},
    ":prior": {"family.posterior_blocks": 0, "family.prior_blocks": 2},
    ":both": {"family.prior_blocks": 2},
} | vae.INHERITED


def get_config(setting: str = "grid") -> ConfigDict:
    """The config for "dataset" or "dataset:preset"."""
    return base.get(setting, "vae_flow", SETTINGS)
