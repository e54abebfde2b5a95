"""What the tests of objectives share: nets that do nothing, and a family's losses with them."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np

from coulomb_jax import families
from coulomb_jax.nets.architecture import Architecture

X = np.random.default_rng(0).normal(size=(12, 2)) * 2.0


def identity_nets(**others):
    """Nets on one device, and no flax: the encoder is the identity, the decoder 0.9 times it."""
    same = {"encoder": lambda x: x, "decoder": lambda z: 0.9 * z, "gather": lambda z: z}
    nets = SimpleNamespace(**(same | {"share": lambda rows: rows, "devices": 1, "step": 0} | others))
    nets.frozen = nets
    return nets


def losses(name, nets=None, *, x=X, z_dim=2, key=7, x_range=None, **options):
    """`{move: (loss, metrics)}` of every move of a family, each with the same key."""
    arch = Architecture(x_shape=x.shape[1:], z_dim=z_dim, x_range=x_range)
    given = (nets or identity_nets(), jnp.asarray(x, jnp.float32), jax.random.key(key))
    found = {}
    for update in families.make(name, arch, **options).stages[0].updates:
        loss, metrics = update.objective(*given)
        found[update.name] = (float(loss), {k: float(v) for k, v in metrics.items()})
    return found


def normal(shape, key=7):
    """The standard normal numbers that the moves draw with that key."""
    return np.asarray(jax.random.normal(jax.random.key(key), shape), np.float64)
