"""What the metrics cost: `python benchmarks/metrics.py [--images 64 --rounds 3]` (needs torch==2.13.0).

Features a second of the Inception net of FID on images of 64 x 64 pixels, against the same net with the same
random weights in torch, resizing included, in turn in one run; and the seconds of the statistics of 10,000 x
2,048 features and of the distance. Processor times beside wall times: other programs disturb those less.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import jax
import numpy as np
import torch
import torch.nn.functional as F
import torch_inception

from coulomb_jax.metrics.frechet import frechet_distance, statistics
from coulomb_jax.metrics.kid import kid
from coulomb_jax.nets.features import load

SIDE = 64


def timed(call):
    """Wall and processor seconds of a call."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def in_turn(calls, rounds):
    """Least wall and processor seconds of each call, which run in turn."""
    times = {name: [] for name in calls}
    for call in calls.values():
        call()
    for _ in range(rounds):
        for name, call in calls.items():
            times[name].append(timed(call))
    return {name: [min(column) for column in zip(*pairs)] for name, pairs in times.items()}


def of_torch(state, images, block):
    """Features as pytorch-fid makes them: resized with centres of pixels, to [-1, 1]."""
    parts = []
    with torch.inference_mode():
        for begin in range(0, len(images), block):
            x = torch.tensor(images[begin : begin + block]).permute(0, 3, 1, 2).float() / 255
            x = F.interpolate(x, (299, 299), mode="bilinear", align_corners=False)
            parts.append(torch_inception.forward(state, 2 * x - 1)[0])
    return torch.cat(parts).numpy()


def speed_of_features(given):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (given.images, SIDE, SIDE, 3), np.uint8)
    state = torch_inception.random_state(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inception.pth"
        torch.save(state, path)
        features = load("inception", path, block=given.block)
    calls = {
        "this package": lambda: features(images),
        "torch": lambda: of_torch(state, images, given.block),
    }
    for name, (wall, processor) in in_turn(calls, given.rounds).items():
        rate, per_image = given.images / wall, 1e3 * processor / given.images
        print(f"  {name:<14}{rate:6.1f} images/s{per_image:7.0f} processor ms an image", flush=True)


def cost_of_distances(given):
    random = np.random.default_rng(0)
    scales = np.exp(-np.linspace(0, 5, 2048)).astype(np.float32)
    a, b = random.standard_normal((2, given.rows, 2048), np.float32) * scales
    of_b = statistics(b)
    calls = {
        "statistics": lambda: statistics(a),
        "root": lambda: frechet_distance(of_b, of_b),
        "kid, all pairs": lambda: kid(a, b),
    }
    for name, (wall, processor) in in_turn(calls, given.rounds).items():
        print(f"  {name:<14}{wall:6.2f} s{processor:8.2f} processor s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--block", type=int, default=32)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    print(f"jax {jax.__version__}, torch {torch.__version__}, {jax.devices()[0].device_kind}")
    print(f"Inception features, {SIDE} x {SIDE} pixels, {given.block} images at a time")
    speed_of_features(given)
    print(f"distances, {given.rows} x 2048 features")
    cost_of_distances(given)


if __name__ == "__main__":
    main()
