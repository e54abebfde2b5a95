"""Every config, of every data set, at every preset, makes nets that take and give its data."""

import functools
import math

import jax
import jax.numpy as jnp
import pytest

from coulomb_jax import data, saved
from coulomb_jax.nets.bound import initialize
from experiments import files
from experiments.configs import base

VECTORS = {"grid": 2, "embedding": 100}
SIDES = {"digits": 8, "celeba": 64, "cifar10": 32, "svhn": 32, "images": 28, "synthetic": 28}


def shape(dataset, options):
    if dataset in VECTORS:
        return (VECTORS[dataset],)
    side = options.get("side", SIDES.get(dataset))
    return (side, side, 3 if dataset in ("celeba", "cifar10", "svhn") else 1)


@functools.cache
def gives(net):
    """The shape that a net makes of two examples, without its batch axis; nothing is computed."""
    if net.takes is None:
        return None
    params, stats = jax.eval_shape(lambda key: initialize({"net": net}, key), jax.random.key(0))
    x = jax.ShapeDtypeStruct((2, *net.takes), jnp.float32)
    called = functools.partial(net.module.apply, train=False)
    return jax.eval_shape(called, {"params": params["net"], **stats["net"]}, x)


@pytest.mark.parametrize("name", files.names())
def test_nets_of_every_preset_fit_its_data(name):
    table = files.load(files.find(name)).SETTINGS
    for dataset in data.names():
        for preset in ("", *base.presets(dataset, table)):
            config = files.read(f"{name}:{preset}" if preset else name, dataset)[1].to_dict()
            x_shape = shape(dataset, config["data"])
            x_range = None if dataset in VECTORS else config["data"].get("range", (0.0, 1.0))
            arch = config["arch"] | {"x_shape": x_shape, "x_range": x_range}
            _, family = saved.build(saved.describe(arch, config["family"], config["sampler"]))
            made = {role: gives(net) for role, net in family.nets.items()}
            where = f"{dataset}:{preset}"
            assert made["encoder"].shape[1] >= config["arch"]["z_dim"], where
            assert math.prod(made["decoder"].shape[1:]) in (math.prod(x_shape), 2 * math.prod(x_shape)), where
