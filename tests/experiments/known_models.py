"""Models whose numbers are known, and a net of features that needs no pictures."""

from types import SimpleNamespace

import jax
import numpy as np
from ml_collections import ConfigDict

from coulomb_jax.data import grid
from experiments.settings import EVAL

OPTIONS = ConfigDict(EVAL | {"samples": 3000, "codes": 400})


class Perfect:
    """Encodes to the prior, decodes to the truth: what no training reaches."""

    pixel_range = None

    def __init__(self, shift=0.0, mmd_loss=None):
        self.shift, self.family = shift, SimpleNamespace(mmd_loss=mmd_loss, cluster=None)

    def encode(self, x, *, key=None):
        return np.asarray(jax.random.normal(jax.random.key(11), (len(x), 2))) + np.float32(self.shift)

    def draw(self, key, n):
        return np.asarray(jax.random.normal(key, (n, 2)))

    def decode(self, z):
        return grid.sample(int(1000 * abs(z[0, 0])), len(z))

    def reconstruct(self, x):
        return x + np.float32(self.shift)


class Counted:
    """Features of pictures that are drawn, as many as they are asked for."""

    suffix, protocol = "_drawn", {"net": "drawn"}

    def __init__(self, dim):
        self.dim = dim

    def __call__(self, images):
        return np.random.default_rng(len(images)).normal(size=(len(images), self.dim))

    def kept(self, source, split, images):
        return self(images)


class Black(Perfect):
    """A model of digits that paints them all black."""

    pixel_range = (0.0, 1.0)

    def decode(self, z):
        return np.zeros((len(z), 8, 8, 1), np.float32)
