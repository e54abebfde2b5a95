"""CelebA as TensorFlow Datasets prepares it."""

import sys
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from coulomb_jax.data import DataError, celeba
from tests.data import celeba_miniature as mini
from tests.data.celeba_miniature import JPEGS, TEST, TRAIN, check, load, published

pytestmark = pytest.mark.usefixtures("own_places")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    original = tmp_path_factory.mktemp("original")
    published(original)
    place = tmp_path_factory.mktemp("tfds")
    return mini.prepare(place, original)


def sorted_like(expected, numbers, source_pictures):
    order = {mini.decoded(expected[n]).tobytes(): n for n in numbers}
    return [order[picture.tobytes()] for picture in source_pictures]


@pytest.mark.parametrize("level", [0, 1, 2])
def test_a_prepared_set_is_read_without_tensorflow(prepared, level):
    source = load([prepared, *prepared.parents][level])
    assert "tensorflow" not in sys.modules
    # TensorFlow Datasets shuffles what it writes.
    train, test = sorted_like(JPEGS, TRAIN, source.train), sorted_like(JPEGS, TEST, source.test)
    assert sorted(train) == sorted(TRAIN)
    assert sorted(test) == sorted(TEST)
    np.testing.assert_array_equal(source.train_attributes, [mini.ATTRIBUTES[n] for n in train])
    assert source.attribute_names == tuple(mini.headings()[0])
    points = (np.array([mini.LANDMARKS[n] for n in test]) + 0.5 - [19, 39]) * 64 / 140 - 0.5
    np.testing.assert_allclose(source.test_landmarks, points, atol=1e-5)
    assert source.details["source"] == "tfds"
    assert "4 validation" in source.details["split"]
    assert len(load(prepared, split="wae").train) == 22


def test_its_own_place_needs_no_dir(prepared, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared.parent.parent))
    assert celeba.load(workers=1).details["archive"] == "celeb_a/2.1.0"


def test_a_prepared_set_comes_before_files_unless_files_are_named(prepared, folder):
    published(folder)
    (folder / "celeb_a").symlink_to(prepared.parent)
    assert load(folder).details["source"] == "tfds"
    assert load(folder, source="files").details["archive"] == "img_align_celeba.zip"
    assert load(folder, source="tfds").details["source"] == "tfds"


def copied(prepared, folder, change):
    for path in prepared.iterdir():
        target = folder / "celeb_a" / "2.1.0" / path.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(change(path.name, path.read_bytes()))


def test_records_of_another_format_are_passed_over(prepared, folder):
    copied(prepared, folder, lambda _, content: content.replace(b'"array_record"', b'"tfrecord"'))
    with pytest.raises(DataError, match=r"celeb_a/2.1.0 is celeb_a as tfrecord, and only"):
        load(folder)
    published(folder)
    check(load(folder))


@pytest.mark.parametrize("damaged", ["train.array_record", "features.json"])
def test_damaged_records_are_explained(prepared, folder, damaged):
    copied(prepared, folder, lambda name, content: content[:100] if damaged in name else content)
    with pytest.raises(DataError, match=r"must be a whole data set .* move it away and prepare it again"):
        load(folder)


def test_where_tensorflow_is_the_set_is_prepared_in_the_folder(folder, prepared):
    folder.mkdir()

    def download(self):
        copied(prepared, Path(self.data_dir).parent.parent, lambda _, content: content)

    import tensorflow_datasets as tfds

    with (
        mock.patch("importlib.util.find_spec", return_value=mock.Mock()),
        mock.patch.object(tfds.core.DatasetBuilder, "download_and_prepare", download),
    ):
        assert load(folder).details["source"] == "tfds"
    assert (folder / "celeb_a" / "2.1.0").is_dir()


def test_a_failed_download_is_reported(folder):
    folder.mkdir()
    import tensorflow_datasets as tfds

    failing = mock.Mock(side_effect=OSError("no network"))
    with (
        mock.patch("importlib.util.find_spec", return_value=mock.Mock()),
        mock.patch.object(tfds.core.DatasetBuilder, "download_and_prepare", failing),
        pytest.raises(DataError, match="TensorFlow Datasets failed: no network"),
    ):
        load(folder)
