"""MNIST and Fashion-MNIST on other numbers of pixels."""

import gzip
import struct

import numpy as np
import pytest

from coulomb_jax import data
from coulomb_jax.data import sides
from coulomb_jax.data.idx import FILES

RANDOM = np.random.default_rng(0)
TRAIN, TEST = (RANDOM.integers(0, 256, (n, 28, 28), dtype=np.uint8) for n in (5, 3))


@pytest.fixture
def folder(tmp_path):
    labels = (np.arange(len(images), dtype=np.uint8) for images in (TRAIN, TEST))
    for name, array in zip(FILES, (TRAIN, next(labels), TEST, next(labels)), strict=True):
        magic = {3: 2051, 1: 2049}[array.ndim]
        header = struct.pack(f">{1 + array.ndim}I", magic, *array.shape)
        (tmp_path / name).write_bytes(gzip.compress(header + array.tobytes()))
    return tmp_path


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_padded_pictures_have_zeros_all_around(name, folder):
    source = data.load(name, dir=folder, side=32, limit=4)
    for images, originals in ((source.train, TRAIN[:4]), (source.test, TEST)):
        assert images.dtype == np.uint8
        expected = np.pad(originals, ((0, 0), (2, 2), (2, 2)))
        np.testing.assert_array_equal(images, expected[..., None])
    assert source.train_labels.tolist() == [0, 1, 2, 3]
    assert source.range == (0.0, 1.0)
    assert source.details == {"side": 32, "fit": "pad"}


def triangles(side):
    """The weights of 28 pixels in each of `side`: triangles, as wide as two pixels of the coarser grid."""
    scale = 28 / side
    away = np.abs((np.arange(side)[:, None] + 0.5) * scale - (np.arange(28) + 0.5))
    weights = np.maximum(0.0, 1.0 - away / max(scale, 1.0))
    return weights / weights.sum(1, keepdims=True)


@pytest.mark.parametrize("side", [32, 64, 14, 11])
@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_resized_pictures_are_weighted_by_triangles(name, side, folder):
    source = data.load(name, dir=folder, side=side, fit="resize")
    weights = triangles(side)
    for images, originals in ((source.train, TRAIN), (source.test, TEST)):
        assert images.shape == (len(originals), side, side, 1)
        assert images.dtype == np.uint8
        expected = weights @ originals.astype(np.float64) @ weights.T
        # Pillow rounds after each of its two passes.
        np.testing.assert_allclose(images[..., 0], expected, rtol=0, atol=1.0)
        assert np.abs(images[..., 0] - expected).mean() < 0.4
    assert source.details == {"side": side, "fit": "resize"}


@pytest.mark.parametrize("level", [0, 1, 200, 255])
def test_a_picture_of_one_level_keeps_it(level):
    images = np.full((2, 28, 28, 1), level, np.uint8)
    for side in (20, 32):
        assert np.unique(sides.fitted(images, side, "resize")).tolist() == [level]


def test_every_size_and_fit_has_its_own_fingerprint(folder):
    plain = data.load("mnist", dir=folder)
    assert plain.details is None
    assert data.load("mnist", dir=folder, side=28, fit="resize").fingerprint == plain.fingerprint
    others = [(32, "pad"), (32, "resize"), (36, "pad")]
    found = {data.load("mnist", dir=folder, side=side, fit=fit).fingerprint for side, fit in others}
    assert len(found | {plain.fingerprint}) == 4


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"fit": "padd"}, r"no fit 'padd'; did you mean pad\?"),
        ({"side": 32, "fit": "crop"}, "no fit 'crop'; valid names: pad, resize"),
        ({"side": 26}, "a side of 28 or an even number of pixels above, .* side is 26; .* fit='resize'"),
        ({"side": 31}, "as many zeros before as after, but side is 31"),
        ({"side": 0, "fit": "resize"}, "at least 1 pixel, but side is 0"),
    ],
)
def test_pictures_that_cannot_be_are_refused_before_anything_is_read(options, sentence, tmp_path):
    for name in ("mnist", "fashion_mnist"):
        with pytest.raises(ValueError, match=sentence) as raised:
            data.load(name, dir=tmp_path / "nowhere", **options)
        assert not isinstance(raised.value, data.DataError)
