"""The nets of [dai2019] for faces, after [tolstikhin2018]: the first convolution keeps the size.

So the encoder ends at 8 x 8 pixels of 64, where the decoder begins. It has kernels of 5 pixels at any size.
"""

from __future__ import annotations

from functools import partial

import flax.linen as nn

from coulomb_jax.nets import dcgan

DECAY = 0.999
"""Of the running statistics of batch norm."""


def glorot(gain: float) -> nn.initializers.Initializer:
    """The law of the initial weights: uniform, of variance 2 / (inputs + outputs) [glorot2010].

    Means and deviations of a posterior are one layer's outputs here, two layers' in the authors' code, whose
    weights are so larger by up to a tenth.
    """
    return nn.initializers.variance_scaling(gain**2, "fan_avg", "uniform")


FORM = dcgan.Form(kernel=5, first_stride=1, decay=DECAY, law=glorot)
Encoder = partial(dcgan.Encoder, form=FORM)
Decoder = partial(dcgan.Decoder, form=FORM)
