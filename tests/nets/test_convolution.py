"""Convolutions and their transposes: against jax's own and their definition, with all their gradients."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax.nets import convolution

SIZES = [(5, 2, 10), (4, 2, 10), (4, 2, 7), (5, 2, 7), (5, 2, 1), (4, 1, 6), (5, 1, 6), (3, 2, 6), (4, 3, 7)]
WAYS = [convolution.by_phases, convolution.by_dilation]


def arrays(kernel, stride, side):
    keys = jax.random.split(jax.random.key(0), 3)
    weight = jax.random.normal(keys[0], (kernel, kernel, 2, 3))
    small = -(-side // stride)
    x = jax.random.normal(keys[1], (2, small, small, 3))
    y = jax.random.normal(keys[2], (2, side, side, 2))
    return weight, x, y


def plain(y, weight, stride):
    axes = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(y, weight, (stride, stride), "SAME", dimension_numbers=axes)


@pytest.mark.parametrize(("kernel", "stride", "side"), SIZES)
def test_both_ways_up_are_the_adjoint_of_the_convolution(kernel, stride, side):
    weight, x, y = arrays(kernel, stride, side)
    expected = np.vdot(x, plain(y, weight, stride))
    for way in WAYS:
        up = way(x, weight, stride=stride, sides=(side, side))
        assert up.shape == y.shape
        np.testing.assert_allclose(np.vdot(up, y), expected, rtol=1e-4)


@pytest.mark.parametrize(("kernel", "stride"), [(4, 2), (5, 2), (4, 1), (5, 1)])
def test_up_and_its_gradients_are_those_of_jax_conv_transpose(kernel, stride):
    weight, x, y = arrays(kernel, stride, 5 * stride)

    def ours(way):
        return lambda x, w: jnp.vdot(way(x, w), y)

    def theirs(x, w):
        return jnp.vdot(jax.lax.conv_transpose(x, w, (stride, stride), "SAME", transpose_kernel=True), y)

    expected = jax.value_and_grad(theirs, argnums=(0, 1))(x, weight)
    sides = y.shape[1:3]
    for way in [
        lambda x, w: convolution.up(x, w, stride, sides),
        *(lambda x, w, way=way: way(x, w, stride=stride, sides=sides) for way in WAYS),
    ]:
        seen = jax.value_and_grad(ours(way), argnums=(0, 1))(x, weight)
        chex.assert_trees_all_close(seen, expected, rtol=1e-4, atol=1e-4)


def test_up_of_numbers_by_hand():
    # One pixel of 1 paints the kernel; its first tap lies one pixel before, as "SAME" pads 4 taps of 2.
    weight = jnp.arange(1.0, 17.0).reshape(4, 4, 1, 1)
    x = jnp.zeros((1, 3, 3, 1)).at[0, 1, 1].set(1.0)
    y = convolution.up(x, weight, 2, (6, 6))[0, :, :, 0]
    np.testing.assert_array_equal(y, np.pad(np.arange(1.0, 17.0).reshape(4, 4), 1))


@pytest.mark.parametrize(("kernel", "stride", "side"), SIZES)
def test_down_and_its_gradients_are_those_of_the_plain_convolution(kernel, stride, side):
    weight, x, y = arrays(kernel, stride, side)
    a, b = (
        jax.value_and_grad(lambda y, w, f=f: jnp.vdot(jnp.sin(f(y, w, stride)), x), argnums=(0, 1))(y, weight)
        for f in (convolution.down, plain)
    )
    chex.assert_trees_all_close(a, b, rtol=1e-4, atol=1e-4)


def test_second_derivatives_and_repetitions():
    weight, x, _ = arrays(4, 2, 6)

    def penalty(up):
        # A gradient penalty, as some families have: the squared slope of the squared output.
        slope = jax.grad(lambda x, w: jnp.sum(up(x, w) ** 2))
        return lambda x, w: jnp.sum(slope(x, w) ** 2)

    ours = penalty(lambda x, w: convolution.up(x, w, 2, (6, 6)))
    theirs = penalty(lambda x, w: convolution.by_dilation(x, w, stride=2, sides=(6, 6)))
    a, b = (jax.jit(jax.grad(f, argnums=(0, 1)))(x, weight) for f in (ours, theirs))
    chex.assert_trees_all_close(a, b, rtol=1e-4)
    several = jax.vmap(jax.grad(ours))(jnp.stack([x, 2.0 * x]), jnp.stack([weight, weight]))
    np.testing.assert_allclose(several[0], a[0], rtol=1e-4)


def test_layers_keep_float32_parameters_and_compute_as_told():
    x = jax.random.normal(jax.random.key(0), (2, 6, 6, 3))
    init = jax.nn.initializers.normal(1.0)
    for layer, side in ((convolution.Conv, 3), (convolution.ConvTranspose, 12)):
        y, variables = layer(4, 4, 2, init, jnp.bfloat16).init_with_output(jax.random.key(1), x)
        assert (y.shape, y.dtype) == ((2, side, side, 4), jnp.bfloat16)
        assert {a.dtype for a in jax.tree.leaves(variables)} == {jnp.dtype("float32")}
        exact, _ = layer(4, 4, 2, init, jnp.float32).init_with_output(jax.random.key(1), x)
        np.testing.assert_allclose(y.astype(jnp.float32), exact, atol=0.03 * float(jnp.abs(exact).max()))
