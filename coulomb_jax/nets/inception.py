"""Inception-v3 as the Frechet inception distance knows it: the TensorFlow graph of 2015-12-05.

It differs from later ones [szegedy2016]: average pools leave the padding out of their means, the last block
pools by the maximum, and there are 1,008 classes. All of it is float32 at full precision: what TensorFloat-32
or bfloat16 leave of the features moves the distance.
"""

from __future__ import annotations

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

SIDE = 299
EPSILON = 1e-3
PUBLISHED = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
"""The sha256 of `pt_inception-2015-12-05-6726825d.pth`, the graph's weights as everyone uses them."""

ROW, COLUMN = (1, 7), (7, 1)


def _unit(
    x: jax.Array,
    name: str,
    channels: int,
    kernel: tuple[int, int] = (1, 1),
    stride: int = 1,
    padding: str = "SAME",
) -> jax.Array:
    """A convolution, its batch norm folded in, and a relu."""
    return nn.relu(nn.Conv(channels, kernel, stride, padding, precision="highest", name=name)(x))


def _chain(x: jax.Array, branch: str, *units: tuple[int, tuple[int, int]]) -> jax.Array:
    """Units one after the other, which the file numbers from 1."""
    for i, (channels, kernel) in enumerate(units, 1):
        x = _unit(x, f"{branch}_{i}", channels, kernel)
    return x


def _average(x: jax.Array) -> jax.Array:
    return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False)


_halve = partial(nn.max_pool, window_shape=(3, 3), strides=(2, 2), padding="VALID")


class BlockA(nn.Module):
    """35 x 35 pixels: 224 channels and the `pooled`."""

    pooled: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        one = _unit(x, "branch1x1", 64)
        five = _chain(x, "branch5x5", (48, (1, 1)), (64, (5, 5)))
        double = _chain(x, "branch3x3dbl", (64, (1, 1)), (96, (3, 3)), (96, (3, 3)))
        pool = _unit(_average(x), "branch_pool", self.pooled)
        return jnp.concatenate([one, five, double, pool], -1)


class BlockB(nn.Module):
    """35 x 35 to 17 x 17 pixels: 480 channels and those it is given."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        three = _unit(x, "branch3x3", 384, (3, 3), 2, "VALID")
        double = _chain(x, "branch3x3dbl", (64, (1, 1)), (96, (3, 3)))
        double = _unit(double, "branch3x3dbl_3", 96, (3, 3), 2, "VALID")
        return jnp.concatenate([three, double, _halve(x)], -1)


class BlockC(nn.Module):
    """17 x 17 pixels: 768 channels, through `narrow` ones."""

    narrow: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        n = self.narrow
        one = _unit(x, "branch1x1", 192)
        seven = _chain(x, "branch7x7", (n, (1, 1)), (n, ROW), (192, COLUMN))
        double = _chain(x, "branch7x7dbl", (n, (1, 1)), (n, COLUMN), (n, ROW), (n, COLUMN), (192, ROW))
        pool = _unit(_average(x), "branch_pool", 192)
        return jnp.concatenate([one, seven, double, pool], -1)


class BlockD(nn.Module):
    """17 x 17 to 8 x 8 pixels: 512 channels and those it is given."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        three = _unit(x, "branch3x3_1", 192)
        three = _unit(three, "branch3x3_2", 320, (3, 3), 2, "VALID")
        seven = _chain(x, "branch7x7x3", (192, (1, 1)), (192, ROW), (192, COLUMN))
        seven = _unit(seven, "branch7x7x3_4", 192, (3, 3), 2, "VALID")
        return jnp.concatenate([three, seven, _halve(x)], -1)


class BlockE(nn.Module):
    """8 x 8 pixels: 2,048 channels; the graph's second one pools by the maximum."""

    maximum: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        one = _unit(x, "branch1x1", 320)
        three = _chain(x, "branch3x3", (384, (1, 1)))
        double = _chain(x, "branch3x3dbl", (448, (1, 1)), (384, (3, 3)))
        pool = nn.max_pool(x, (3, 3), (1, 1), "SAME") if self.maximum else _average(x)
        sides = [
            _unit(y, name, 384, kernel)
            for name, kernel, y in (
                ("branch3x3_2a", (1, 3), three),
                ("branch3x3_2b", (3, 1), three),
                ("branch3x3dbl_3a", (1, 3), double),
                ("branch3x3dbl_3b", (3, 1), double),
            )
        ]
        return jnp.concatenate([one, *sides, _unit(pool, "branch_pool", 192)], -1)


class Inception(nn.Module):
    """Images as `prepare` makes them to features `[b 2048]`, the graph's "pool3", and logits `[b 1008]`."""

    @nn.compact
    def __call__(self, x: Float[Array, "b h w 3"]) -> tuple[Float[Array, "b 2048"], Float[Array, "b 1008"]]:
        x = _unit(x, "Conv2d_1a_3x3", 32, (3, 3), 2, "VALID")
        x = _unit(x, "Conv2d_2a_3x3", 32, (3, 3), 1, "VALID")
        x = _unit(x, "Conv2d_2b_3x3", 64, (3, 3))
        x = _unit(_halve(x), "Conv2d_3b_1x1", 80)
        x = _unit(x, "Conv2d_4a_3x3", 192, (3, 3), 1, "VALID")
        x = _halve(x)
        for letter, pooled in zip("bcd", (32, 64, 64)):
            x = BlockA(pooled, name=f"Mixed_5{letter}")(x)
        x = BlockB(name="Mixed_6a")(x)
        for letter, narrow in zip("bcde", (128, 160, 160, 192)):
            x = BlockC(narrow, name=f"Mixed_6{letter}")(x)
        x = BlockD(name="Mixed_7a")(x)
        x = BlockE(maximum=False, name="Mixed_7b")(x)
        x = BlockE(maximum=True, name="Mixed_7c")(x)
        features = jnp.mean(x, (1, 2))
        return features, nn.Dense(1008, precision="highest", name="fc")(features)


def layer(path: str) -> tuple[str, str | None]:
    """The names of a layer and its batch norm in a file, by its path in the net."""
    return (path, None) if path == "fc" else (f"{path}.conv", f"{path}.bn")


def prepare(pixels: Float[Array, "b h w 3"]) -> Float[Array, "b 299 299 3"]:
    """Pixels 0 to 255 as the graph takes them: resized, less 128, over 128."""
    return (resize(pixels, SIDE) - 128.0) * (1 / 128)


def resize(pixels: Float[Array, "b h w c"], side: int) -> Float[Array, "b side side c"]:
    """Bilinear resizing as TensorFlow did it in 2015: pixel i of the result lies at i · size/side.

    That is, neither are the corners aligned nor are pixels squares with a centre: the picture moves by up
    to half a pixel, and nothing is averaged where it shrinks. pytorch-fid resizes with centres, and
    gives values that differ from the graph's (by 0.08 on one set, its authors say).
    """
    above, below, down = _places(pixels.shape[1], side)
    left, right, across = _places(pixels.shape[2], side)
    rows = _between(pixels[:, above], pixels[:, below], down[None, :, None, None])
    return _between(rows[:, :, left], rows[:, :, right], across[None, None, :, None])


def _between(a: jax.Array, b: jax.Array, share: np.ndarray) -> jax.Array:
    return a + (b - a) * share


def _places(size: int, side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Neighbours of each pixel of the result, and the share of the second, in float32 as the graph has it."""
    places = np.arange(side, dtype=np.float32) * np.float32(size / side)
    first = places.astype(np.int32)
    return first, np.minimum(first + 1, size - 1), places - first.astype(np.float32)
