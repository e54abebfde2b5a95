import gzip
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from coulomb_jax import data
from coulomb_jax.data.idx import FILES

RANDOM = np.random.default_rng(0)
TRAIN, TEST = (RANDOM.integers(0, 256, (n, 28, 28), dtype=np.uint8) for n in (7, 3))
TRAIN_LABELS, TEST_LABELS = (RANDOM.integers(0, 10, n, dtype=np.uint8) for n in (7, 3))


def idx(array):
    magic = {3: 2051, 1: 2049}[array.ndim]
    return struct.pack(f">{1 + array.ndim}I", magic, *array.shape) + array.tobytes()


@pytest.fixture
def folder(tmp_path):
    for name, array in zip(FILES, (TRAIN, TRAIN_LABELS, TEST, TEST_LABELS), strict=True):
        (tmp_path / name).write_bytes(gzip.compress(idx(array)))
    return tmp_path


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist"])
def test_the_four_files_are_read(folder, name):
    source = data.load(name, dir=folder)
    assert source.name == name
    assert source.range == (0.0, 1.0)
    assert not source.synthetic
    np.testing.assert_array_equal(source.train, TRAIN[..., None])
    np.testing.assert_array_equal(source.test, TEST[..., None])
    np.testing.assert_array_equal(source.train_labels, TRAIN_LABELS)
    np.testing.assert_array_equal(source.test_labels, TEST_LABELS)
    assert source.train.dtype == np.uint8


def test_unpacked_files_give_the_same(folder):
    expected = data.load("mnist", dir=folder).fingerprint
    (folder / FILES[0]).write_bytes(idx(TRAIN))  # unpacked by a browser, name unchanged
    assert data.load("mnist", dir=folder).fingerprint == expected
    for name in FILES:
        content = (folder / name).read_bytes()
        (folder / name).unlink()
        plain = gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
        (folder / name.removesuffix(".gz")).write_bytes(plain)
    assert data.load("mnist", dir=str(folder)).fingerprint == expected


def test_limit_takes_the_first_training_images(folder):
    source = data.load("mnist", dir=folder, limit=2)
    np.testing.assert_array_equal(source.train, TRAIN[:2, ..., None])
    np.testing.assert_array_equal(source.train_labels, TRAIN_LABELS[:2])
    assert len(source.test) == 3
    assert source.fingerprint != data.load("mnist", dir=folder).fingerprint
    assert len(data.load("mnist", dir=folder, limit=100).train) == 7
    with pytest.raises(ValueError, match="limit must be at least 1, but it is 0"):
        data.load("mnist", dir=folder, limit=0)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named_with_where_to_get_it(folder, name):
    (folder / name).unlink()
    with pytest.raises(data.DataError) as raised:
        data.load("mnist", dir=folder)
    message = str(raised.value)
    assert f"{name} is not there" in message
    assert str(folder) in message
    assert all(file in message for file in FILES)
    assert "storage.googleapis.com" in message


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(data.DataError, match="nowhere must be a folder with the files train-im"):
        data.load("fashion_mnist", dir=tmp_path / "nowhere")


def damaged(content, way):
    plain = gzip.decompress(content)
    return {
        "cut": content[: len(content) // 2],
        "cut in the header": content[:5],
        "checksum": content[:-8] + bytes(4) + content[-4:],
        "empty": b"",
        "a web page": b"<html>Not found</html>",
        "labels for images": gzip.compress(idx(TRAIN_LABELS)),
        "floats for bytes": gzip.compress(b"\x00\x00\x0d\x03" + plain[4:]),
        "short": gzip.compress(plain[:-1]),
        "long": gzip.compress(plain + b"\x00"),
        "header only": gzip.compress(plain[:10]),
        "14 x 56": gzip.compress(idx(TRAIN.reshape(7, 14, 56))),
        "one image too few": gzip.compress(idx(TRAIN[:6])),
        "no images": gzip.compress(idx(TRAIN[:0])),
    }[way]


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ("cut", "must be a whole file, but reading it failed: .*end-of-stream"),
        ("cut in the header", "must be a whole file, but reading it failed"),
        ("checksum", "must be a whole file, but reading it failed: CRC"),
        ("empty", "must begin with the number 2051 .* holds 0 bytes"),
        ("a web page", "must begin with the number 2051 .* holds 22 bytes"),
        ("labels for images", "must begin with the number 2051 .* begins with 2049"),
        ("floats for bytes", "must begin with the number 2051 .* begins with 3331"),
        ("short", r"must hold 5504 bytes for the shape \(7, 28, 28\) .* but it holds 5503"),
        ("long", r"must hold 5504 bytes for the shape \(7, 28, 28\) .* but it holds 5505"),
        ("header only", "must begin with the number 2051 .* holds 10 bytes"),
        ("14 x 56", r"pictures of 28 x 28 .* shape \(7, 14, 56\) and \(7,\)"),
        ("one image too few", r"one label each, .* shape \(6, 28, 28\) and \(7,\)"),
        ("no images", r"shape \(0, 28, 28\)"),
    ],
)
def test_a_damaged_file_is_explained(folder, way, message):
    file = folder / FILES[0]
    file.write_bytes(damaged(file.read_bytes(), way))
    with pytest.raises(data.DataError, match=message) as raised:
        data.load("mnist", dir=folder)
    assert FILES[0] in str(raised.value)
    assert "again from https://storage.googleapis.com" in str(raised.value)
    assert "\n" not in str(raised.value)


def test_no_flipped_bit_changes_a_pixel_unnoticed(folder):
    expected = data.load("mnist", dir=folder).fingerprint
    file = folder / FILES[0]
    content = file.read_bytes()
    refused = 0
    for bit in RANDOM.choice(8 * len(content), 200, replace=False):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << bit % 8
        file.write_bytes(flipped)
        try:
            assert data.load("mnist", dir=folder).fingerprint == expected
        except data.DataError:
            refused += 1
    assert refused > 150  # the rest hit the time and name fields of the gzip header


@pytest.mark.skipif("COULOMB_DATA" not in os.environ, reason="COULOMB_DATA names no data folder")
@pytest.mark.parametrize(
    ("name", "first_labels", "mean"),
    [
        # Published: means 0.1307 and 0.2860 of the training pixels, as in countless recipes.
        ("mnist", [5, 0, 4, 1, 9, 2, 1, 3, 1, 4], 0.1307),
        ("fashion_mnist", [9, 0, 0, 3, 0, 2, 7, 2, 5, 5], 0.2860),
    ],
)
def test_the_original_files(name, first_labels, mean):
    source = data.load(name, dir=Path(os.environ["COULOMB_DATA"]) / name.replace("_", "-"))
    assert source.train.shape == (60_000, 28, 28, 1)
    assert source.test.shape == (10_000, 28, 28, 1)
    assert source.train_labels[:10].tolist() == first_labels
    assert source.train.mean() / 255 == pytest.approx(mean, abs=5e-5)
    assert np.bincount(source.test_labels).sum() == 10_000
    if name == "fashion_mnist":
        assert np.all(np.bincount(source.train_labels) == 6000)
