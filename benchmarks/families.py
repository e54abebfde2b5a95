"""Training steps per second of every family: `python benchmarks/families.py [--seconds 5]`.

Each config at its defaults for the digits (MLP 256-256 at both sides, latent 8, batch 100), the train stage
alone. Rows are measured in turn in one run, several times over, and each row's least times are printed: of
the clock and of the processors, which other programs disturb less. To be expected are the operations of a
round, all passes through all nets, over the plain autoencoder's. They leave out the pairs of an MMD, which
have rows of their own, with the gradient.
"""

from __future__ import annotations

import argparse
import inspect
import itertools
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from coulomb_jax import families, mmd, saved
from coulomb_jax.data import digits
from coulomb_jax.data.batches import BatchOrder
from coulomb_jax.train import cost, feed, optimizers, state
from coulomb_jax.train.launch import launch
from coulomb_jax.train.step import play
from experiments import files

FIRST = "autoencoder"
LONGEST = 100
"""Steps a call of the plain autoencoder; others take as many as keep their calls about as long."""


class Row(NamedTuple):
    """Something to time: `more` plays `steps` rounds of `flops` operations; `lines` of the family's file."""

    more: Callable[[], None]
    steps: int
    flops: int
    lines: int


def built(config_file: str, source):
    """Family and config of a config file's defaults."""
    _, config = files.read(config_file, "digits")
    plain = config.to_dict()
    arch = plain["arch"] | {"x_shape": source.train.shape[1:], "x_range": source.range}
    _, family = saved.build(saved.describe(arch, plain["family"], plain["sampler"]))
    return family, config


def training(config_file: str, source, first: int | None) -> Row:
    """The train stage of a config, `first` the operations of the plain autoencoder's round."""
    family, config = built(config_file, source)
    makers = {k: optimizers.make(steps=10**6, **v) for k, v in config.optimizers.to_dict().items()}
    stage = next(s for s in family.stages if s.name == "train")
    flops = cost.stage_flops(family, makers, (config.batch, *source.train.shape[1:]))["train"]
    # Two at least: one step is no loop to XLA, and would be another program.
    steps = max(2, round(LONGEST * (first or flops) / flops))

    device = jax.local_devices()[:1]
    examples = feed.make("whole", source.train, [BatchOrder(len(source.train), config.batch, 0)], device)
    step = play(family, stage, makers)
    run = launch(step, examples, devices=device, pixel_range=source.range, repeated=False, own_data=False)
    keys = jax.random.split(jax.random.key(0))
    held, key = feed.replicate((state.init(family, makers, keys[0], len(source.train)), keys[1]), device)
    moves = max(update.repeat for update in stage.updates)
    calls = examples.entries(moves, ((at, steps) for at in itertools.count(0, steps)))

    def more():
        nonlocal held
        held, metrics = run(held, examples.held, next(calls), key)
        jax.block_until_ready(metrics)

    made_by = Path(inspect.getfile(families.function(config.family.name)))
    return Row(more, steps, flops, len(made_by.read_text().splitlines()))


def mmd_alone(config_file: str, source, lines: int) -> Row | None:
    """The MMD of as many codes and draws as a batch has, and its gradient; None where the loss has none."""
    family, config = built(config_file, source)
    if family.mmd_loss is None:
        return None
    shape = (config.batch, config.arch.z_dim)

    def one(z, key):
        code, prior = jax.random.normal(key, (2, *shape))
        # From one step to the next, or a loop would compute them all at once.
        value, slope = jax.value_and_grad(mmd.mmd2)(code + 1e-9 * z, prior, family.mmd_loss.kernel)
        return slope, value

    run = jax.jit(lambda keys: jax.lax.scan(one, jnp.zeros(shape), keys))
    keys = jax.random.split(jax.random.key(0), LONGEST)
    return Row(lambda: jax.block_until_ready(run(keys)), LONGEST, 0, lines)


def timed(rows: dict[str, Row], seconds: float) -> dict[str, np.ndarray]:
    """The least times of a step, of the clock and of the processors, after one call that compiles."""
    for name, each in rows.items():
        began = time.perf_counter()
        each.more()
        print(f"{name} compiled in {time.perf_counter() - began:.1f} s", flush=True)
    best = {name: np.full(2, np.inf) for name in rows}
    until = time.perf_counter() + seconds * len(rows)
    while time.perf_counter() < until:
        for name, each in rows.items():
            began = time.perf_counter(), time.process_time()
            each.more()
            took = np.subtract((time.perf_counter(), time.process_time()), began)
            best[name] = np.minimum(best[name], took / each.steps)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="spent on each row, at least")
    seconds = parser.parse_args().seconds
    source = digits.load()
    rows = {FIRST: training(f"{FIRST}.py", source, None)}
    for config_file in files.names():
        name = Path(config_file).stem
        if name != FIRST:
            rows[name] = training(config_file, source, rows[FIRST].flops)
        alone = mmd_alone(config_file, source, rows[name].lines)
        if alone:
            rows[f"{name}, its MMD alone"] = alone
    best = timed(rows, seconds)
    print(f"jax {jax.__version__}, {jax.devices()[0].device_kind}, Python {platform.python_version()}")
    print("| config | lines | steps/s | processor ms | expected | ratio | to expected | by the clock |")
    print("|---" * 8 + "|")
    for name, each in rows.items():
        step, processor = best[name]
        clock, ratio = best[name] / best[FIRST]
        expected = each.flops / rows[FIRST].flops
        counted, excess = (f"{expected:.2f}", f"{ratio / expected:.2f}") if expected else ("", "")
        speed = f"{1.0 / step:,.0f} | {1e3 * processor:.2f}"
        print(f"| {name} | {each.lines} | {speed} | {counted} | {ratio:.2f} | {excess} | {clock:.2f} |")


if __name__ == "__main__":
    main()
