"""Ways of computing transposed convolutions: `python benchmarks/convolutions.py [--width 0.25 --batch 100]`.

The doubling layers of the decoder of [tolstikhin2018] and the halving layers of its encoder at 64 pixels:
each layer's call and gradients, in milliseconds. Rows are measured in turn in one run, several times over;
printed are the least wall time and the least processor time, which other programs disturb less.
"""

from __future__ import annotations

import argparse
import itertools
import time
from functools import partial

import jax
import jax.numpy as jnp

from coulomb_jax.nets import convolution
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.dcgan import HIDDEN

KERNEL, STRIDE = 5, 2


def plain(y, weight):
    """The strided convolution, its gradients left to jax."""
    axes = convolution.AXES
    return jax.lax.conv_general_dilated(y, weight, (STRIDE, STRIDE), "SAME", dimension_numbers=axes)


def to_depth(x, weight, *, stride, sides):
    """`up` as one convolution to all phases, zeros among its taps, which are moved out of the channels."""
    b, h, w, _ = x.shape
    before, taps = (KERNEL - stride) // 2, -(-KERNEL // stride)
    last = (before + stride - 1) // stride
    above = last * stride - before
    around = (above, taps * stride - KERNEL - above)
    full = jnp.pad(weight, (around, around, (0, 0), (0, 0)))
    full = full.reshape(taps, stride, taps, stride, *weight.shape[2:])[::-1, :, ::-1]
    full = full.transpose(0, 2, 5, 1, 3, 4).reshape(taps, taps, weight.shape[3], -1)
    y = jax.lax.conv_general_dilated(
        x, full, (1, 1), [(taps - 1 - last, last)] * 2, dimension_numbers=convolution.AXES
    )
    y = y.reshape(b, h, w, stride, stride, -1).transpose(0, 1, 3, 2, 4, 5)
    return y.reshape(b, *sides, -1)


def least(calls, rounds):
    """Least wall and processor time of each call in milliseconds, the calls in turn."""
    times = {name: [] for name in calls}
    for call in calls.values():
        jax.block_until_ready(call())
    for _ in range(rounds):
        for name, call in calls.items():
            wall, processor = time.perf_counter(), time.process_time()
            jax.block_until_ready(call())
            times[name].append((time.perf_counter() - wall, time.process_time() - processor))
    return {name: [1e3 * min(column) for column in zip(*pairs)] for name, pairs in times.items()}


def gradient(f, i):
    """The gradient of `f(a, b)` in its argument `i`, against `g`."""
    return lambda a, b, g: jax.vjp(f, a, b)[1](g)[i]


def table(ways, a, weight, g, given, *, slow=()):
    """Prints a line for the call and for each gradient; without `slow` in that of the weight."""
    lines = {"call": (ways, (a, weight))}
    lines["gradient in input"] = ({n: gradient(f, 0) for n, f in ways.items()}, (a, weight, g))
    quick = {n: gradient(f, 1) for n, f in ways.items() if n not in slow}
    lines["gradient in weight"] = (quick, (a, weight, g))
    for title, (functions, arrays) in lines.items():
        best = least({n: partial(jax.jit(f), *arrays) for n, f in functions.items()}, given.rounds)
        row = "".join(f"{n:>10} {wall:6.0f} /{own:5.0f}" for n, (wall, own) in best.items())
        print(f"  {title:<20}{row}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=float, default=0.25)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--slow", action="store_true", help="a way that takes half a minute a call too")
    given = parser.parse_args()
    sizes = Architecture((64, 64, 3), 64, width=given.width).layers(HIDDEN)
    keys = jax.random.split(jax.random.key(0), 3)
    device = jax.devices()[0].device_kind
    print(f"jax {jax.__version__}, {device}, batch {given.batch}; least wall / processor milliseconds")
    for large, (few, many) in zip((64, 32, 16), itertools.pairwise(sizes)):
        sides = (large, large)
        x = jax.random.normal(keys[0], (given.batch, large // 2, large // 2, many))
        weight = jax.random.normal(keys[1], (KERNEL, KERNEL, few, many))
        y = jax.random.normal(keys[2], (given.batch, *sides, few))
        ways = {"dilated": convolution.by_dilation, "phases": convolution.by_phases, "to depth": to_depth}
        ways = {name: partial(way, stride=STRIDE, sides=sides) for name, way in ways.items()}
        ways["package"] = partial(convolution.up, stride=STRIDE, sides=sides)
        expected = ways["dilated"](x, weight)
        for name, way in ways.items():
            worst = float(jnp.abs(way(x, weight) - expected).max() / jnp.abs(expected).max())
            assert worst < 1e-5, f"{name} is off by {worst}"
        print(f"decoder, {large // 2} to {large} pixels, {many} to {few} channels")
        table(ways, x, weight, y, given, slow=() if given.slow else ("dilated",))
    for large, (few, many) in zip((32, 16, 8), itertools.pairwise(sizes)):
        y = jax.random.normal(keys[0], (given.batch, large, large, few))
        weight = jax.random.normal(keys[1], (KERNEL, KERNEL, few, many))
        x = jax.random.normal(keys[2], (given.batch, large // 2, large // 2, many))
        print(f"encoder, {large} to {large // 2} pixels, {few} to {many} channels")
        table({"jax": plain, "package": partial(convolution.down, stride=STRIDE)}, y, weight, x, given)


if __name__ == "__main__":
    main()
