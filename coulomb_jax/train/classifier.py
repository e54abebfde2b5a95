"""A small classifier of labelled images, for a Frechet distance where no published weights are at hand."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Int, UInt8

from coulomb_jax.nets.lenet import LeNet, layer, prepare

BATCH, EPOCHS, RATE = 100, 3, 2e-3
NET, ADAM = LeNet(), optax.scale_by_adam()


def train_lenet(
    path: str | Path,
    images: UInt8[np.ndarray, "n h w 1"],
    labels: Int[np.ndarray, "n"],
    *,
    seed: int = 0,
    epochs: int = EPOCHS,
) -> Path:
    """Trains LeNet-5 on labelled gray images and writes its weights, for `nets.features.load("lenet", path)`.

    Adam on the cross-entropy, the rate falling to 0 as a cosine. 60,000 images take about a minute of two
    cores; the same arguments give the same file on the same machine.

    Args:
      path: of the `.npz` to write, in the names and layout of the published weights.
      images: gray, of any size.
      labels: 0 to 9.
      seed: of the initial weights and of the order.
      epochs: passes over the images, at least 1.

    Raises:
      ValueError: fewer images than a batch, images of another kind, or other labels.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 1 or len(images) < BATCH:
        raise ValueError(
            f"LeNet is trained on at least {BATCH} gray images (n, h, w, 1) in uint8, not on "
            f"{images.shape} in {images.dtype}; take others"
        )
    if len(labels) != len(images) or np.min(labels) < 0 or np.max(labels) > 9:
        raise ValueError("every image needs a label from 0 to 9; LeNet has ten classes")
    steps = epochs * (len(images) // BATCH)
    random = np.random.default_rng(seed)
    params = NET.init(jax.random.key(seed), jnp.zeros((1, 32, 32, 1)))["params"]
    state = ADAM.init(params)
    order = np.concatenate(
        [random.permutation(len(images))[: steps // epochs * BATCH] for _ in range(epochs)]
    )
    for i, rows in enumerate(order.reshape(steps, BATCH)):
        rate = np.float32(RATE / 2 * (1 + np.cos(np.pi * i / steps)))
        params, state = _step(params, state, images[rows], labels[rows].astype(np.int32), rate)
    with Path(path).open("wb") as file:
        np.savez(file, **_by_published_names(params))
    return Path(path)


@jax.jit
def _step(params, state, pixels, classes, rate):
    def loss(params):
        _, logits = NET.apply({"params": params}, prepare(pixels.astype(jnp.float32)))
        return optax.softmax_cross_entropy_with_integer_labels(logits, classes).mean()

    updates, state = ADAM.update(jax.grad(loss)(params), state)
    return jax.tree.map(lambda p, u: p - rate * u, params, updates), state


def _by_published_names(params: dict) -> dict[str, np.ndarray]:
    arrays = {}
    for name, of_layer in params.items():
        kernel = np.asarray(of_layer["kernel"])
        published, _ = layer(name)
        # Flax has (..., in, out), the published file (out, in, ...).
        arrays[f"{published}.weight"] = kernel.transpose(-1, -2, *range(kernel.ndim - 2))
        arrays[f"{published}.bias"] = np.asarray(of_layer["bias"])
    return arrays
