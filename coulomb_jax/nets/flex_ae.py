"""Nets of [mondal2021]: those of [dai2019] without spectral norm, with a convolution at the decoder's end."""

from __future__ import annotations

from functools import partial

from coulomb_jax.nets import infogan, laws
from coulomb_jax.nets.architecture import ACTIVATIONS

FORM = infogan.Form(
    spectral=False,
    activation=lambda arch: ACTIVATIONS[arch.activation],
    last_kernel=3,
    decay=0.99,
    epsilon=1e-3,
    law=laws.glorot_uniform,
    back=laws.glorot_normal,
)
Encoder = partial(infogan.Encoder, form=FORM)
Decoder = partial(infogan.Decoder, form=FORM)
