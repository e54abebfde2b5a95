"""Recomputation: the same gradients and statistics, from nothing but what a net was given."""

import math

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import AXIS, Bound, initialize
from coulomb_jax.saved import build, describe

SHAPE = (8, 8, 2)


def nets_of(name, remat, hidden):
    arch = Architecture(SHAPE, 4, name=name, hidden=hidden, gain=5.0, remat=remat)
    return {"encoder": arch.encoder(), "decoder": arch.decoder()}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mlp", "dcgan"])
def test_gradients_and_statistics_are_the_same(name):
    x = jax.random.normal(jax.random.key(1), (2, 3, *SHAPE)) * jnp.arange(1.0, 3.0)[:, None, None, None, None]

    def learned(remat):
        nets = nets_of(name, remat, (6, 5))
        params, stats = jax.jit(lambda key: initialize(nets, key))(jax.random.key(0))

        def loss(params, x):
            bound = Bound(nets, params, stats, learns=("encoder", "decoder"), axis=AXIS)
            z = bound.encoder(x)
            # The encoder twice: the second call goes on from the statistics of the first.
            again = bound.encoder(bound.decoder(z))
            return jnp.mean((again - z) ** 2) + jnp.mean(z**2), bound.recorded

        grads = jax.vmap(jax.grad(loss, has_aux=True), in_axes=(None, 0), axis_name=AXIS)
        return jax.jit(grads)(params, x), stats

    (grads, recorded), stats = learned(False)
    again, _ = learned(True)
    largest = max(float(np.abs(leaf).max()) for leaf in jax.tree.leaves(grads))
    assert largest > 1e-3
    chex.assert_trees_all_close(again[0], grads, rtol=1e-4, atol=1e-6 * largest)
    chex.assert_trees_all_close(again[1], recorded, rtol=1e-6)
    if name == "dcgan":
        moved = jax.tree.map(
            lambda a, b: float(np.abs(a[0] - b).max()), recorded["encoder"], stats["encoder"]
        )
        assert min(jax.tree.leaves(moved)) > 1e-3


def bytes_of(tree):
    return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize(
    ("name", "hidden"), [("mlp", (32,) * 8), ("dcgan", (16, 16, 16)), ("residual", (16, 16, 16))]
)
def test_nothing_is_kept_for_the_gradient_but_what_the_net_was_given(name, hidden):
    x = jax.ShapeDtypeStruct((64, *SHAPE), jnp.float32)

    def kept(remat):
        nets = nets_of(name, remat, hidden)
        params, stats = jax.eval_shape(lambda key: initialize(nets, key), jax.random.key(0))

        def backward(params, stats, x):
            def encode(p, x):
                return Bound(nets, p, stats, learns=("encoder",), axis=AXIS).encoder(x)

            return jax.vjp(encode, params, x)[1]

        # What the gradient needs from the forward pass are the leaves of the function that gives it.
        over_devices = jax.vmap(backward, in_axes=(None, None, 0), out_axes=0, axis_name=AXIS, axis_size=1)
        one = jax.ShapeDtypeStruct((1, *x.shape), x.dtype)
        given = bytes_of((params["encoder"], stats["encoder"], x))
        return bytes_of(jax.eval_shape(over_devices, params, stats, one)), given

    (plain, given), (remat, _) = kept(False), kept(True)
    assert remat <= given
    # The outputs of every layer but the last, at least.
    sides = {"mlp": [1] * 8, "dcgan": [4, 2, 1], "residual": [8, 4, 1]}[name]
    inside = 4 * 64 * sum(side * side * channels for side, channels in zip(sides, hidden, strict=True))
    assert plain >= remat + inside


def test_it_is_an_option_of_the_architecture():
    arch = {"x_shape": [2], "z_dim": 2, "remat": True}
    _, family = build(describe(arch, {"name": "vae"}, {"name": "prior"}))
    assert [net.remat for net in family.nets.values()] == [True, True]
    _, family = build(describe(arch | {"remat": False}, {"name": "vae"}, {"name": "prior"}))
    assert [net.remat for net in family.nets.values()] == [False, False]
