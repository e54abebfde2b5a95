"""The features that an evaluation compares pictures by, those of the data kept on disk."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import numpy as np

from coulomb_jax.data import cache
from coulomb_jax.data.source import Source
from coulomb_jax.metrics import frechet
from coulomb_jax.naming import nearest
from coulomb_jax.nets import features as nets
from coulomb_jax.train import classifier
from experiments import progress

ABSENT = """these measures compare features of pictures, and no weights of a net for them are named.
  FID itself: --config.eval.weights=pt_inception-2015-12-05-6726825d.pth, the file of that name, 95 MB, from
    https://github.com/mseitzer/pytorch-fid/releases
  the same distance by a small classifier, named for it and no FID:
    --config.eval.features=lenet --config.eval.weights=lenet5_mnist.npz (or resnet20, resnet56 with theirs);
    --config.eval.features=lenet alone: a LeNet learns the labels of {data} first, in about a minute"""


class FeatureStore:
    """The features of one net; those of a data set are computed once for all runs, and kept on disk.

    Args:
      features: a net with its weights.

    Attributes:
      suffix: what the names of its numbers end with; empty for Inception.
      dim: how many features a picture has.
      protocol: of every number that comes from it.
      fingerprint: of the net, its weights and how it resizes: what is kept of others is not taken.
    """

    def __init__(self, features: nets.Features):
        self._features = features
        self.suffix, self.dim = features.name.removeprefix("fid"), features.dim
        self.protocol = dict(features.protocol)
        # The name of the file of weights is not what they are.
        made_by = {key: value for key, value in self.protocol.items() if key != "weights"}
        self.fingerprint = hashlib.sha256(json.dumps(made_by, sort_keys=True).encode()).hexdigest()

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """The features of uint8 pictures."""
        return self._into(np.empty((len(images), self.dim), np.float32), images)

    def kept(self, source: Source, split: str, images: np.ndarray) -> np.ndarray:
        """The features of examples of a data set, read from the disk as they are used.

        Args:
          source: the data set.
          split: "train" or "test".
          images: the examples of it; how many they are tells which.
        """
        path = self._path(source, split, len(images), "npy")
        if not path.is_file():
            with _whole(path) as partial:
                shape = len(images), self.dim
                self._into(np.lib.format.open_memmap(partial, "w+", np.float32, shape), images).flush()
        return np.load(path, mmap_mode="r")

    def statistics(self, source: Source, split: str, images: np.ndarray) -> frechet.Statistics:
        """Mean and scatter of the same features, which are not read where these are kept."""
        path = self._path(source, split, len(images), "npz")
        if not path.is_file():
            with _whole(path) as partial:
                found = frechet.statistics(self.kept(source, split, images), self.fingerprint)
                found.save(partial)
        return frechet.Statistics.load(path, self.fingerprint)

    def _path(self, source: Source, split: str, count: int, kind: str) -> Path:
        name = f"{source.fingerprint[:24]}-{split}{count}-{self.fingerprint[:24]}.{kind}"
        return cache.default_root() / "features" / name

    def _into(self, rows: np.ndarray, images: np.ndarray) -> np.ndarray:
        """The rows, filled with the features of the pictures."""
        for part in progress.blocks(len(images), self._features.block, "features"):
            rows[part] = self._features(images[part])
        return rows


@contextmanager
def _whole(path: Path) -> Iterator[Path]:
    """Another place to write a file at, which is then moved to its own: there it is whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{os.getpid()}-{path.name}")  # several evaluations may make the same file
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def open_store(options, source: Source) -> FeatureStore:
    """The features that `config.eval` names for a data set.

    Raises:
      ValueError: no weights are named and none can be learned, or they are not what their name says.
    """
    kind = options.features or ("inception" if options.weights else "")
    if not kind or (kind != "lenet" and not options.weights):
        raise ValueError(ABSENT.format(data=source.name))
    if kind not in nets.KINDS:
        raise ValueError(nearest("net of features", kind, nets.KINDS))
    weights = Path(options.weights).expanduser() if options.weights else learned(source)
    return _opened(kind, weights)


def learned(source: Source) -> Path:
    """The weights of a LeNet that has learned the labels of a data set, from the cache where they are.

    Of a random subset it is the whole set: models of different subsets are compared by one net.
    """
    source = source.whole or source
    if source.train_labels is None or source.train.shape[-1] != 1:
        raise ValueError(
            f"a LeNet learns gray pictures with labels, which {source.name} has not; name weights with "
            "--config.eval.weights"
        )
    # Those held out for validation have no labels here: a net of fewer examples is another one.
    name = f"lenet-{source.fingerprint[:24]}-{len(source.train)}.npz"
    kept = cache.default_root() / "features" / name
    if not kept.is_file():
        print(
            f"a LeNet learns the labels of {source.name}, for the features of {len(source.train):,} pictures"
        )
        with _whole(kept) as partial:
            classifier.train_lenet(partial, source.train, source.train_labels)
    return kept


@lru_cache(maxsize=2)
def _opened(kind: str, weights: Path) -> FeatureStore:
    try:
        store = FeatureStore(nets.load(kind, weights))
    except FileNotFoundError as error:
        raise ValueError(f"there is no file of weights {weights}; see --config.eval.weights") from error
    if kind == "inception" and not store.protocol["weights_published"]:
        print(
            f"warning: FID is of the weights with sha256 {nets.KINDS[kind].published}, but {weights} has "
            f"{store.protocol['weights_sha256']}: the numbers compare with none that is published",
            file=sys.stderr,
        )
    return store
