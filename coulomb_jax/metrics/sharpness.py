"""Sharpness of images by the Laplace filter."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Num

# Luminance of red, green and blue, as in the code of [tolstikhin2018].
GREY = (0.2989, 0.5870, 0.1140)
BATCH = 256


def sharpness(images: Num[Array, "n h w c"]) -> Float[np.ndarray, " n"]:
    """Variance of the Laplace filter's response to each image; their mean is the figure published.

    Grey-scale, then [[0, 1, 0], [1, −4, 1], [0, 1, 0]] where it fits inside the image, then the
    variance over places. Blurred images have little, noise has much: 20·s² for independent
    pixels of standard deviation s. It goes with the square of the pixels' range, so take pixels in
    [−1, 1] to [0, 1] first: there faces of CelebA (crop 140, 64 pixels) have 0.022.

    Args:
      images: n images of at least 3 x 3 pixels, 1 or 3 channels; uint8 is taken to [0, 1],
        floating pixels as they are.

    Returns:
      One value >= 0 an image, float32.

    Raises:
      TypeError: pixels that are neither uint8 nor floating.
      ValueError: another rank, number of channels or size.

    Source: [tolstikhin2018] section 4, over 1,000 images there.
    """
    pixels = np.asarray(images)
    if pixels.ndim != 4 or pixels.shape[3] not in (1, 3) or min(pixels.shape[1:3]) < 3 or not len(pixels):
        raise ValueError(
            f"images must be [n, height, width, 1 or 3] with at least 3 pixels a side, but their shape is "
            f"{pixels.shape}; reshape them"
        )
    if pixels.dtype != np.uint8 and not jnp.issubdtype(pixels.dtype, jnp.floating):
        raise TypeError(
            f"pixels must be uint8 or floating, but their dtype is {pixels.dtype}; cast them first"
        )
    starts = range(0, len(pixels), BATCH)
    return np.concatenate([np.asarray(_sharpness(pixels[start : start + BATCH])) for start in starts])


@jax.jit
def _sharpness(images):
    scale = 255.0 if images.dtype == jnp.uint8 else 1.0
    x = images.astype(jnp.float32) / scale
    weights = GREY if x.shape[3] == 3 else (1.0,)
    x = sum(weight * x[..., channel] for channel, weight in enumerate(weights))
    x = x[:, 1:-1, :-2] + x[:, 1:-1, 2:] + x[:, :-2, 1:-1] + x[:, 2:, 1:-1] - 4.0 * x[:, 1:-1, 1:-1]
    return jnp.var(x, (1, 2))
