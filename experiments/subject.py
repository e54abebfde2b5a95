"""A trained model beside its data, and what the measures ask of the two, each made once."""

from __future__ import annotations

import zlib
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np

from coulomb_jax import mmd
from coulomb_jax.data.source import Source
from coulomb_jax.density.kmeans import k_means
from coulomb_jax.metrics import frechet, interpolation, precision_recall
from coulomb_jax.metrics.reconstruction import squared_errors
from coulomb_jax.model import BLOCK, Model
from coulomb_jax.naming import nearest
from coulomb_jax.nets.pixels import to_units
from experiments import progress

KERNELS = ("coulomb", "energy", "wae_multiscale")
"""Kernels that need no more than the dimension: those that `eval.kernel` may name."""
INTERPOLATIONS = {
    "linear": interpolation.linear,
    "norm_preserving": interpolation.norm_preserving,
    "spherical": interpolation.spherical,
}
"""Ways between two codes that `eval.interpolation` may name; [ghosh2020] takes the last."""

# Folded into the seed, so that evaluation never meets a key of training, which splits the same seed.
EVALUATION = 0x6E756D62
HALF = np.array([0.5], np.float32)


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
      features: of pictures, a `FeatureStore`; None where nothing asks for them.
      own: it draws as it was trained to, not by a sampler fitted to it since.
    """

    def __init__(self, model: Model, source: Source, options, seed: int, features=None, *, own: bool = True):
        self.model, self.source, self.options, self.features = model, source, options, features
        self.seed, self.own = seed, own
        self.measured_curve: precision_recall.PrecisionRecall | None = None
        self._key = jax.random.fold_in(jax.random.key(seed), EVALUATION)

    def key(self, purpose: str) -> jax.Array:
        """A key of its own for every purpose."""
        return jax.random.fold_in(self._key, zlib.crc32(purpose.encode()))

    def drawing(self, model: Model) -> Subject:
        """The same model with another sampler: `model`."""
        return Subject(model, self.source, self.options, self.seed, self.features, own=False)

    @cached_property
    def test(self) -> np.ndarray:
        """Held-out examples, `eval.samples` at most."""
        return spread_out(self.source.test, self.options.samples)

    @cached_property
    def test_codes(self) -> np.ndarray:
        """Posterior means of `test`."""
        return self.model.encode(self.test)

    @cached_property
    def samples(self) -> np.ndarray:
        """`eval.samples` generated examples."""
        return self._made(self.model.decode, self.model.draw(self.key("samples"), self.options.samples))

    @cached_property
    def reconstructions(self) -> np.ndarray:
        """`test`, encoded and decoded."""
        return self._made(self.model.decode, self.test_codes)

    def interpolations(self) -> np.ndarray:
        """As many midpoints between the codes of random pairs of test examples, by `eval.interpolation`."""
        z, n = self.test_codes, self.options.samples
        keys = jax.random.split(self.key("pairs"))
        first = np.asarray(jax.random.randint(keys[0], (n,), 0, len(z)))
        second = (first + np.asarray(jax.random.randint(keys[1], (n,), 1, len(z)))) % len(z)
        between = INTERPOLATIONS[self.options.interpolation]
        return self._made(self.model.decode, np.asarray(between(z[first], z[second], HALF))[:, 0])

    def codes(self, n: int) -> np.ndarray:
        """Draws from the posteriors of `n` test examples."""
        return self.model.encode(spread_out(self.source.test, n), key=self.key("codes"))

    def drawn(self, n: int) -> np.ndarray:
        """`n` codes from the model's prior or sampler."""
        return self.model.draw(self.key("prior"), n)

    def errors(self, x: np.ndarray) -> np.ndarray:
        """Squared reconstruction error of each example, summed over coordinates in the model's units."""
        parts = (x[part] for part in progress.blocks(len(x), BLOCK, "reconstructions"))  # large as floats
        return np.concatenate([squared_errors(self.units(p), self.model.reconstruct(p)) for p in parts])

    def units(self, x: np.ndarray) -> np.ndarray:
        """Examples as the model sees them, pixels within its range, in float32."""
        return np.asarray(to_units(jnp.asarray(x), self.source.range))

    @cached_property
    def sample_features(self) -> np.ndarray:
        """Those of `samples`."""
        return self.features(self.samples)

    @property
    def test_features(self) -> np.ndarray:
        """Those of `test`."""
        return self.features.kept(self.source, "test", self.test)

    @property
    def train_features(self) -> np.ndarray:
        """Those of all training examples, which may be many: they stay on disk."""
        return self.features.kept(self.source, "train", self.source.train)

    def precision_recall(self) -> precision_recall.PrecisionRecall:
        """The curve of samples' features, kept for its figure."""
        self.measured_curve = precision_recall.precision_recall(self.key("prd"), *self.equally_many())
        return self.measured_curve

    def equally_many(self) -> tuple[np.ndarray, np.ndarray]:
        """Features of test examples and of samples, of both as many as there are of the fewer."""
        real, generated = self.test_features, self.sample_features
        n = min(len(real), len(generated))
        return spread_out(real, n), generated[:n]

    def frechet(self, generated: np.ndarray) -> float:
        """Frechet distance of features to those of test examples."""
        ours = frechet.statistics(generated, self.features.fingerprint)
        return frechet.frechet_distance(ours, self.features.statistics(self.source, "test", self.test))

    def clusters(self) -> np.ndarray:
        """The cluster of each test example, by the family's own rule where it has one.

        Else by k-means of the codes, into as many clusters as there are classes.
        """
        z = self.model.encode(self.source.test)
        if self.model.family.cluster is not None:
            return np.asarray(self.model.family.cluster(jnp.asarray(z)))
        classes = len(np.unique(self.source.test_labels))
        return np.asarray(k_means(self.key("clusters"), jnp.asarray(z - z.mean(0)), classes).labels)

    def _made(self, make, inputs: np.ndarray) -> np.ndarray:
        parts = progress.blocks(len(inputs), BLOCK, "decoding")
        return np.concatenate([stored(make(inputs[part]), self.source.range) for part in parts])


def stored(x: np.ndarray, pixel_range: tuple[float, float] | None) -> np.ndarray:
    """Pictures as uint8, as an image file would hold them; vectors as they are."""
    if pixel_range is None:
        return x
    low, high = pixel_range
    return np.round(255.0 * np.clip((x - low) / (high - low), 0.0, 1.0)).astype(np.uint8)


def stretched(images: np.ndarray) -> np.ndarray:
    """Each picture's own least and greatest level moved to 0 and 255; one of a single level becomes black."""
    x = images.reshape(len(images), -1).astype(np.float32)
    low, high = x.min(1, keepdims=True), x.max(1, keepdims=True)
    scaled = 255.0 * (x - low) / np.maximum(high - low, 1.0)
    return np.round(scaled).astype(np.uint8).reshape(images.shape)


def spread_out(x: np.ndarray, n: int) -> np.ndarray:
    """`n` examples at equal distances, all where there are fewer: a test set may be sorted."""
    return x[np.linspace(0, len(x) - 1, min(n, len(x))).round().astype(int)]
