"""What a step costs: its floating-point operations, and the share of the hardware's peak they make."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence

import jax
import numpy as np
import optax
from jax.extend.core import ClosedJaxpr, Jaxpr, Var

from coulomb_jax.family import Family, Fit
from coulomb_jax.train.rehearsal import one_round

PEAKS = {
    # Google, "System architecture" of each Cloud TPU version, a chip; a v2 or v3 chip is two devices of
    # jax. float32 products are single bfloat16 passes there unless a higher precision is asked for.
    "TPU v2": (22.5, 22.5),
    "TPU v3": (61.5, 61.5),
    "TPU v4": (275.0, 275.0),
    "TPU v5 lite|TPU v5e": (197.0, 197.0),
    "TPU v5|TPU v5p": (459.0, 459.0),
    "TPU v6 lite|TPU v6e": (918.0, 918.0),
    # NVIDIA, data sheets of each card, half of what they give "with sparsity". float32 is TF32 from
    # Ampere on, jax's default there; V100 and T4 have neither TF32 nor bfloat16 units.
    "Tesla V100-SXM.*": (None, 15.7),
    "Tesla V100-PCIE.*": (None, 14.0),
    "(Tesla|NVIDIA) T4": (None, 8.1),
    "NVIDIA L4": (121.0, 60.0),
    "NVIDIA A10": (125.0, 62.5),
    "(NVIDIA )?A100[- ].*": (312.0, 156.0),
    "NVIDIA H100 PCIe": (756.0, 378.0),
    "NVIDIA H[12]00 NVL": (835.0, 417.0),
    "NVIDIA H100 80GB HBM3|NVIDIA H200": (989.0, 494.0),
    "NVIDIA B200": (2250.0, 1125.0),
}
"""Dense TFLOP/s of a device in bfloat16 and in float32, by a pattern for the whole of its `device_kind`."""

DTYPES = ("bfloat16", "float32")


def stage_flops(
    family: Family, optimizers: Mapping[str, optax.GradientTransformation], batch: tuple[int, ...]
) -> dict[str, int]:
    """The model's FLOPs in one round of every stage, by the stage's name.

    Recomputation (`Net.remat`) is not counted, as in the usual model-FLOP utilisation: it is how the
    machine does the work, not the work.

    Args:
      family: that is trained.
      optimizers: by the name of the update.
      batch: shape of a global batch, `(b, *x_shape)`; the count is that of all devices together.
    """
    nets = {name: net._replace(remat=False) for name, net in family.nets.items()}
    family = family._replace(nets=nets)
    stages = (s for s in family.stages if not isinstance(s, Fit))
    rounds = {s.name: one_round(family, s, optimizers, batch) for s in stages}
    return {name: flops(step, *shapes) for name, (step, shapes) in rounds.items()}


def flops(function: Callable, *arguments) -> int:
    """Floating-point operations of the matrix products and convolutions in a function, two a multiply-add.

    They are counted in what jax traces, before any compiler, so that they are the same on every platform
    and hold what is inside loops, branches (the costliest), recomputation and custom derivatives.
    A convolution's products with the zeros of its padding or of a dilation are left out, so that a
    transposed convolution and both gradients cost what the convolution does. A `while` counts as one
    turn, since no trace knows how many it takes. Elementwise work is left out.

    Args:
      function: of arrays.
      arguments: arrays, or shapes as `jax.ShapeDtypeStruct`.
    """
    return 2 * _jaxpr(jax.make_jaxpr(function)(*arguments).jaxpr)


def peak(device_kind: str, dtype: str) -> float | None:
    """Dense FLOP/s that a kind of device is sold with, None where it is not known.

    Args:
      device_kind: of a `jax.Device`. A part of a card ("MIG") is not known.
      dtype: what the nets compute in, "bfloat16" or "float32".
    """
    for pattern, figures in PEAKS.items():
        if re.fullmatch(pattern, device_kind) and " MIG " not in device_kind:
            tera = figures[DTYPES.index(dtype)]
            return None if tera is None else tera * 1e12
    return None


def utilisation(flops: float, seconds: float, devices: Sequence[jax.Device], dtype: str) -> float | None:
    """Share of the devices' peak that a step makes use of, None where a peak is not known.

    Args:
      flops: of a step, over all devices.
      seconds: that it takes, > 0.
      devices: that share it.
      dtype: what the nets compute in.
    """
    peaks = [peak(device.device_kind, dtype) for device in devices]
    return None if None in peaks else flops / (seconds * sum(peaks))


def line(flops: float, seconds: float, devices: Sequence[jax.Device], dtype: str) -> str:
    """A sentence for the log; the arguments are those of `utilisation`."""
    share = utilisation(flops, seconds, devices, dtype)
    told = f"{_with_prefix(flops)}FLOP a step, {_with_prefix(flops / seconds)}FLOP/s"
    if share is None:
        return told
    tera = peak(devices[0].device_kind, dtype) / 1e12
    percent = f"{100 * share:.{0 if share >= 0.1 else 1}f}"
    return f"{told}; model-FLOP utilisation {percent} % of {tera:.4g} TFLOP/s x {len(devices)}"


def _with_prefix(number: float) -> str:
    """Three digits and a prefix: 1.83e12 is "1.83 T"."""
    number = float(f"{number:.3g}")
    power = min(int(math.log10(max(number, 1.0))) // 3, 5)
    return f"{number / 1000.0**power:.3g} {('', 'k', 'M', 'G', 'T', 'P')[power]}"


def _jaxpr(jaxpr: Jaxpr) -> int:
    """Multiply-adds of the equations whose results are used: a compiler leaves the others out."""
    used, total = {v for v in jaxpr.outvars if isinstance(v, Var)}, 0
    for equation in reversed(jaxpr.eqns):
        if equation.effects or not used.isdisjoint(equation.outvars):
            used.update(v for v in equation.invars if isinstance(v, Var))
            total += _equation(equation)
    return total


def _equation(equation) -> int:
    name, params = equation.primitive.name, equation.params
    if name == "dot_general":
        return _product(equation)
    if name == "conv_general_dilated":
        return _convolution(equation)
    inner = [_jaxpr(body) for value in params.values() for body in _bodies(value)]
    if name == "cond":
        return max(inner)
    times = {"scan": lambda: params["length"], "shard_map": lambda: params["mesh"].size}
    return times.get(name, lambda: 1)() * sum(inner)


def _bodies(value) -> Iterator[Jaxpr]:
    """The programs within a parameter of an equation."""
    if isinstance(value, ClosedJaxpr):
        yield value.jaxpr
    elif isinstance(value, Jaxpr):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _bodies(part)


def _product(equation) -> int:
    left = equation.invars[0].aval.shape
    (contracted, _), _ = equation.params["dimension_numbers"]
    return math.prod(equation.outvars[0].aval.shape) * math.prod(left[i] for i in contracted)


def _convolution(equation) -> int:
    left, right = (v.aval.shape for v in equation.invars)
    out = equation.outvars[0].aval.shape
    params = equation.params
    numbers = params["dimension_numbers"]
    of_left, of_right, of_out = numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec
    taps = 1
    for i in range(len(params["window_strides"])):
        taps *= _taps(
            left[of_left[2 + i]],
            right[of_right[2 + i]],
            out[of_out[2 + i]],
            stride=params["window_strides"][i],
            before=params["padding"][i][0],
            holes=params["lhs_dilation"][i],
            spread=params["rhs_dilation"][i],
        )
    # The kernel's input channels are those of one group.
    return taps * out[of_out[0]] * out[of_out[1]] * right[of_right[1]]


def _taps(size: int, kernel: int, out: int, *, stride: int, before: int, holes: int, spread: int) -> int:
    """Pairs of an output place and a kernel entry, along one axis, that meet an input and no zero."""
    place = np.arange(out)[:, None] * stride + np.arange(kernel)[None] * spread - before
    return int(np.sum((place >= 0) & (place <= (size - 1) * holes) & (place % holes == 0)))
