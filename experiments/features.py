"""The features that an evaluation compares pictures by, those of the test set kept on disk."""

from __future__ import annotations

import sys
from functools import lru_cache
from pathlib import Path

import numpy as np

from coulomb_jax.data import cache
from coulomb_jax.data.source import Source
from coulomb_jax.metrics import frechet
from coulomb_jax.naming import nearest
from coulomb_jax.nets import features as nets
from coulomb_jax.train import classifier

ABSENT = """these measures compare features of pictures, and no weights of a net for them are named.
  FID itself: --config.eval.weights=pt_inception-2015-12-05-6726825d.pth, the file of that name, 95 MB, from
    https://github.com/mseitzer/pytorch-fid/releases
  the same distance by a small classifier, named for it and no FID:
    --config.eval.features=lenet --config.eval.weights=lenet5_mnist.npz (or resnet20, resnet56 with theirs);
    --config.eval.features=lenet alone: a LeNet learns the labels of {data} first, in about a minute"""


class FeatureStore:
    """The features of one net, and those of test sets, computed once and kept in the cache.

    Args:
      features: a net with its weights.

    Attributes:
      suffix: what the names of its numbers end with; empty for Inception.
      dim: how many features a picture has.
      protocol: of every number that comes from it.
    """

    def __init__(self, features: nets.Features):
        self._features = features
        self.suffix, self.dim = features.name.removeprefix("fid"), features.dim
        self.protocol = dict(features.protocol)
        self._tests: dict[tuple[str, int], np.ndarray] = {}
        self._statistics: dict[tuple[str, int], frechet.Statistics] = {}

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """The features of uint8 pictures."""
        return self._features(images)

    def of_test(self, subject) -> np.ndarray:
        """The features of a subject's test examples."""
        key = subject.source.fingerprint, len(subject.test)
        if key not in self._tests:
            folder = cache.default_root() / "features"
            kept = folder / f"{key[0][:24]}-test{key[1]}-{self._features.fingerprint[:24]}.npy"
            if not kept.is_file():
                folder.mkdir(parents=True, exist_ok=True)
                partial = kept.with_suffix(".partial.npy")
                np.save(partial, self(subject.test))
                partial.replace(kept)
            self._tests[key] = np.load(kept)
        return self._tests[key]

    def statistics(self, subject) -> frechet.Statistics:
        """Mean and covariance of them."""
        key = subject.source.fingerprint, len(subject.test)
        if key not in self._statistics:
            self._statistics[key] = frechet.statistics(self.of_test(subject))
        return self._statistics[key]


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
        kept.parent.mkdir(parents=True, exist_ok=True)
        print(
            f"a LeNet learns the labels of {source.name}, for the features of {len(source.train):,} pictures"
        )
        partial = kept.with_suffix(".partial.npz")
        classifier.train_lenet(partial, source.train, source.train_labels)
        partial.replace(kept)
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
