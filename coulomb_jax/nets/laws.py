"""Laws of the initial weights; of each a `gain`, the factor on their standard deviation, makes one.

The inputs and outputs of a convolution are its channels times the pixels of its kernel. A transposed one has
its outputs in the place of the inputs, as the libraries of the papers' code do.
"""

from __future__ import annotations

from collections.abc import Callable

from flax.linen.initializers import Initializer, normal, variance_scaling

Law = Callable[[float], Initializer]


def deviation(value: float) -> Law:
    """Normal, of one standard deviation for all layers."""
    return lambda gain: normal(value * gain)


def lecun_normal(gain: float) -> Initializer:
    """Normal, of variance 1 / inputs, cut off at two standard deviations."""
    return variance_scaling(gain**2, "fan_in", "truncated_normal")


def glorot_normal(gain: float) -> Initializer:
    """Normal, of variance 2 / (inputs + outputs) [glorot2010], cut off at two standard deviations."""
    return variance_scaling(gain**2, "fan_avg", "truncated_normal")


def glorot_uniform(gain: float) -> Initializer:
    """Uniform, of variance 2 / (inputs + outputs) [glorot2010]."""
    return variance_scaling(gain**2, "fan_avg", "uniform")


def inputs_uniform(gain: float) -> Initializer:
    """Uniform within 1 / sqrt(inputs) of 0."""
    return variance_scaling(gain**2 / 3.0, "fan_in", "uniform")
