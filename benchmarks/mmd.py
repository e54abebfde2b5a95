"""MMD² and its gradient in both sets, this library and others side by side: `python benchmarks/mmd.py`.

All rows of a size are measured in turn in one run; each row's best time is printed with its ratio to KeOps.
The kernel is 1/(1 + r²) where nothing else is said. KeOps and torch (`pip install torch pykeops`) are left
out where they are not installed. The last column is the time that the machine would need at its own measured
peak, a large float32 matrix product and a large 1/(1 + x), over the time taken.
"""

from __future__ import annotations

import argparse
import importlib.util
import platform
import time

import jax
import jax.numpy as jnp
import numpy as np

from coulomb_jax import mmd

TORCH_LIMIT = 10_000  # torch holds several n x n matrices


def best(call, seconds: float) -> float:
    """Smallest wall time of a call, over at least two after a first that does not count."""
    call()
    shortest, runs, end = float("inf"), 0, time.perf_counter() + seconds
    while runs < 2 or time.perf_counter() < end:
        start = time.perf_counter()
        call()
        shortest, runs = min(shortest, time.perf_counter() - start), runs + 1
    return shortest


def peaks(seconds: float) -> dict[str, float]:
    """Flops a second of a large matrix product, elements a second of large streams."""
    matrix, stream = jnp.ones((4096, 4096)), jnp.linspace(0.1, 1.0, 2**22)
    product = jax.jit(lambda a: jnp.matmul(a, a, precision=jax.lax.Precision.HIGHEST))
    rates = {"matmul": 2 * 4096**3 / best(lambda: product(matrix).block_until_ready(), seconds)}
    streams = {"1/(1+x)": lambda x: 1 / (1 + x), "exp": jnp.exp, "log": jnp.log, "rsqrt": jax.lax.rsqrt}
    for name, function in streams.items():
        elementwise = jax.jit(function)
        rates[name] = stream.size / best(lambda run=elementwise: run(stream).block_until_ready(), seconds)
    return rates


def ours(x, y, kernel):
    """This library, as a user calls it inside jit."""
    x, y = jnp.asarray(x), jnp.asarray(y)
    compiled = jax.jit(jax.value_and_grad(lambda x, y: mmd.mmd2(x, y, kernel), argnums=(0, 1)))
    return lambda: jax.block_until_ready(compiled(x, y))


def torch_points(x, y):
    """Both sets as torch tensors that want a gradient, on the GPU where there is one."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return [torch.tensor(points, device=device, requires_grad=True) for points in (x, y)]


def with_torch(x, y, total):
    """MMD² by ``total(a, b)``, the sum over all pairs: k(0) = 1 is subtracted within a set."""
    x, y = torch_points(x, y)
    n, m = len(x), len(y)

    def call():
        x.grad = y.grad = None
        within = (total(x, x) - n) / (n * (n - 1)) + (total(y, y) - m) / (m * (m - 1))
        value = within - 2 * total(x, y) / (n * m)
        value.backward()
        return value.item(), x.grad, y.grad.sum().item()

    return call


def keops(x, y):
    """KeOps: a lazy tensor, reduced without an n x n matrix."""
    from pykeops.torch import LazyTensor

    def total(a, b):
        r2 = ((LazyTensor(a[:, None, :]) - LazyTensor(b[None, :, :])) ** 2).sum(-1)
        return (1 / (1 + r2)).sum(1).sum()

    return with_torch(x, y, total)


def torch_cdist(x, y):
    """Plain torch: `cdist` and autograd."""
    import torch

    return with_torch(x, y, lambda a, b: (1 / (1 + torch.cdist(a, b) ** 2)).sum())


def in_float64(x, y):
    """MMD² of 1/(1 + r²) in float64, a thousand rows at a time."""

    def total(a, b):
        a, b = a.astype(np.float64), b.astype(np.float64)
        rows = np.split(a, range(1000, len(a), 1000))
        r2 = ((part**2).sum(1)[:, None] + (b**2).sum(1)[None, :] - 2 * part @ b.T for part in rows)
        return sum((1 / (1 + np.maximum(part, 0.0))).sum() for part in r2)

    n, m = len(x), len(y)
    within = (total(x, x) - n) / (n * (n - 1)) + (total(y, y) - m) / (m * (m - 1))
    return within - 2 * total(x, y) / (n * m)


def compare(n: int, dim: int, rates: dict[str, float], seconds: float, others: bool) -> None:
    """Print the rows of one size."""
    random = np.random.default_rng(0)
    x, y = random.normal(size=(2, n, dim)).astype(np.float32)
    rows = {"ours": ours(x, y, mmd.inverse_multiquadratic(1.0))}
    if others and importlib.util.find_spec("pykeops"):
        rows["KeOps"] = keops(x, y)
    if others and importlib.util.find_spec("torch") and n <= TORCH_LIMIT:
        rows["torch cdist"] = torch_cdist(x, y)
    rows["ours, gaussian"] = ours(x, y, mmd.gaussian(1.0))
    rows["ours, energy"] = ours(x, y, mmd.energy())
    rows["ours, coulomb"] = ours(x, y, mmd.coulomb(dim, beta=None if dim < 4 else 2.0))
    times = {name: best(call, seconds) for name, call in rows.items()}
    # 2n² pairs; three products of n x n by d in all, two where distances are differences.
    products = 2 * n * n * 2 * dim * (3 if dim > 4 else 2)
    ideal = products / rates["matmul"] + 2 * n * n / rates["1/(1+x)"]
    for name, taken in times.items():
        ratio = f"{times['KeOps'] / taken:8.1f}" if "KeOps" in times else " " * 8
        fraction = f"{ideal / taken:8.2f}" if name == "ours" else ""
        print(f"{dim:>4} {n:>9,}  {name:<15} {taken * 1e3:>11.2f} ms {ratio} {fraction}", flush=True)
    if n <= TORCH_LIMIT:
        exact = in_float64(x, y)
        off = {name: abs(float(rows[name]()[0]) - exact) for name in ("ours", "KeOps") if name in rows}
        print(" " * 16, "error of the value:", ", ".join(f"{k} {v:.1e}" for k, v in off.items()), flush=True)


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--dims", type=int, nargs="+", default=[2, 64])
    parser.add_argument("--seconds", type=float, default=2.0, help="spent on each row, at least")
    parser.add_argument("--only-ours", action="store_true")
    options = parser.parse_args()
    device = jax.devices()[0]
    print(f"{device.device_kind}, jax {jax.__version__}, Python {platform.python_version()}")
    rates = peaks(options.seconds)
    print("peaks:", ", ".join(f"{name} {rate / 1e9:.1f} G/s" for name, rate in rates.items()))
    print(f"{'d':>4} {'n':>9}  {'':<15} {'time':>11}    {'to KeOps':>8} {'to peak':>8}")
    for dim in options.dims:
        for n in options.points:
            compare(n, dim, rates, options.seconds, others=not options.only_ours)


if __name__ == "__main__":
    main()
