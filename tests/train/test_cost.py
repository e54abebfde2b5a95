"""The FLOP count against counts by hand and against XLA's own, and the peaks it is divided by."""

import itertools
import types
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax.nets import convolution
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.train import cost
from coulomb_jax.train.rehearsal import one_round
from tests.families import table


def ones(*shape):
    return jax.ShapeDtypeStruct(shape, jnp.float32)


def meetings(size, kernel, stride):
    """Products along one axis of a "SAME" convolution, entry by entry: those with padding left out."""
    out = -(-size // stride)
    before = max((out - 1) * stride + kernel - size, 0) // 2
    places = (o * stride + k - before for o, k in itertools.product(range(out), range(kernel)))
    return sum(0 <= place < size for place in places)


def test_a_dense_net_forward_and_backward():
    sizes, b = (7, 5, 3, 2), 11
    weights = [ones(a, c) for a, c in itertools.pairwise(sizes)]

    def loss(weights, x):
        for w in weights:
            x = jnp.tanh(x @ w)
        return jnp.sum(x)

    forward = 2 * b * (7 * 5 + 5 * 3 + 3 * 2)
    assert cost.flops(loss, weights, ones(b, 7)) == forward
    # Backward: a gradient in every weight and in every input but the data.
    assert cost.flops(jax.value_and_grad(loss), weights, ones(b, 7)) == 3 * forward - 2 * b * 7 * 5


@pytest.mark.parametrize(("size", "kernel", "stride"), [(8, 5, 2), (8, 4, 2), (8, 3, 2), (8, 5, 1)])
def test_a_convolution_both_its_gradients_and_its_transpose_cost_the_same(size, kernel, stride):
    b, i, o, small = 2, 3, 4, -(-size // stride)
    by_hand = 2 * b * i * o * meetings(size, kernel, stride) ** 2
    weight, large = ones(kernel, kernel, i, o), ones(b, size, size, i)

    def down(x, w):
        return jnp.sum(convolution.down(x, w, stride))

    assert cost.flops(down, large, weight) == by_hand
    assert cost.flops(jax.value_and_grad(down, 1), large, weight) == 2 * by_hand
    assert cost.flops(jax.value_and_grad(down, (0, 1)), large, weight) == 3 * by_hand

    def up(x, w):
        return jnp.sum(convolution.up(x, w, stride, (size, size)))

    codes = ones(b, small, small, o)
    assert cost.flops(up, codes, weight) == by_hand
    assert cost.flops(jax.value_and_grad(up, (0, 1)), codes, weight) == 3 * by_hand


@pytest.mark.parametrize(
    "options",
    [
        {"window_strides": (2, 1), "padding": "SAME"},
        {"window_strides": (1, 1), "padding": ((3, 1), (0, 2)), "lhs_dilation": (2, 3)},
        {"window_strides": (1, 2), "padding": "VALID", "rhs_dilation": (2, 2)},
        {"window_strides": (1, 1), "padding": "SAME", "feature_group_count": 2},
        {"window_strides": (1, 1), "padding": "SAME", "batch_group_count": 2},
        {"window_strides": (1, 1), "padding": ((-2, 1), (1, -1))},
    ],
)
def test_a_convolution_counts_as_xla_counts_it(options):
    channels = 2 if options.get("feature_group_count") else 4

    def run(x, w):
        return jax.lax.conv_general_dilated(x, w, **options, dimension_numbers=("NHWC", "HWIO", "NHWC"))

    shapes = ones(2, 9, 8, 4), ones(3, 4, channels, 6)
    assert cost.flops(run, *shapes) == jax.jit(run).lower(*shapes).cost_analysis()["flops"]


def test_loops_branches_recomputation_and_custom_derivatives_are_looked_into():
    x, once = ones(3, 3), 2 * 3**3

    @jax.custom_vjp
    def with_vjp(x):
        return x @ x

    with_vjp.defvjp(lambda x: (x @ x, x), lambda x, g: (g @ x @ x @ x,))

    @jax.custom_jvp
    def with_jvp(x):
        return x @ x

    with_jvp.defjvp(lambda x, t: (with_jvp(x[0]), t[0] @ x[0]))

    def looped(x):
        return jax.lax.scan(lambda c, _: (c @ c, None), x, length=7)[0]

    def branched(x):
        return jax.lax.cond(x[0, 0] > 0, lambda x: x @ x @ x, lambda x: x @ x, x)

    def summed(function):
        return jax.value_and_grad(lambda x: jnp.sum(function(x)))

    assert cost.flops(jax.jit(lambda x: x @ x), x) == once
    assert cost.flops(looped, x) == 7 * once
    assert cost.flops(summed(looped), x) == 3 * 7 * once
    assert cost.flops(branched, x) == 2 * once
    assert cost.flops(with_jvp, x) == once
    assert cost.flops(summed(with_jvp), x) == 2 * once
    assert cost.flops(with_vjp, x) == once
    assert cost.flops(summed(with_vjp), x) == 4 * once
    # sin wants the product again, whose two gradients are products themselves.
    assert cost.flops(summed(lambda x: jnp.sin(x @ x)), x) == 3 * once
    assert cost.flops(summed(jax.checkpoint(lambda x: jnp.sin(x @ x))), x) == 4 * once
    assert cost.flops(jax.vmap(lambda x: x @ x), ones(5, 3, 3)) == 5 * once


def test_a_step_of_a_family_by_hand():
    row = table.row("couae.py", "grid")  # 2 - 16 - 8 - 2 - 8 - 16 - 2, the MMD by differences
    products = 2 * 16 + 16 * 8 + 8 * 2
    by_hand = 2 * 40 * (3 * 2 * products - 2 * 16)
    assert cost.stage_flops(row.family, row.optimizers, (40, 2)) == {"train": by_hand}


def test_recomputation_is_no_work_of_the_model():
    row = table.row("vae.py", "digits", net="dcgan")
    again = {name: net._replace(remat=True) for name, net in row.family.nets.items()}
    again, shape = row.family._replace(nets=again), (4, *row.x_shape)
    plain = cost.stage_flops(row.family, row.optimizers, shape)
    assert cost.stage_flops(again, row.optimizers, shape) == plain
    step, shapes = one_round(again, again.stages[0], row.optimizers, shape)
    assert cost.flops(step, *shapes) > 1.2 * plain["train"]


def test_the_published_nets_at_64_pixels_by_hand():
    # tolstikhin2018: 5x5 convolutions of stride 2, then the dense layer; the decoder back again.
    arch = Architecture((64, 64, 3), 64, name="dcgan", x_range=(-1.0, 1.0))
    encoder, decoder = arch.encoder().module, arch.decoder().module
    x, z, b = ones(2, 64, 64, 3), ones(2, 64), 2
    layers = [(64, 3, 128), (32, 128, 256), (16, 256, 512), (8, 512, 1024)]
    down = sum(meetings(size, 5, 2) ** 2 * i * o for size, i, o in layers) + 4 * 4 * 1024 * 64
    back = [(64, 128, 256), (32, 256, 512), (16, 512, 1024)]
    up = sum(meetings(size, 5, 2) ** 2 * i * o for size, i, o in back)
    up += 64 * 8 * 8 * 1024 + meetings(64, 5, 1) ** 2 * 128 * 3
    for module, given, by_hand in ((encoder, x, down), (decoder, z, up)):
        variables = jax.eval_shape(lambda m=module, g=given: m.init(jax.random.key(0), zeros(g), train=False))
        run = partial(module.apply, train=False)
        assert cost.flops(run, variables, given) == 2 * b * by_hand


def zeros(shape):
    return jnp.zeros(shape.shape)


def kinds(*names):
    return [types.SimpleNamespace(device_kind=name) for name in names]


@pytest.mark.parametrize(
    ("kind", "bfloat16", "float32"),
    [
        ("NVIDIA H200", 989, 494),
        ("NVIDIA H100 80GB HBM3", 989, 494),
        ("NVIDIA H100 PCIe", 756, 378),
        ("NVIDIA A100-SXM4-40GB", 312, 156),
        ("NVIDIA A100 80GB PCIe", 312, 156),
        ("NVIDIA A10", 125, 62.5),
        ("NVIDIA L4", 121, 60),
        ("NVIDIA B200", 2250, 1125),
        ("Tesla T4", None, 8.1),
        ("Tesla V100-SXM2-16GB", None, 15.7),
        ("TPU v2", 22.5, 22.5),
        ("TPU v4", 275, 275),
        ("TPU v5 lite", 197, 197),
        ("TPU v5", 459, 459),
        ("TPU v6 lite", 918, 918),
        # No kind is taken for another whose name begins like it, nor a part of a card for the whole.
        ("NVIDIA A10G", None, None),
        ("NVIDIA L40S", None, None),
        ("NVIDIA H20", None, None),
        ("TPU v4 lite", None, None),
        ("NVIDIA A100-SXM4-40GB MIG 1g.5gb", None, None),
        ("cpu", None, None),
    ],
)
def test_peaks_are_those_of_the_data_sheets(kind, bfloat16, float32):
    for dtype, tera in (("bfloat16", bfloat16), ("float32", float32)):
        assert cost.peak(kind, dtype) == (None if tera is None else tera * 1e12)


def test_utilisation_is_the_share_of_all_devices_peaks():
    two = kinds("NVIDIA H200", "NVIDIA H200")
    np.testing.assert_allclose(cost.utilisation(989e12, 1.0, two, "bfloat16"), 0.5)
    assert cost.utilisation(1e12, 1.0, kinds("cpu"), "float32") is None
    assert cost.utilisation(1e12, 1.0, kinds("NVIDIA H200", "unheard of"), "float32") is None


def test_the_line_of_the_log():
    told = cost.line(1.83e12, 4.513e-3, kinds("NVIDIA H200"), "bfloat16")
    assert told == "1.83 TFLOP a step, 405 TFLOP/s; model-FLOP utilisation 41 % of 989 TFLOP/s x 1"
    told = cost.line(1.83e9, 1e-3, kinds("NVIDIA H200"), "bfloat16")
    assert told == "1.83 GFLOP a step, 1.83 TFLOP/s; model-FLOP utilisation 0.2 % of 989 TFLOP/s x 1"
    assert cost.line(999.96e9, 2.0, kinds("cpu"), "float32") == "1 TFLOP a step, 500 GFLOP/s"
