"""CIFAR-10 through JPEG files."""

import numpy as np
import pytest
from PIL import Image

from coulomb_jax import data

# Colours that change slowly, as in photographs: each picture with slopes and waves of its own.
RANDOM = np.random.default_rng(0)
ROWS, COLUMNS = np.mgrid[:32, :32, :3][:2] / 32
SLOPES = RANDOM.uniform(-1, 1, (2, 9, 1, 1, 3))
PICTURES = 127.5 + 60 * (SLOPES[0] * ROWS + SLOPES[1] * np.sin(6 * COLUMNS))
PICTURES = PICTURES.round().astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    for name, part in (("data_batch_1_first6", PICTURES[:6]), ("test_batch_first3", PICTURES[6:])):
        planes = part.transpose(0, 3, 1, 2).reshape(len(part), -1)
        labels = np.arange(len(part), dtype=np.uint8)[:, None]
        (tmp_path / f"{name}.bin").write_bytes(np.concatenate([labels, planes], 1).tobytes())
    return tmp_path


def test_every_picture_is_what_its_file_holds(folder, tmp_path):
    plain, source = (data.load("cifar10", dir=folder, jpeg=jpeg) for jpeg in (False, True))
    np.testing.assert_array_equal(plain.train, PICTURES[:6])
    read = np.concatenate([source.train, source.test])
    assert read.dtype == np.uint8
    for picture, original in zip(read, PICTURES, strict=True):
        Image.fromarray(original).save(tmp_path / "one.jpg")  # as one writes it who chooses nothing
        np.testing.assert_array_equal(picture, np.asarray(Image.open(tmp_path / "one.jpg")))
    differences = np.abs(read.astype(int) - PICTURES).mean(axis=(1, 2, 3))
    assert 0 < differences.min() <= differences.max() < 3
    for labels in ("train_labels", "test_labels"):
        np.testing.assert_array_equal(getattr(source, labels), getattr(plain, labels))
    assert source.fingerprint != plain.fingerprint
    assert source.details == plain.details | {"jpeg": 75}
    assert (source.name, source.range) == (plain.name, plain.range)


def test_a_limit_takes_the_same_pictures(folder):
    few, all_of_them = (data.load("cifar10", dir=folder, jpeg=True, limit=n) for n in (2, None))
    np.testing.assert_array_equal(few.train, all_of_them.train[:2])
    np.testing.assert_array_equal(few.test, all_of_them.test)
    assert few.train_labels.tolist() == [0, 1]
