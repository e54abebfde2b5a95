"""The table of families: one row each, from the configs; every contract is tested over it."""

from typing import NamedTuple

import jax
from ml_collections import ConfigDict

from coulomb_jax import saved
from coulomb_jax.family import Family
from coulomb_jax.train import optimizers, state
from experiments import files


class Row(NamedTuple):
    """A config at toy size, and the family it makes."""

    config: ConfigDict
    family: Family
    optimizers: dict
    x_shape: tuple[int, ...]
    x_range: tuple[float, float] | None


CONFIGS = files.names()
SETS = {"grid": ((2,), None), "digits": ((8, 8, 1), (0.0, 1.0))}


def row(name: str, dataset: str, *, net: str = "mlp", optimizer: str = "adam") -> Row:
    """The family of a config file on data like those of a data set, with small nets."""
    _, config = files.read(name, dataset)
    x_shape, x_range = SETS[dataset]
    config.arch.hidden, config.arch.name = (16, 8), net
    arch = config.arch.to_dict() | {"x_shape": x_shape, "x_range": x_range}
    plain = config.to_dict()
    _, family = saved.build(saved.describe(arch, plain["family"], plain["sampler"], 1))
    moves = {u.name: optimizers.make(optimizer, 1e-3, 100) for u in state.updates(family)}
    return Row(config, family, moves, x_shape, x_range)


def batch(row: Row, n: int, seed: int = 0) -> jax.Array:
    """Random data of the row's kind: pixels in their range, or vectors of the grid's size."""
    key = jax.random.key(seed)
    if row.x_range is None:
        return 10.0 * jax.random.normal(key, (n, *row.x_shape))
    return jax.random.uniform(key, (n, *row.x_shape))
