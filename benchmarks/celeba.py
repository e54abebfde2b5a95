"""Training on 64 x 64 colour images: `python benchmarks/celeba.py [--width 0.25] [--batch 100]`.

CouAE with the nets of the Wasserstein autoencoder (latent 64, beta = 2, Adam) as `experiments.celeba` plays
it, against the same nets and loss in PyTorch (channels_last; autocast and torch.compile on a GPU), in turn in
one run. Also: the machine's measured peak in a large matrix product and how much of it the step reaches, and
how fast the input alone is. `--sweep` varies batch, width and latent size, and prints slopes instead.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import time

import jax
import jax.numpy as jnp
import numpy as np

from coulomb_jax import saved
from coulomb_jax.data.batches import BatchOrder
from coulomb_jax.train import feed, optimizers, state
from coulomb_jax.train.launch import launch
from coulomb_jax.train.step import play

SHAPE, LATENT, WEIGHT, RATE = (64, 64, 3), 64, 100.0, 5e-5
CHANNELS = (128, 256, 512, 1024)
IMAGES = 4096


def images() -> np.ndarray:
    """Noise: no operation here takes a time that depends on the values."""
    return np.random.default_rng(0).integers(0, 256, (IMAGES, *SHAPE), np.uint8)


def described(width: float, dtype: str, latent: int = LATENT):
    """The family and its optimizer."""
    arch = {
        "name": "dcgan",
        "x_shape": SHAPE,
        "x_range": (-1.0, 1.0),
        "z_dim": latent,
        "width": width,
        "dtype": dtype,
    }
    _, family = saved.build(saved.describe(arch, {"name": "couae", "weight": WEIGHT}, {"name": "prior"}))
    return family, {"autoencoder": optimizers.make("adam", RATE, 10**6)}


def engine(width, batch, dtype, steps, *, latent=LATENT, transport="whole"):
    """Plays `steps` steps in one call."""
    family, makers = described(width, dtype, latent)
    device = jax.local_devices()[:1]
    examples = feed.make(transport, images(), [BatchOrder(IMAGES, batch, 0)], device)
    step = play(family, family.stages[0], makers)
    run = launch(step, examples, devices=device, pixel_range=(-1.0, 1.0), repeated=False, own_data=False)
    keys = jax.random.split(jax.random.key(0))
    held, key = feed.replicate((state.init(family, makers, keys[0]), keys[1]), device)
    calls = examples.entries(1, [(at, steps) for at in range(0, 10_000 * steps, steps)])

    def more():
        nonlocal held
        held, metrics = run(held, examples.held, next(calls), key)
        jax.block_until_ready(metrics)

    return more


def torch_step(width, batch, dtype, steps):
    """The same in PyTorch, as its users would write it."""
    import torch
    from torch import nn

    device = "cuda" if torch.cuda.is_available() else "cpu"
    sizes = [max(1, round(c * width)) for c in CHANNELS]
    down, inputs = [], 3
    for c in sizes:
        down += [nn.Conv2d(inputs, c, 5, 2, 2), nn.BatchNorm2d(c), nn.ReLU()]
        inputs = c
    encoder = nn.Sequential(*down, nn.Flatten(), nn.Linear(16 * inputs, LATENT))
    up = [nn.Linear(LATENT, 64 * inputs), nn.ReLU(), nn.Unflatten(1, (inputs, 8, 8))]
    for c in sizes[-2::-1]:
        up += [nn.ConvTranspose2d(inputs, c, 5, 2, 2, output_padding=1), nn.BatchNorm2d(c), nn.ReLU()]
        inputs = c
    decoder = nn.Sequential(*up, nn.ConvTranspose2d(inputs, 3, 5, 1, 2), nn.Tanh())
    nets = nn.ModuleList([encoder, decoder]).to(device, memory_format=torch.channels_last)
    adam = torch.optim.Adam(nets.parameters(), lr=RATE)
    data = torch.tensor(images()).permute(0, 3, 1, 2).to(device)
    off = ~torch.eye(batch, dtype=torch.bool, device=device)

    def riesz(a, b):
        r2 = ((a[:, None] - b[None]) ** 2).sum(-1)
        return 1 / r2.clamp_min(1e-12)

    def loss_of(x):
        x = (x.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)
        with torch.autocast(device, torch.bfloat16, enabled=dtype == "bfloat16"):
            z = encoder(x)
            y = decoder(z)
        z, y = z.float(), y.float()
        prior = torch.randn_like(z)
        mmd2 = riesz(z, z)[off].mean() + riesz(prior, prior)[off].mean() - 2 * riesz(z, prior).mean()
        return ((x - y) ** 2).sum((1, 2, 3)).mean() + WEIGHT * mmd2

    compiled = torch.compile(loss_of) if device == "cuda" else loss_of

    def more():
        for _ in range(steps):
            loss = compiled(data[torch.randint(IMAGES, (batch,), device=device)])
            adam.zero_grad(set_to_none=True)
            loss.backward()
            adam.step()
        if device == "cuda":
            torch.cuda.synchronize()

    return more


def peak(dtype: str) -> float:
    """FLOP/s of a large matrix product on one device."""
    n = 8192 if jax.default_backend() != "cpu" else 2048
    a = jnp.ones((n, n), dtype)
    product = jax.jit(lambda a: a @ a)
    return 2 * n**3 / timed({"product": lambda: product(a).block_until_ready()}, 2.0)["product"]


def flops(width: float, batch: int) -> float:
    """Of one step: three products a layer (forward, input, weight), less the first one's input's."""
    sizes = [max(1, round(c * width)) for c in CHANNELS]
    side, inputs, total = 64, 3, 0.0
    for place, c in enumerate(sizes):
        side //= 2
        total += (2 if place == 0 else 3) * 2 * side * side * 25 * inputs * c
        inputs = c
    total += 3 * 2 * side * side * inputs * LATENT + 3 * 2 * LATENT * 64 * inputs
    side = 8
    for c in sizes[-2::-1]:
        total += 3 * 2 * side * side * 25 * inputs * c
        side, inputs = 2 * side, c
    return batch * (total + 3 * 2 * side * side * 25 * inputs * 3)


def timed(rows, seconds):
    """The least time of each row, taken in turn, after one call that compiles."""
    for more in rows.values():
        more()
    best = dict.fromkeys(rows, float("inf"))
    until = time.perf_counter() + seconds * len(rows)
    while time.perf_counter() < until:
        for name, more in rows.items():
            began = time.perf_counter()
            more()
            best[name] = min(best[name], time.perf_counter() - began)
    return best


def compare(options) -> None:
    """Ours and PyTorch's, and the input alone."""
    width, batch, dtype, steps = options.width, options.batch, options.dtype, options.steps
    rows = {"this package": engine(width, batch, dtype, steps)}
    try:
        rows["PyTorch"] = torch_step(width, batch, dtype, steps)
    except ImportError:
        print("PyTorch is not installed: its row is left out")
    best = timed(rows, options.seconds)
    rate, work = peak(dtype), flops(width, batch)
    print(f"width {width:g}, batch {batch}, {dtype}; {work / 1e12:.3f} TFLOP a step")
    print(f"measured peak {rate / 1e12:.2f} TFLOP/s")
    for name, took in best.items():
        each = took / steps
        ratio = best["PyTorch"] / took if "PyTorch" in best else float("nan")
        print(
            f"{name:<14} {batch / each:9,.0f} images/s {1e3 * each:9.1f} ms a step "
            f"{work / each / rate:6.1%} of the peak {ratio:6.2f} x PyTorch"
        )
    order = BatchOrder(IMAGES, batch, 0)
    stream = feed.make("stream", images(), [order], jax.local_devices()[:1])
    calls = stream.entries(1, [(at, 1) for at in range(200)])
    next(calls)
    began = time.perf_counter()
    for entry in itertools.islice(calls, 150):
        jax.device_put(entry).block_until_ready()
    took = (time.perf_counter() - began) / 150
    times = best["this package"] / steps / took
    print(f"input alone, streamed {batch / took:,.0f} images/s: {times:.0f} x the step's")


