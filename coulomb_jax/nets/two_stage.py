"""The nets of [dai2019] for faces, after [tolstikhin2018]: the first convolution keeps the size.

So the encoder ends at 8 x 8 pixels of 64, where the decoder begins. It has kernels of 5 pixels at any size.
Means and deviations of a posterior are one layer's outputs here, two layers' in the authors' code, whose
initial weights are so larger by up to a tenth.
"""

from __future__ import annotations

from functools import partial

from coulomb_jax.nets import dcgan, laws

DECAY = 0.999
"""Of the running statistics of batch norm."""

FORM = dcgan.Form(kernel=5, first_stride=1, decay=DECAY, law=laws.glorot_uniform)
Encoder = partial(dcgan.Encoder, form=FORM)
Decoder = partial(dcgan.Decoder, form=FORM)
