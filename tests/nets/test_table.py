"""Learned examples and the density-ratio net."""

import jax
import jax.numpy as jnp
import numpy as np

from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import Bound, initialize


def bound(net, seed=0):
    return Bound({"net": net}, *jax.jit(lambda key: initialize({"net": net}, key))(jax.random.key(seed)))


def test_a_table_begins_where_it_is_told_in_units_of_the_range():
    arch = Architecture((10, 10, 2), 2, x_range=(-1.0, 1.0))
    rows = bound(arch.table(40, 0.75, 0.05)).net()
    assert rows.shape == (40, 10, 10, 2)
    assert abs(rows.mean() - 0.5) < 1e-2  # 0.75 of the way from -1 to 1
    assert abs(rows.std() - 0.1) < 5e-3


def test_without_a_range_the_unit_is_that_of_the_nets():
    rows = bound(Architecture((200,), 2, x_scale=3.0).table(50, 1.0, 0.5)).net()
    assert abs(rows.mean() - 3.0) < 0.05
    assert abs(rows.std() - 1.5) < 0.05


def test_it_stays_in_range_and_still_has_a_gradient_below_it():
    net = Architecture((3,), 2, x_range=(0.0, 2.0)).table(4, -0.05, 0.01)
    params, stats = initialize({"net": net}, jax.random.key(0))

    def total(params):
        return jnp.sum(Bound({"net": net}, params, stats).net())

    assert total(params) == 0.0  # the published start lies below the range
    np.testing.assert_array_equal(jax.grad(total)(params)["net"]["table"], np.full((4, 3), 2.0))


def test_the_ratio_net_has_the_papers_size_and_drops_its_last_layer():
    net = Architecture((2,), 40).ratio((500, 500, 500))
    nets = bound(net)
    count = sum(a.size for a in jax.tree.leaves(nets._params))
    assert count == (40 * 500 + 500) + 2 * (500 * 500 + 500) + 500 + 1
    z = jax.random.normal(jax.random.key(1), (3, 40))
    assert nets.net(z).shape == (3,)
    np.testing.assert_allclose(nets.net(z, jnp.ones((3, 500))), nets.net(z), rtol=1e-5)
    np.testing.assert_array_equal(nets.net(z, jnp.zeros((3, 500))), np.zeros(3))  # its bias begins at 0
