"""Nets of [saseendran2021]: those of [tolstikhin2018], the decoder the encoder's mirror to the last layer.

Both have kernels of 4 pixels at any size, and halve or double it in every layer: 2 x 2 pixels of 32 between.
"""

from __future__ import annotations

from functools import partial

import flax.linen as nn

from coulomb_jax.nets import dcgan


def uniform(gain: float) -> nn.initializers.Initializer:
    """The law of the initial weights: within 1 / sqrt(n) of 0, for n inputs of a layer.

    Of a transposed convolution n is taps times outputs, as in the library of the authors' code. Biases, which
    that draws from the same law, are 0.
    """
    return nn.initializers.variance_scaling(gain**2 / 3.0, "fan_in", "uniform")


FORM = dcgan.Form(kernel=4, mirrored=True, law=uniform)
Encoder = partial(dcgan.Encoder, form=FORM)
Decoder = partial(dcgan.Decoder, form=FORM)
