"""Nets of [ghosh2020]: those of [tolstikhin2018], fed [-1, 1], with a linear layer at the decoder's start.

What its authors do not differ in, initial weights and batch norm, is as there.
"""

from __future__ import annotations

from functools import partial

from coulomb_jax.nets import dcgan

FORM = dcgan.Form(centred=True, starts_linear=True)
Encoder = partial(dcgan.Encoder, form=FORM)
Decoder = partial(dcgan.Decoder, form=FORM)