def sweep(options) -> None:
    """How the time of a step grows with its sizes."""
    sizes = {
        "batch": [{"batch": b} for b in (25, 50, 100, 200)],
        "width": [{"width": w} for w in (0.125, 0.25, 0.5)],
        "latent": [{"latent": d} for d in (16, 64, 256)],
    }
    for name, cases in sizes.items():
        rows = {}
        for case in cases:
            chosen = {"width": options.width, "batch": options.batch, "latent": LATENT} | case
            rows[case[name]] = engine(
                chosen["width"], chosen["batch"], options.dtype, options.steps, latent=chosen["latent"]
            )
        best = timed(rows, options.seconds)
        slope = np.polyfit(np.log(list(best)), np.log(list(best.values())), 1)[0]
        told = ", ".join(f"{k:g}: {1e3 * v / options.steps:.0f} ms" for k, v in best.items())
        print(f"{name:<7} {told}; time ~ {name}^{slope:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    on_cpu = jax.default_backend() == "cpu"
    parser.add_argument("--width", type=float, default=0.25 if on_cpu else 1.0)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--dtype", default="float32" if on_cpu else "bfloat16")
    parser.add_argument("--steps", type=int, default=1 if on_cpu else 50, help="in one call")
    parser.add_argument("--seconds", type=float, default=10.0, help="spent on each row, at least")
    parser.add_argument("--sweep", action="store_true")
    options = parser.parse_args()
    print(f"jax {jax.__version__}, {jax.devices()[0].device_kind}, Python {platform.python_version()}")
    (sweep if options.sweep else compare)(options)


if __name__ == "__main__":
    main()
