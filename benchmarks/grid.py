"""Training steps per second on the 25-Gaussian grid: `python benchmarks/grid.py [--seconds 5]`.

All rows are measured in turn in one run, several times over, and each row's best is printed with its ratio to
the naive step: the same objective, jitted, called from Python once a step with a batch made by numpy. With
PyTorch installed, the same step in eager PyTorch is a row too.
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
from coulomb_jax.data import grid
from coulomb_jax.data.batches import BatchOrder
from coulomb_jax.nets.bound import AXIS
from coulomb_jax.train import feed, optimizers, state
from coulomb_jax.train.launch import launch
from coulomb_jax.train.step import play
from experiments import files

STEPS = 500


def built(config_file: str, **overrides):
    """Family, optimizers and config of the grid's default preset."""
    _, config = files.read(config_file, "grid")
    config.update_from_flattened_dict(overrides)
    plain = config.to_dict()
    arch = plain["arch"] | {"x_shape": (2,), "x_range": None}
    _, family = saved.build(saved.describe(arch, plain["family"], plain["sampler"]))
    makers = {k: optimizers.make(steps=10**6, **v) for k, v in plain["optimizers"].items()}
    return family, makers, config


def engine(config_file: str, *, repetitions: int = 1, **overrides):
    """A function that plays STEPS steps as `experiments.grid` does, order of examples included."""
    family, makers, config = built(config_file, **overrides)
    device = jax.local_devices()[:1]
    seeds = range(repetitions)
    points = [grid.load(seed=seed).train for seed in seeds]
    orders = [BatchOrder(len(points[0]), config.batch, seed) for seed in seeds]
    keys = jax.random.split(jax.random.key(0), (2, repetitions))
    repeated = repetitions > 1
    fresh = jax.jit(jax.vmap(lambda key: state.init(family, makers, key)))(keys[0])
    data = np.stack(points)
    if not repeated:
        fresh, data, keys = jax.tree.map(lambda a: a[0], fresh), data[0], keys[:, 0]
    examples = feed.make("whole", data, orders, device, repeated=repeated, own_data=repeated)
    run = launch(
        play(family, family.stages[0], makers),
        examples,
        devices=device,
        pixel_range=None,
        repeated=repeated,
        own_data=repeated,
    )
    held, key = feed.replicate((fresh, keys[1]), device)
    calls = examples.entries(1, ((at, STEPS) for at in itertools.count(0, STEPS)))

    def more():
        nonlocal held
        held, metrics = run(held, examples.held, next(calls), key)
        jax.block_until_ready(metrics)

    return more


def naive(config_file: str):
    """The same step, jitted and nothing else."""
    family, makers, config = built(config_file)
    step = play(family, family.stages[0], makers)
    step = jax.jit(jax.vmap(step, axis_name=AXIS, in_axes=(None, 1, None), out_axes=None))
    points, random, key = grid.load().train, np.random.default_rng(0), jax.random.key(0)
    held = state.init(family, makers, key)

    def more():
        nonlocal held
        for _ in range(STEPS):
            x = points[random.choice(len(points), config.batch, replace=False)]
            held, metrics = step(held, jnp.asarray(x)[None, None], key)
        jax.block_until_ready(metrics)

    return more


def eager_torch():
    """The CouAE with a sampled prior in eager PyTorch, written as its users would."""
    import torch

    def net():
        linear, tanh = torch.nn.Linear, torch.nn.Tanh()
        return torch.nn.Sequential(linear(2, 128), tanh, linear(128, 128), tanh, linear(128, 2))

    encoder, decoder = net(), net()
    adam = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], lr=1e-3)
    points, n = torch.tensor(grid.load().train), 100
    off = ~torch.eye(n, dtype=torch.bool)

    def energy(a, b):
        return -torch.log((((a[:, None] - b[None]) ** 2).sum(-1) + 1e-12).sqrt())

    def more():
        for _ in range(STEPS // 10):
            x = points[torch.randperm(len(points))[:n]]
            z, prior = encoder(x), torch.randn(n, 2)
            mmd2 = energy(z, z)[off].mean() + energy(prior, prior)[off].mean() - 2 * energy(z, prior).mean()
            loss = ((x - decoder(z)) ** 2).sum(1).mean() + 100 * mmd2
            adam.zero_grad()
            loss.backward()
            adam.step()

    return more


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="spent on each row, at least")
    seconds = parser.parse_args().seconds
    rows = {
        "naive: jit, a call a step": (naive("couae.py"), STEPS),
        "autoencoder, no prior": (engine("autoencoder.py"), STEPS),
        "vae": (engine("vae.py"), STEPS),
        "wae_mmd": (engine("wae_mmd.py"), STEPS),
        "couae, prior sampled": (engine("couae.py", **{"family.prior": "sampled"}), STEPS),
        "couae, prior exact": (engine("couae.py"), STEPS),
        "couae, exact, 3 repetitions": (engine("couae.py", repetitions=3), 3 * STEPS),
        "couae, exact, 10 repetitions": (engine("couae.py", repetitions=10), 10 * STEPS),
    }
    try:
        rows["eager PyTorch, sampled"] = (eager_torch(), STEPS // 10)
    except ImportError:
        print("PyTorch is not installed: its row is left out")
    best = dict.fromkeys(rows, float("inf"))
    for more, _ in rows.values():
        more()
    until = time.perf_counter() + seconds * len(rows)
    while time.perf_counter() < until:
        for name, (more, _) in rows.items():
            began = time.perf_counter()
            more()
            best[name] = min(best[name], time.perf_counter() - began)
    speeds = {name: steps / best[name] for name, (_, steps) in rows.items()}
    machine = f"{jax.devices()[0].device_kind}, Python {platform.python_version()}"
    print(f"jax {jax.__version__}, {machine}")
    for name, speed in speeds.items():
        ratio = speed / next(iter(speeds.values()))
        print(f"{name:<32} {speed:8,.0f} model-steps/s {ratio:6.2f} x naive")


if __name__ == "__main__":
    main()
