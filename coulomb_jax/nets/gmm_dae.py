"""Nets of [saseendran2021]: those of [tolstikhin2018], the decoder the encoder's mirror to the last layer.

Both have kernels of 4 pixels at any size, and halve or double it in every layer: 2 x 2 pixels of 32 between.
Biases, which the library of the authors' code draws as it does weights, begin at 0.
"""

from __future__ import annotations

from functools import partial

from coulomb_jax.nets import dcgan, laws

FORM = dcgan.Form(kernel=4, mirrored=True, law=laws.inputs_uniform)
Encoder = partial(dcgan.Encoder, form=FORM)
Decoder = partial(dcgan.Decoder, form=FORM)
