"""Small pictures of a known number of latent dimensions: normal codes through a fixed smooth net."""

from __future__ import annotations

import itertools

import numpy as np

from coulomb_jax.data.source import Source, fingerprint

SIDE = 16
HIDDEN = 128
GAIN = 1.5
"""Of the weights: the net bends within a standard deviation of its codes, and its pixels fill their range."""


def load(
    *, seed: int = 0, latent: int = 8, points: int = 20_000, test_points: int = 5_000, net: int = 0
) -> Source:
    """Draw pictures `[n 16 16 1]` that lie on a manifold of `latent` dimensions, up to rounding to bytes.

    x = logistic(W3 tanh(W2 tanh(W1 z))), with z ~ N(0, I), two hidden layers of 128, and weights
    N(0, 1.5^2 / inputs). The weights depend on `net` and `latent` alone: every seed draws other
    pictures of the same law. 8 and 16 dimensions are those of the synthetic sets of [mondal2020], whose
    net is not published.

    Args:
      seed: of the pictures, not negative.
      latent: dimensions of the manifold, from 1 to 128.
      points: training pictures, at least 1.
      test_points: held out, at least 1.
      net: of the weights, not negative: another law.

    Raises:
      ValueError: an argument is out of range.
    """
    if not 1 <= latent <= HIDDEN or points < 1 or test_points < 1:
        raise ValueError(
            f"latent must lie between 1 and {HIDDEN}, points and test_points be at least 1, but they are "
            f"{latent}, {points} and {test_points}; 8, 20000 and 5000 are usual"
        )
    weights = smooth_net(latent, net)
    # A stream each, so that neither set changes with the other's size.
    train, test = (
        pictures(np.random.default_rng([seed, part]).standard_normal((n, latent)), weights)
        for part, n in enumerate((points, test_points))
    )
    return Source(
        name=f"synthetic-{latent}",
        train=train,
        test=test,
        range=(0.0, 1.0),
        fingerprint=fingerprint(train, test),
        synthetic=True,
        details={"latent": latent, "net": net},
    )


def smooth_net(latent: int, net: int = 0) -> tuple[np.ndarray, ...]:
    """The three weight matrices, `[inputs outputs]`."""
    # A third number, as the streams of the pictures have two.
    random = np.random.default_rng([net, latent, 2])
    sizes = (latent, HIDDEN, HIDDEN, SIDE * SIDE)
    return tuple(
        random.standard_normal((inputs, outputs)) * (GAIN / inputs**0.5)
        for inputs, outputs in itertools.pairwise(sizes)
    )


def pictures(z: np.ndarray, weights: tuple[np.ndarray, ...]) -> np.ndarray:
    """The pictures of codes `[n latent]`, uint8."""
    first, second, last = weights
    h = np.tanh(np.tanh(z @ first) @ second) @ last
    pixels = np.round(255.0 / (1.0 + np.exp(-h)))
    return pixels.astype(np.uint8).reshape(len(z), SIDE, SIDE, 1)
