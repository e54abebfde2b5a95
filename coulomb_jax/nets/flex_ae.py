"""Nets of [mondal2021]: those of [dai2019] without spectral norm, with a convolution at the decoder's end."""

from __future__ import annotations

from functools import partial

import flax.linen as nn

from coulomb_jax.nets import infogan
from coulomb_jax.nets.architecture import ACTIVATIONS
from coulomb_jax.nets.two_stage import glorot


def normal(gain: float) -> nn.initializers.Initializer:
    """The law of the decoder's initial weights: normal, of variance 2 / (inputs + outputs) [glorot2010]."""
    return nn.initializers.variance_scaling(gain**2, "fan_avg", "truncated_normal")


FORM = infogan.Form(
    spectral=False,
    activation=lambda arch: ACTIVATIONS[arch.activation],
    last_kernel=3,
    decay=0.99,
    epsilon=1e-3,
    law=glorot,
    back=normal,
)
Encoder = partial(infogan.Encoder, form=FORM)
Decoder = partial(infogan.Decoder, form=FORM)
