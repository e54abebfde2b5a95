"""A trained family that a user can hold: numpy in, numpy out, in the data's own units."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from coulomb_jax import exported, samplers
from coulomb_jax.family import Family, Fit
from coulomb_jax.nets.bound import Bound
from coulomb_jax.nets.pixels import to_units

BLOCK = 512
"""Examples a call at most: large inputs are worked through in blocks, in fixed memory."""


class Sampler(NamedTuple):
    """A sampler that was fitted to a trained model's codes.

    Attributes:
      name: one of `coulomb_jax.samplers`.
      options: those it was made with.
      arrays: what was fitted, by the name of the `Fit`.
    """

    name: str
    options: Mapping[str, Any]
    arrays: Mapping[str, Any]


class Model:
    """A generative autoencoder in use.

    Images are floats within their range (uint8 images are accepted as input and scaled to it), vectors
    are as the data set has them.

    Args:
      family: what the model is.
      params: parameters by net and by fit.
      stats: batch statistics by net.
      pixel_range: (low, high) of the model's images, None for vectors.
      sampler: what `with_sampler` fitted, None for a model that draws as it was trained to.
    """

    def __init__(self, family: Family, params, stats, *, pixel_range=None, sampler: Sampler | None = None):
        self.family, self.params, self.stats = family, params, stats
        self.pixel_range = None if pixel_range is None else tuple(pixel_range)
        self.sampler = sampler
        self.x_shape = family.nets["encoder"].takes
        self.z_dim = family.nets["decoder"].takes[0]
        self._encode = jax.jit(self._run(family.encode))
        self._decode = jax.jit(self._run(family.decode))
        self._draw = jax.jit(self._run(family.draw), static_argnums=3)

    def _run(self, method):
        def run(params, stats, *inputs):
            return method(Bound(self.family.nets, params, stats), *inputs)

        return run

    def encode(self, x: np.ndarray, *, key: jax.Array | int | None = None) -> Float[np.ndarray, "n d"]:
        """Codes of data `[n *x_shape]`: the posterior's mean, or a draw from it where a key is given."""
        x = self._check(x, self.x_shape, "data")
        if x.dtype == np.uint8 and self.pixel_range is None:
            raise ValueError(
                "this model takes vectors as floats, not uint8, which is for images; convert them"
            )
        blocks = range(0, len(x), BLOCK)
        keys = [None if key is None else jax.random.fold_in(_key(key), i) for i in blocks]
        parts = [
            self._block(self._encode, to_units(jnp.asarray(x[i : i + BLOCK]), self.pixel_range), k)
            for i, k in zip(blocks, keys, strict=True)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.z_dim), np.float32)

    def decode(self, z: np.ndarray) -> Float[np.ndarray, "n ..."]:
        """Data `[n *x_shape]` of codes `[n z_dim]`."""
        z = self._check(z, (self.z_dim,), "codes")
        parts = [
            self._block(self._decode, jnp.asarray(z[i : i + BLOCK], jnp.float32))
            for i in range(0, len(z), BLOCK)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, *self.x_shape), np.float32)

    def sample(self, key: jax.Array | int, n: int) -> Float[np.ndarray, "n ..."]:
        """New data `[n *x_shape]`, decoded from `n` codes drawn with a key, or an integer seed."""
        return self.decode(self.draw(key, n))

    def draw(self, key: jax.Array | int, n: int) -> Float[np.ndarray, "n d"]:
        """`n` codes from the prior or the sampler the model was trained with."""
        return np.asarray(self._draw(self.params, self.stats, _key(key), n))

    def with_sampler(
        self, name: str, codes: Float[np.ndarray, "n d"], /, *, key: jax.Array | int = 0, **options
    ) -> Model:
        """This model with another way of drawing, fitted to codes; nothing trained changes.

        `model.with_sampler("gmm", model.encode(x_train), components=10)` is an ex-post mixture of ten
        normal laws. The model itself stays as it is.

        Args:
          name: one of `coulomb_jax.samplers`; "prior" leaves the model's own.
          codes: of the training set, `[n z_dim]`.
          key: what the fit draws with, or an integer seed.
          **options: those of the sampler.

        Raises:
          ValueError: no such sampler or option, one that is trained by gradient, or no codes of this model.
        """
        codes = self._check(codes, (self.z_dim,), "codes")
        if not len(codes):
            raise ValueError("a sampler is fitted to at least one code, not to none; encode some data")
        family = samplers.apply(name, self.family, **options)
        fits = family.stages[len(self.family.stages) :]
        if not all(isinstance(fit, Fit) for fit in fits):
            raise ValueError(
                f"the sampler {name} is trained with the model, not fitted to codes; name it in the "
                "config, with --config.sampler.name"
            )
        codes, key = jnp.asarray(codes, jnp.float32), _key(key)
        keys = [jax.random.fold_in(key, i) for i in range(len(fits))]
        arrays = {fit.name: jax.jit(fit.fit)(codes, k) for fit, k in zip(fits, keys, strict=True)}
        return self.drawing_with(Sampler(name, options, arrays))

    def drawing_with(self, sampler: Sampler) -> Model:
        """This model with a sampler that was fitted before, to the codes of this very encoder."""
        family = samplers.apply(sampler.name, self.family, **sampler.options)
        params = {**self.params, **sampler.arrays}
        return Model(family, params, self.stats, pixel_range=self.pixel_range, sampler=sampler)

    def reconstruct(self, x: np.ndarray) -> Float[np.ndarray, "n ..."]:
        """Data `[n *x_shape]` encoded and decoded again."""
        return self.decode(self.encode(x))

    def interpolate(self, a: np.ndarray, b: np.ndarray, n: int) -> Float[np.ndarray, "n ..."]:
        """`n` steps from one example `a` to another `b`, both included, straight between their codes."""
        ends = self.encode(np.stack([a, b]))
        t = np.linspace(0.0, 1.0, n, dtype=np.float32)[:, None]
        return self.decode((1.0 - t) * ends[:1] + t * ends[1:])

    def export(self, path: str | Path) -> Path:
        """Writes encoder and decoder, their parameters inside, as StableHLO that runs without this package.

        `jax.export.deserialize(bytearray(Path("decoder.stablehlo").read_bytes())).call(z)` decodes float32
        codes of any number from 1 on, on a CPU, an NVIDIA or AMD GPU or a TPU, in a process that has jax,
        numpy and flatbuffers alone; `manifest.json` beside it has shapes, ranges and a program. The encoder
        gives the posterior's mean and takes floats within the model's range: scale uint8 pixels before,
        as the manifest says. By jax's own guarantee a file runs with a jaxlib released up to 6 months
        after the one that wrote it, or up to 3 weeks before; a checkpoint lasts longer.

        Args:
          path: a folder that is new or empty.

        Returns:
          The folder.

        Raises:
          ValueError: there is something at the path.
        """
        encode = partial(self._run(self.family.encode), self.params, self.stats)
        return exported.write(
            path,
            lambda x: encode(x, None),
            partial(self._run(self.family.decode), self.params, self.stats),
            x_shape=self.x_shape,
            z_dim=self.z_dim,
            pixel_range=self.pixel_range,
        )

    def _block(self, run, x: jax.Array, *rest) -> np.ndarray:
        """Runs one block, padded to a power of two so that few programs serve every number."""
        size = 1 << (len(x) - 1).bit_length()
        padding = ((0, size - len(x)),) + ((0, 0),) * (x.ndim - 1)
        return np.asarray(run(self.params, self.stats, jnp.pad(x, padding), *rest))[: len(x)]

    def _check(self, array: np.ndarray, shape: tuple[int, ...], word: str) -> np.ndarray:
        array = np.asarray(array)
        if array.shape[1:] != tuple(shape):
            expected = ", ".join(("n", *map(str, shape)))
            raise ValueError(f"this model takes {word} of shape ({expected}), not {array.shape}")
        return array


def _key(key: jax.Array | int) -> jax.Array:
    """A key as it is, or the key of a seed."""
    return key if isinstance(key, jax.Array) else jax.random.key(key)
