"""Laws of the data given a code: what a decoder's nets are, and what an example costs under each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coulomb_jax.families import terms
from coulomb_jax.family import Net
from coulomb_jax.naming import nearest

LEVELS = 256
"""Of grey, which the discretised logistic law knows."""

LEAST_LOG_SCALE, LARGEST_LOG_SCALE = -4.5, 0.0
"""Its scales are clipped to them, in units of the data's range [tomczak2018]."""


class Likelihood(NamedTuple):
    """p(x|z).

    Attributes:
      nets: "decoder", and what else is learned with it.
      mean: `(nets, z) -> x`, the decoded data.
      surprise: `(nets, x, z) -> (nats, metrics)`, -ln p(x|z) averaged over the batch.
    """

    nets: Mapping[str, Net]
    mean: Callable
    surprise: Callable


def make(name: str, arch, *, variance: float, reduction: str) -> Likelihood:
    """A likelihood by name; constants like ln(2 pi) / 2 are left out.

    Args:
      name: "normal", squared error / (2 variance); "learned", a normal law whose one variance gamma^2 is a
        parameter, from 1 on [dai2019]; "diagonal", a normal law with a variance for every coordinate, which
        the decoder gives beside the mean [takahashi2019], of deviations above 1 / 512 of the data's range (of
        x_scale without one); "logistic", a discretised logistic law of 256
        levels with a scale for every coordinate [tomczak2018]; "bernoulli", the cross-entropy of data in
        [0, 1].
      arch: the nets, an `Architecture`.
      variance: of the "normal" law, in squared units of the data.
      reduction: of -ln p(x|z) over coordinates, "sum" or "mean".

    Raises:
      ValueError: no such likelihood, data out of its range, or a variance that is not positive.
    """
    if name not in KINDS:
        raise ValueError(nearest("likelihood", name, KINDS))
    if not variance > 0:
        raise ValueError(f"the decoder's variance must be positive, not {variance}; choose another")
    return KINDS[name](arch, variance, reduction)


def _normal(arch, variance: float, reduction: str) -> Likelihood:
    def surprise(nets, x, z):
        recon = terms.squared_error(x, nets.decoder(z), reduction)
        return recon / (2.0 * variance), {"reconstruction": recon}

    return Likelihood({"decoder": arch.decoder()}, _decoded, surprise)


def _learned(arch, variance: float, reduction: str) -> Likelihood:
    def surprise(nets, x, z):
        recon = terms.squared_error(x, nets.decoder(z), reduction)
        log_gamma = nets.gamma()
        coordinates = x[0].size if reduction == "sum" else 1
        nats = 0.5 * recon * jnp.exp(-2.0 * log_gamma) + coordinates * log_gamma
        return nats, {"reconstruction": recon, "gamma": jnp.exp(log_gamma)}

    return Likelihood({"decoder": arch.decoder(), "gamma": arch.scalar()}, _decoded, surprise)


def _diagonal(arch, variance: float, reduction: str) -> Likelihood:
    # Half a grey level: a pixel that is black in every picture has no best variance but 0.
    least = 2.0 * math.log(0.5 / LEVELS)

    def surprise(nets, x, z):
        mean, spread = _mean_and_spread(nets, arch, z)
        log_var = 2.0 * math.log(arch.unit) + jnp.logaddexp(spread, least)
        nats = terms.reduced(0.5 * ((x - mean) ** 2 * jnp.exp(-log_var) + log_var), reduction)
        return nats, {"reconstruction": terms.squared_error(x, mean, reduction), "nats": nats}

    return _of_two(arch, surprise)


def _logistic(arch, variance: float, reduction: str) -> Likelihood:
    if arch.x_range is None:
        raise ValueError(
            "the logistic likelihood is one of grey levels, but these data have no range; choose another"
        )

    def surprise(nets, x, z):
        mean, spread = _mean_and_spread(nets, arch, z)
        low = arch.x_range[0]
        level = jnp.round((x - low) / arch.unit * (LEVELS - 1))
        centre = jnp.clip((mean - low) / arch.unit, 0.5 / LEVELS, 1.0 - 0.5 / LEVELS)
        log_scale = jnp.clip(spread, LEAST_LOG_SCALE, LARGEST_LOG_SCALE)
        nats = terms.reduced(-log_logistic(level, centre, log_scale), reduction)
        return nats, {"reconstruction": terms.squared_error(x, mean, reduction), "nats": nats}

    return _of_two(arch, surprise)


def log_logistic(
    level: Float[Array, "b ..."], centre: Float[Array, "b ..."], log_scale: Float[Array, "b ..."]
) -> Float[Array, "b ..."]:
    """ln of what a logistic law gives the interval [level, level + 1] / 256, in nats.

    s(a) - s(b) = s(a) s(-b) (1 - exp(b - a)) for the logistic s: exact far in the tails, where a difference
    of two ones is 0.
    """
    scale = jnp.exp(log_scale)
    below = (level / LEVELS - centre) / scale
    width = 1.0 / (LEVELS * scale)
    inside = jnp.log(-jnp.expm1(-width))
    return jax.nn.log_sigmoid(below + width) + jax.nn.log_sigmoid(-below) + inside


def _bernoulli(arch, variance: float, reduction: str) -> Likelihood:
    if tuple(arch.x_range or ()) != (0.0, 1.0):
        raise ValueError(
            f"the bernoulli likelihood takes data in [0, 1], not in the range {arch.x_range}; choose "
            "another likelihood, or data.range=(0.0,1.0) where the data set has that option"
        )

    def surprise(nets, x, z):
        nats = terms.cross_entropy(x, nets.decoder(z), reduction)
        return nats, {"cross_entropy": nats}

    return Likelihood({"decoder": arch.decoder()}, _decoded, surprise)


KINDS = {
    "normal": _normal,
    "learned": _learned,
    "diagonal": _diagonal,
    "logistic": _logistic,
    "bernoulli": _bernoulli,
}


def _decoded(nets, z):
    return nets.decoder(z)


def _of_two(arch, surprise: Callable) -> Likelihood:
    """The likelihood whose decoder gives a mean and a spread."""
    return Likelihood(
        {"decoder": arch.decoder(numbers=2)}, lambda nets, z: _mean_and_spread(nets, arch, z)[0], surprise
    )


def _mean_and_spread(nets, arch, z):
    mean, spread = jnp.split(nets.decoder(z), 2, axis=-1)
    return arch.into_range(mean), spread
