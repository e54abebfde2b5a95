"""Residual nets for CIFAR-10 [he2016] as published weights have them: features of a Frechet distance."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

SIDE = 32
EPSILON = 1e-5
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
AROUND = ((1, 1), (1, 1))  # also at stride 2, where "SAME" pads below and on the right alone


class ResNet(nn.Module):
    """Images `[b 32 32 3]` as `prepare` makes them to features `[b 64]` and logits `[b 10]`.

    Attributes:
      depth: layers with weights, 6 n + 2.
    """

    depth: int

    @nn.compact
    def __call__(self, x: Float[Array, "b 32 32 3"]) -> tuple[Float[Array, "b 64"], Float[Array, "b 10"]]:
        x = nn.relu(_convolution(x, "conv1", 16, 1))
        for stage, channels in enumerate((16, 32, 64), 1):
            for block in range((self.depth - 2) // 6):
                stride = 2 if channels > x.shape[-1] else 1
                y = nn.relu(_convolution(x, f"layer{stage}.{block}.conv1", channels, stride))
                y = _convolution(y, f"layer{stage}.{block}.conv2", channels, 1)
                x = nn.relu(y + _shortcut(x, channels, stride))
        features = jnp.mean(x, (1, 2))
        return features, nn.Dense(10, precision="highest", name="linear")(features)


def _convolution(x: jax.Array, name: str, channels: int, stride: int) -> jax.Array:
    """A 3 x 3 convolution, its batch norm folded in."""
    return nn.Conv(channels, (3, 3), stride, AROUND, precision="highest", name=name)(x)


def _shortcut(x: jax.Array, channels: int, stride: int) -> jax.Array:
    """Every other pixel where the stride is 2, and channels of zeros on both sides of those there are."""
    more = (channels - x.shape[-1]) // 2
    return jnp.pad(x[:, ::stride, ::stride], ((0, 0), (0, 0), (0, 0), (more, more)))


def layer(path: str) -> tuple[str, str | None]:
    """The names of a layer and its batch norm in a file, by its path in the net."""
    return (path, None) if path == "linear" else (path, path.replace("conv", "bn"))


def prepare(pixels: Float[Array, "b h w 3"]) -> Float[Array, "b 32 32 3"]:
    """Pixels 0 to 255 resized, scaled to [0, 1], less ImageNet's means, over its deviations."""
    resized = jax.image.resize(pixels, (pixels.shape[0], SIDE, SIDE, 3), "linear", precision="highest")
    mean, deviation = (np.float32(row)[None, None, None] for row in (MEAN, DEVIATION))
    return (resized * jnp.float32(1 / 255) - mean) / deviation
