"""Flows: inverses, determinants and which element sees which."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import Bound, initialize
from coulomb_jax.nets.flow import masks

CASES = [  # dim, context, blocks, gated
    (1, 0, 1, False),
    (1, 2, 2, True),
    (2, 0, 2, False),
    (3, 2, 1, True),
    (7, 3, 3, False),
    (7, 0, 2, True),
]


def made(dim, context, blocks, gated, hidden=(32, 24), seed=0):
    """A flow with weights far from those it begins with, and inputs for it."""
    net = Architecture((2,), dim).flow(blocks, hidden, context=context, gated=gated)
    params, stats = jax.jit(lambda key: initialize({"flow": net}, key))(jax.random.key(seed))
    rng = np.random.default_rng(seed)
    moved = jax.tree.map(lambda a: a + np.float32(0.2 * rng.normal(size=a.shape)), params)
    flow = Bound({"flow": net}, moved, stats).flow
    inputs = rng.normal(size=(5, dim + context)).astype(np.float32)
    return jax.jit(flow, static_argnums=1), jnp.asarray(inputs)


@pytest.mark.parametrize(("dim", "context", "blocks", "gated"), CASES)
def test_a_flow_inverts_to_1e_5_and_its_log_determinants_are_those_of_the_jacobians(
    dim, context, blocks, gated
):
    flow, inputs = made(dim, context, blocks, gated)
    z, rest = inputs[:, :dim], inputs[:, dim:]

    @jax.jit
    def both_ways(z):
        def run(z, inverse):
            return flow(jnp.concatenate([z, rest], axis=1), inverse)

        def dense(z, inverse):
            each = jax.jacfwd(lambda z: run(z, inverse)[0])(z)
            return jnp.stack([each[i, :, i] for i in range(len(z))])

        y, log_det = run(z, False)
        return y, log_det, *run(y, True), dense(z, False), dense(y, True)

    y, log_det, back, minus, jacobian, inverse = both_ways(z)
    assert np.abs(y - z).max() > 0.1
    np.testing.assert_allclose(back, z, atol=1e-5)
    for ours, matrix in ((log_det, jacobian), (minus, inverse)):
        _, expected = np.linalg.slogdet(np.asarray(matrix, np.float64))
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5)


def test_one_block_is_triangular_and_two_are_not():
    for blocks in (1, 2):
        flow, inputs = made(4, 0, blocks, False)
        dense = np.asarray(jax.jacfwd(lambda z, f=flow: f(z[None])[0][0])(inputs[0]))
        above = np.triu(dense[::-1] if blocks == 1 else dense, 1)  # one block leaves its output reversed
        assert (np.abs(above).max() == 0.0) == (blocks == 1)


def test_a_flow_depends_on_its_context():
    flow, inputs = made(3, 2, 1, True)
    other = inputs.at[:, 3:].add(1.0)
    assert np.abs(flow(inputs)[0] - flow(other)[0]).max(axis=0).min() > 1e-3


@pytest.mark.parametrize("gated", [False, True])
def test_a_fresh_flow_is_the_identity_or_a_gate_of_one_and_a_half(gated):
    net = Architecture((2,), 3).flow(2, (8,), gated=gated)
    nets = Bound({"flow": net}, *initialize({"flow": net}, jax.random.key(0)))
    z = jax.random.normal(jax.random.key(1), (4, 3))
    factor = (1 / (1 + np.exp(-1.5))) ** 2 if gated else 1.0
    y, log_det = nets.flow(z)
    np.testing.assert_allclose(y, factor * z, rtol=1e-5)
    np.testing.assert_allclose(log_det, np.full(4, 3 * np.log(factor)), atol=1e-5)


@pytest.mark.parametrize(("dim", "hidden"), [(1, (4,)), (3, (5, 4)), (6, (3, 9, 2))])
def test_masks_let_an_output_see_what_is_before_it_alone(dim, hidden):
    # Products of the masks count the paths from an input to an output.
    paths = np.linalg.multi_dot(masks(dim, hidden)) if len(hidden) else masks(dim, hidden)[0]
    assert paths.shape == (dim, 2 * dim)
    for i, o in np.ndindex(dim, 2 * dim):
        if i >= o % dim:
            assert paths[i, o] == 0
    if min(hidden) >= dim:
        assert all(paths[i, o] > 0 for i, o in np.ndindex(dim, 2 * dim) if i < o % dim)


def test_the_density_through_a_flow_integrates_to_one():
    flow, _ = made(2, 0, 2, False, seed=3)
    side = np.linspace(-12.0, 12.0, 481)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2).astype(np.float32)
    u, log_det = flow(jnp.asarray(grid))
    density = np.exp(np.asarray(log_det) - 0.5 * np.sum(np.asarray(u) ** 2, axis=1)) / (2 * np.pi)
    np.testing.assert_allclose(density.sum() * (side[1] - side[0]) ** 2, 1.0, atol=5e-3)
