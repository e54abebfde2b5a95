"""The features of data sets, kept for all runs, and the bar that tells how far they are."""

import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.spatial
from ml_collections import ConfigDict

from coulomb_jax.data import digits
from experiments import measures, progress, subject
from experiments.features import FeatureStore
from experiments.settings import EVAL

PROTOCOL = {"net": "halves", "weights": "a.npz", "weights_sha256": "0" * 64, "resize": "none"}


class Halves:
    """A net whose features are the means of the halves of a picture; it counts the pictures it sees."""

    name, dim, block = "fid_halves", 2, 100

    def __init__(self, **protocol):
        self.protocol, self.seen = PROTOCOL | protocol, 0

    def __call__(self, images):
        self.seen += len(images)
        return images.reshape(len(images), 2, -1).mean(2, dtype=np.float32)


@pytest.fixture
def folder(monkeypatch, tmp_path):
    monkeypatch.setenv("COULOMB_CACHE", str(tmp_path))
    return tmp_path / "features"


def test_what_is_kept_of_a_data_set_is_not_computed_again(folder):
    source, net = digits.load(), Halves()
    test = source.test[:250]
    features = FeatureStore(net).kept(source, "test", test)
    np.testing.assert_array_equal(features, net(test))
    assert net.seen == 2 * 250
    again = FeatureStore(Halves(weights="renamed.npz"))
    found = again.statistics(source, "test", test)
    np.testing.assert_allclose(found.mean, features.mean(0), rtol=1e-6)
    np.testing.assert_allclose(found.covariance, np.cov(features.T), rtol=1e-5)
    (file,) = folder.glob("*.npy")
    file.unlink()  # the statistics alone are enough
    assert again.statistics(source, "test", test).count == 250
    assert again._features.seen == 0


@pytest.mark.parametrize(
    ("changed", "split", "count", "fingerprint"),
    [
        ({"weights_sha256": "1" * 64}, "test", 250, None),
        ({"resize": "bilinear"}, "test", 250, None),
        ({"net": "thirds"}, "test", 250, None),
        ({}, "train", 250, None),
        ({}, "test", 249, None),
        ({}, "test", 250, "another"),
    ],
)
def test_what_is_kept_of_anything_else_is_not_taken(changed, split, count, fingerprint, folder):
    source = digits.load()
    FeatureStore(Halves()).statistics(source, "test", source.test[:250])
    source, net = source._replace(fingerprint=fingerprint or source.fingerprint), Halves(**changed)
    assert FeatureStore(net).statistics(source, split, source.test[:count]).count == net.seen == count


def test_features_that_were_cut_off_are_not_kept(folder):
    class CutOff(Halves):
        def __call__(self, images):
            if self.seen:
                raise KeyboardInterrupt
            return super().__call__(images)

    source = digits.load()
    with pytest.raises(KeyboardInterrupt):
        FeatureStore(CutOff()).kept(source, "test", source.test)
    assert not list(folder.iterdir())


class Copying:
    """A model that has learned half of its training set by heart, each picture one level darker."""

    def __init__(self, source):
        self.pictures = np.maximum(source.train[::2], 1) - 1

    def draw(self, key, n):
        return np.arange(n)

    def decode(self, places):
        return self.pictures[places % len(self.pictures)] / np.float32(255)


def test_memorisation_is_measured_among_features_of_the_whole_training_set(folder):
    source, net = digits.load(), Halves()
    options = ConfigDict(EVAL | {"samples": 200})
    one = subject.Subject(Copying(source), source, options, 0, FeatureStore(net))
    found = measures.MEASURES["features_memorisation"].run(one)
    tree = scipy.spatial.KDTree(net(source.train).astype(np.float64))
    ours, fresh = (tree.query(net(x).astype(np.float64))[0] for x in (one.samples, one.test))
    assert found == {
        "features_memorisation_ratio": pytest.approx(np.median(ours) / np.median(fresh), rel=1e-6),
        "features_memorisation_suspect": pytest.approx(np.mean(ours < np.quantile(fresh, 0.05))),
    }


@pytest.mark.parametrize("terminal", [True, False])
def test_the_bar_counts_examples_on_a_terminal_alone(terminal, monkeypatch):
    screen = SimpleNamespace(isatty=lambda: terminal)
    told = io.StringIO()
    screen.write, screen.flush = told.write, told.flush
    monkeypatch.setattr(sys, "stderr", screen)
    now = [1000.0]
    monkeypatch.setattr("tqdm.std.time", lambda: now[0])
    assert list(progress.blocks(250, 100, "soon")) == [slice(0, 100), slice(100, 200), slice(200, 250)]
    for _ in progress.blocks(250, 100, "features"):
        now[0] += 0.16
    shown = told.getvalue()
    assert ("features" in shown and "200/250" in shown) == bool(shown) == terminal
    assert "soon" not in shown
