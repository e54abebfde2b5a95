"""The distances of features are those of torchmetrics, where it is installed, on the same features."""

import numpy as np
import pytest

from coulomb_jax.metrics.frechet import frechet_distance, statistics
from coulomb_jax.metrics.kid import kid, kid_subsets

torch = pytest.importorskip("torch", reason="torch is not installed: pip install torch torchmetrics")
reason = "torchmetrics is not installed: pip install torchmetrics"
peer_frechet = pytest.importorskip("torchmetrics.image.fid", reason=reason)
peer_kid = pytest.importorskip("torchmetrics.image.kid", reason=reason)


def features(n, seed, spread=1.0):
    """Positive, of unequal widths, as those of Inception are."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(7).standard_normal((64, 64)) * np.linspace(0.1, 1.0, 64)
    return np.abs(spread * random.standard_normal((n, 64)) @ mixing / 8.0).astype(np.float32)


REAL, GENERATED = features(1500, 0), features(1200, 1, 1.2)


def test_the_frechet_distance():
    moments = []
    for x in (REAL, GENERATED):
        x = torch.from_numpy(x).double()
        moments += [x.mean(0), torch.cov(x.T)]
    expected = float(peer_frechet._compute_fid(*moments))
    found = frechet_distance(statistics(REAL), statistics(GENERATED))
    assert found == pytest.approx(expected, rel=1e-6)


def test_the_kernel_distance_of_all_pairs():
    n = len(GENERATED)  # theirs takes sets of one size
    expected = float(peer_kid.poly_mmd(*(torch.from_numpy(x[:n]).double() for x in (REAL, GENERATED))))
    assert kid(REAL[:n], GENERATED).value == pytest.approx(expected, rel=1e-4)


def test_the_kernel_distance_of_subsets():
    found = kid_subsets(0, REAL, GENERATED, subsets=40, size=300)
    peer = peer_kid.KernelInceptionDistance(feature=torch.nn.Identity(), subsets=40, subset_size=300)
    peer.inception = torch.nn.Identity()
    peer.real_features = [torch.from_numpy(REAL).double()]
    peer.fake_features = [torch.from_numpy(GENERATED).double()]
    mean, spread = (float(value) for value in peer.compute())
    assert abs(found.value - mean) < 4.0 * spread / np.sqrt(40) * np.sqrt(2.0)
