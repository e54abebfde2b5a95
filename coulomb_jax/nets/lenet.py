"""LeNet-5 [lecun1998] as published MNIST weights have it: the features of a Frechet distance on digits."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

SIDE = 32


class LeNet(nn.Module):
    """Gray images `[b 32 32 1]` as `prepare` makes them to features `[b 84]` and logits `[b 10]`."""

    @nn.compact
    def __call__(self, x: Float[Array, "b 32 32 1"]) -> tuple[Float[Array, "b 84"], Float[Array, "b 10"]]:
        for name, channels in (("c1", 6), ("c3", 16)):
            x = _halve(_convolution(x, name, channels))
        x = _convolution(x, "c5", 120)[:, 0, 0]
        features = nn.tanh(nn.Dense(84, precision="highest", name="fc.f6")(x))
        return features, nn.Dense(10, precision="highest", name="fc.f7")(features)


def _convolution(x: jax.Array, name: str, channels: int) -> jax.Array:
    layer = nn.Conv(channels, (5, 5), padding="VALID", precision="highest", name=f"convnet.{name}")
    return nn.tanh(layer(x))


def _halve(x: jax.Array) -> jax.Array:
    """The maximum of each 2 x 2 pixels; the gradient of a window's is slow on a CPU."""
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).max((2, 4))


def layer(path: str) -> tuple[str, str | None]:
    """The names of a layer and its batch norm in a file, by its path in the net."""
    return path, None


def prepare(pixels: Float[Array, "b h w 1"]) -> Float[Array, "b 32 32 1"]:
    """Pixels 0 to 255 resized and scaled to [0, 1]: in other units the published weights err."""
    shape = (pixels.shape[0], SIDE, SIDE, pixels.shape[3])
    return jax.image.resize(pixels, shape, "linear", precision="highest") * jnp.float32(1 / 255)
