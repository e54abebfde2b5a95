"""A trained model beside its data, and what the measures ask of the two, each made once."""

from __future__ import annotations

import zlib
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from coulomb_jax import mmd
from coulomb_jax.data.source import Source
from coulomb_jax.metrics import interpolation
from coulomb_jax.model import BLOCK, Model
from coulomb_jax.naming import nearest
from coulomb_jax.nets.pixels import to_units
from experiments.features import FeatureStore

KERNELS = ("coulomb", "energy", "wae_multiscale")
"""Kernels that need no more than the dimension: those that `eval.kernel` may name."""

# Folded into the seed, so that evaluation never meets a key of training, which splits the same seed.
EVALUATION = 0x6E756D62


def kernel(name: str, dim: int):
    """The kernel that latent codes are compared with the prior by.

    Raises:
      ValueError: no such kernel, with the nearest valid names.
    """
    if name not in KERNELS:
        raise ValueError(nearest("kernel", name, KERNELS))
    return mmd.energy() if name == "energy" else getattr(mmd, name)(dim)


class Subject:
    """What is measured: pictures as uint8, vectors as they are.

    Args:
      model: trained.
      source: its data.
      options: `config.eval`.
      seed: of everything drawn; what is drawn for one purpose does not depend on the others.
      features: of pictures, shared by the subjects of a run.
    """

    def __init__(
        self, model: Model, source: Source, options: ConfigDict, seed: int, features: FeatureStore | None = None
    ):
        self.model, self.source, self.options, self.features = model, source, options, features
        self._key = jax.random.fold_in(jax.random.key(seed), EVALUATION)

    def key(self, purpose: str) -> jax.Array:
        """A key of its own for every purpose."""
        return jax.random.fold_in(self._key, zlib.crc32(purpose.encode()))

    def with_model(self, model: Model) -> Subject:
        """The same data and seed with another model."""
        other = Subject(model, self.source, self.options, 0, self.features)
        other._key = self._key
        return other

    @cached_property
    def test(self) -> np.ndarray:
        """Held-out examples, `eval.samples` at most."""
        return spread_out(self.source.test, self.options.samples)

    @cached_property
    def samples(self) -> np.ndarray:
        """`eval.samples` generated examples."""
        return self._blocks(lambda z: self.model.decode(z), self._drawn("samples", self.options.samples))

    @cached_property
    def reconstructions(self) -> np.ndarray:
        """`test`, encoded and decoded."""
        return self._blocks(self.model.reconstruct, self.test)

    @cached_property
    def interpolations(self) -> np.ndarray:
        """As many midpoints between the codes of random pairs of test examples, by `eval.interpolation`."""
        z, n = self.test_codes, self.options.samples
        rng = np.random.default_rng(np.asarray(jax.random.key_data(self.key("pairs"))))
        first = rng.integers(0, len(z), n)
        second = (first + rng.integers(1, len(z), n)) % len(z)
        between = interpolation.between(self.options.interpolation)
        return self._blocks(lambda a: self.model.decode(a), np.asarray(between(z[first], z[second], 0.5)))

    @cached_property
    def test_codes(self) -> np.ndarray:
        """Posterior means of `test`."""
        return self.model.encode(self.test)

    def codes(self, n: int) -> np.ndarray:
        """Draws from the posteriors of `n` test examples."""
        return self.model.encode(spread_out(self.source.test, n), key=self.key("codes"))

    def drawn(self, n: int) -> np.ndarray:
        """`n` codes from the model's prior or sampler."""
        return self._drawn("prior", n)

    def units(self, x: np.ndarray) -> np.ndarray:
        """Examples as float64, pixels in the model's range."""
        return np.asarray(to_units(jnp.asarray(x), self.source.range), np.float64)

    def _drawn(self, purpose: str, n: int) -> np.ndarray:
        return self.model.draw(self.key(purpose), n)

    def _blocks(self, make, inputs: np.ndarray) -> np.ndarray:
        parts = [stored(make(inputs[i : i + BLOCK]), self.source.range) for i in range(0, len(inputs), BLOCK)]
        return np.concatenate(parts)


def stored(x: np.ndarray, pixel_range: tuple[float, float] | None) -> np.ndarray:
    """Pictures as uint8, as an image file would hold them; vectors as they are."""
    if pixel_range is None:
        return x
    low, high = pixel_range
    return np.round(255.0 * np.clip((x - low) / (high - low), 0.0, 1.0)).astype(np.uint8)


def spread_out(x: np.ndarray, n: int) -> np.ndarray:
    """`n` examples at equal distances, all where there are fewer: a test set may be sorted."""
    return x[np.linspace(0, len(x) - 1, min(n, len(x))).round().astype(int)]


def settings(options: ConfigDict, *names: str) -> dict[str, Any]:
    """Some of the options, as a record of protocol."""
    return {name: options[name] for name in names}
