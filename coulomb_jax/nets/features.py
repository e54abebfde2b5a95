"""Features of images: what distances between sets of images are measured in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Float, Int

from coulomb_jax.naming import nearest
from coulomb_jax.nets import inception, lenet, resnet, weights

BLOCK = 32
"""Images a device at a time."""


class Kind(NamedTuple):
    """A net whose features are used, and how images and files become what it takes.

    Attributes:
      distance: what the Frechet distance between its features is called.
      module: `[b side side channels]` to features and logits.
      dim: of the features.
      side: of the images that the net takes.
      channels: of those images.
      prepare: pixels 0 to 255 of any size to the net's input.
      layer: the path of a layer in the net to its name and its batch norm's in a file.
      epsilon: of the batch norms.
      resize: how `prepare` resizes, in words.
      published: sha256 of the file of weights that the distance is known by, where there is one.
    """

    distance: str
    module: nn.Module
    dim: int
    side: int
    channels: int
    prepare: Callable
    layer: Callable
    epsilon: float
    resize: str
    published: str | None


def _residual(depth: int) -> Kind:
    return Kind(
        f"fid_resnet{depth}",
        resnet.ResNet(depth),
        64,
        resnet.SIDE,
        3,
        resnet.prepare,
        resnet.layer,
        resnet.EPSILON,
        "bilinear, pixels as squares, to 32 x 32",
        None,
    )


KINDS = {
    "inception": Kind(
        "fid",
        inception.Inception(),
        2048,
        inception.SIDE,
        3,
        inception.prepare,
        inception.layer,
        inception.EPSILON,
        "bilinear without centres of pixels, as TensorFlow in 2015, to 299 x 299",
        inception.PUBLISHED,
    ),
    "lenet": Kind(
        "fid_lenet",
        lenet.LeNet(),
        84,
        lenet.SIDE,
        1,
        lenet.prepare,
        lenet.layer,
        0.0,
        "bilinear, pixels as squares, to 32 x 32",
        None,
    ),
    "resnet20": _residual(20),
    "resnet56": _residual(56),
}


@dataclass(frozen=True)
class Features:
    """The features of one net with its weights in place: `features(images)` is `[n dim]` in float32.

    Attributes:
      name: of the Frechet distance they give: "fid" for Inception's alone.
      dim: how many there are.
      fingerprint: the sha256 of the file of weights; statistics of other weights do not compare.
      protocol: what a reader must know to compare a distance, as plain values: net, weights, resizing,
        range, and whether the weights are the published ones.
      channels: that the net takes.
      block: images a call to the devices, the last one filled up.
    """

    name: str
    dim: int
    fingerprint: str
    protocol: Mapping[str, Any]
    channels: int
    block: int
    run: Callable

    def __call__(
        self, images: np.ndarray, image_range: tuple[float, float] = (0.0, 1.0)
    ) -> Float[np.ndarray, "n d"]:
        """The features of images, a block at a time, shared among the devices.

        Args:
          images: uint8, `[n h w c]`; or floats within `image_range`, which are clipped to it and rounded to
            256 levels, as a picture file would keep them. Gray ones go to a net of colours three times.
          image_range: what black and white are, in floats.

        Raises:
          ValueError: images of another rank or kind, colours for a net of gray images, or NaN.
        """
        return self._by_blocks(images, image_range)[0]

    def classify(
        self, images: np.ndarray, image_range: tuple[float, float] = (0.0, 1.0)
    ) -> Int[np.ndarray, "n"]:
        """The class that the net sees in each image, which are as for the features.

        Raises:
          ValueError: as for the features.
        """
        return self._by_blocks(images, image_range)[1]

    def _by_blocks(
        self, images: np.ndarray, image_range: tuple[float, float]
    ) -> tuple[Float[np.ndarray, "n d"], Int[np.ndarray, "n"]]:
        images = np.asarray(images)
        if images.ndim != 4 or images.shape[3] not in (1, self.channels):
            shapes = " or ".join(f"(n, h, w, {c})" for c in sorted({1, self.channels}))
            raise ValueError(
                f"{self.name} takes images of shape {shapes}, not {images.shape}; convert them first"
            )
        features, classes = np.zeros((len(images), self.dim), np.float32), np.zeros(len(images), np.int32)
        for begin in range(0, len(images), self.block):
            rows = to_bytes(images[begin : begin + self.block], image_range)
            end = begin + len(rows)
            rows = np.broadcast_to(rows, (*rows.shape[:3], self.channels))
            # Filled up, so that the last block is no other program.
            filled = np.pad(rows, ((0, self.block - len(rows)), (0, 0), (0, 0), (0, 0)))
            found = self.run(filled)
            features[begin:end], classes[begin:end] = (np.asarray(a)[: len(rows)] for a in found)
        return features, classes


def load(
    kind: str, path: str | Path, *, block: int = BLOCK, devices: Sequence[jax.Device] | None = None
) -> Features:
    """The features of a net whose weights are in a file.

    Args:
      kind: "inception", "lenet", "resnet20" or "resnet56".
      path: as `weights.read` takes it.
      block: images a device at a time, at least 1.
      devices: that share the images; all of this process where None.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: no such net, or a file that is not of it.
    """
    if kind not in KINDS:
        raise ValueError(nearest("net of features", kind, KINDS))
    if block < 1:
        raise ValueError(f"a block must hold at least 1 image, but it is {block}; leave it out")
    net, file = KINDS[kind], weights.read(path)
    mesh = Mesh(np.array(devices or jax.local_devices()), "devices")
    rows, everywhere = NamedSharding(mesh, PartitionSpec("devices")), NamedSharding(mesh, PartitionSpec())
    params = jax.device_put(weights.params(shapes(net), file, net.layer, net.epsilon), everywhere)

    @jax.jit
    def run(params, images):
        features, logits = net.module.apply({"params": params}, net.prepare(images.astype(jnp.float32)))
        return features, jnp.argmax(logits, -1)

    return Features(
        name=net.distance,
        dim=net.dim,
        fingerprint=file.sha256,
        protocol={
            "net": kind,
            "weights": file.path.name,
            "weights_sha256": file.sha256,
            "weights_published": net.published is not None and file.sha256 == net.published,
            "resize": net.resize,
            "range": "8-bit levels; floats are clipped and rounded to them",
        },
        channels=net.channels,
        block=block * mesh.size,
        run=lambda images: run(params, jax.device_put(images, rows)),
    )


def to_bytes(images: np.ndarray, image_range: tuple[float, float]) -> np.ndarray:
    """Images as a picture file keeps them: uint8 as they are, floats clipped, scaled and rounded.

    Raises:
      ValueError: integers of another size, values that are not finite, or an empty range.
    """
    if images.dtype == np.uint8:
        return images
    low, high = image_range
    if not (np.issubdtype(images.dtype, np.floating) and high > low):
        raise ValueError(
            f"images must be uint8, or floats within a range, not {images.dtype} within "
            f"({low}, {high}); convert them"
        )
    if not np.isfinite(images).all():
        raise ValueError("images must be finite, but some are not; a model that diverged has no features")
    return np.rint((np.clip(images, low, high) - low) * (255.0 / (high - low))).astype(np.uint8)


def shapes(net: Kind) -> Mapping[str, Any]:
    """The parameters of a net, by layer, as shapes."""
    example = jnp.zeros((1, net.side, net.side, net.channels))
    return jax.eval_shape(net.module.init, jax.random.key(0), example)["params"]
