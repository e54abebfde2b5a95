"""The table of families: one row each, from the configs; every contract is tested over it."""

import functools
import math
from typing import NamedTuple

import chex
import jax
import numpy as np
from ml_collections import ConfigDict

from coulomb_jax import saved
from coulomb_jax.family import Family
from coulomb_jax.train import optimizers, state
from coulomb_jax.train.state import State
from experiments import files


class Row(NamedTuple):
    """A config at toy size, and the family it makes."""

    config: ConfigDict
    family: Family
    optimizers: dict
    x_shape: tuple[int, ...]
    x_range: tuple[float, float] | None


# Presets with other nets, moves or derivatives than the config's default.
VARIANTS = [
    "flex_ae.py:smoothing",
    "rae.py:gradient",
    "rae.py:spectral",
    "regularized.py:critic",
    "regularized.py:ks_covariance",
    "regularized.py:learned",
    "vae.py:learned",
    "vae_iop.py:diagonal",
    "vae_flow.py:both",
]
CONFIGS = files.names() + VARIANTS
SETS = {"grid": ((2,), None), "digits": ((8, 8, 1), (0.0, 1.0))}


@functools.cache
def row(name: str, dataset: str, *, net: str = "mlp", optimizer: str = "adam") -> Row:
    """The family of a config file on data like those of a data set, with small nets."""
    _, config = files.read(name, dataset)
    x_shape, x_range = SETS[dataset]
    config.arch.hidden, config.arch.name = (16, 8), net
    if net == "dcgan":  # eight channels in place of a thousand: keeps the codes as far apart
        config.arch.gain = 10.0
    if "ratio_moves" in config.family:  # the moves of a round are unrolled: two show what ten do
        config.family.ratio_moves = 2

    for option, size in {"critic": (8,), "generator": (8,), "critic_moves": 2}.items():
        if option in config.family:
            config.family[option] = size
    arch = config.arch.to_dict() | {"x_shape": x_shape, "x_range": x_range}
    plain = config.to_dict()
    _, family = saved.build(saved.describe(arch, plain["family"], plain["sampler"]))
    # Plain gradient descent follows rounding errors linearly if its steps are small; adam amplifies them.
    rate = 1e-3 if optimizer == "adam" else 1e-5
    if optimizer == "sgd" and config.family.get("reduction") == "mean":  # or they fall below rounding
        rate *= math.prod(x_shape)
    moves = {u.name: optimizers.make(optimizer, rate, 100) for u in state.updates(family)}
    return Row(config, family, moves, x_shape, x_range)


def batch(row: Row, n: int, seed: int = 0) -> jax.Array:
    """Random data of the row's kind: pixels in their range, or vectors of the grid's size."""
    key = jax.random.key(seed)
    if row.x_range is None:
        return 10.0 * jax.random.normal(key, (n, *row.x_shape))
    return jax.random.uniform(key, (n, *row.x_shape))


def assert_same_training(start: State, one: State, other: State) -> None:
    """Two ways of training from one start agree, to 1e-3 of the longest step of each net.

    A bias before batch norm has no gradient but rounding, so errors have no smaller natural unit.
    """
    start, one, other = (jax.tree.map(np.asarray, state) for state in (start, one, other))
    chex.assert_trees_all_close(one.stats, other.stats, rtol=1e-4, atol=1e-6)
    assert not np.array_equal(*(jax.tree.leaves(s.params["encoder"])[1] for s in (start, one)))
    for net in one.params:
        moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), one.params[net], start.params[net])
        largest = max(jax.tree.leaves(moved))
        chex.assert_trees_all_close(one.params[net], other.params[net], rtol=1e-5, atol=1e-3 * largest)
