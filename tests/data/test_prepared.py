"""A real, miniature ArrayRecord folder, written by TensorFlow Datasets without TensorFlow."""

import io
import json
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from coulomb_jax import data
from coulomb_jax.data import prepared

SITE = "https://example.org/mnist/"


@pytest.fixture(scope="module")
def images():
    random = np.random.default_rng(0)
    return {"train": random.integers(0, 256, (9, 28, 28, 1), np.uint8), "t10k": 255 * np.eye(28)}


@pytest.fixture(scope="module")
def folder(images, tmp_path_factory):
    import tensorflow_datasets as tfds
    from tensorflow_datasets.image_classification import mnist

    images["t10k"] = images["t10k"].astype(np.uint8)[None, ..., None].repeat(3, axis=0)

    def as_png(url, _):
        # Finished PNG files are what its writer takes without TensorFlow.
        for pixels in images["train" if "train" in url else "t10k"]:
            file = io.BytesIO()
            Image.fromarray(pixels[..., 0]).save(file, "PNG")
            yield io.BytesIO(file.getvalue())

    def labels(url, _):
        return np.arange(9) if "train" in url else np.arange(3)

    place = tmp_path_factory.mktemp("tfds")
    with (
        mock.patch.object(mnist, "_extract_mnist_images", as_png),
        mock.patch.object(mnist, "_extract_mnist_labels", labels),
        mock.patch.object(tfds.download.DownloadManager, "download_and_extract", lambda _, x: x),
    ):
        builder = tfds.builder("mnist", data_dir=place, file_format="array_record")
        builder.download_and_prepare()
    return place


def test_a_prepared_set_is_read_pixel_for_pixel(folder, images):
    (train, train_labels, test, test_labels), notes = prepared.read("mnist", SITE, folder)
    assert notes == []
    assert train.dtype == test.dtype == np.uint8
    # TensorFlow Datasets shuffles what it writes; the label is each example's place.
    assert sorted(train_labels.tolist()) == list(range(9))
    np.testing.assert_array_equal(train, images["train"][train_labels])
    np.testing.assert_array_equal(test, images["t10k"])
    assert sorted(test_labels.tolist()) == [0, 1, 2]


def test_mnist_without_a_folder_is_read_from_there(folder, images, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    source = data.load("mnist", limit=4)
    assert source.train.shape == (4, 28, 28, 1)
    np.testing.assert_array_equal(source.train, images["train"][source.train_labels])
    assert source.test.shape == (3, 28, 28, 1)
    assert source.name == "mnist"
    padded = data.load("mnist", side=32, limit=4)
    np.testing.assert_array_equal(padded.train, np.pad(source.train, ((0, 0), (2, 2), (2, 2), (0, 0))))
    assert padded.test.shape == (3, 32, 32, 1)


def test_what_is_not_prepared_is_explained(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    expected = rf"{tmp_path} .the folder of .*; dir is None.*TensorFlow, which .* not installed; get .*{SITE}"
    with mock.patch("importlib.util.find_spec", return_value=None):
        with pytest.raises(data.DataError, match=expected):
            prepared.read("fashion_mnist", SITE)
        assert prepared.read("fashion_mnist", SITE, tmp_path) == (None, [])


def test_a_failed_preparation_is_explained(tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    failing = mock.Mock(side_effect=OSError("no network"))
    with (
        mock.patch("importlib.util.find_spec", return_value=mock.Mock()),
        mock.patch.object(tfds.core.DatasetBuilder, "download_and_prepare", failing),
        pytest.raises(data.DataError, match=r"Datasets failed: no network; .*give their folder as dir"),
    ):
        prepared.read("fashion_mnist", SITE)


def copy_with(folder, tmp_path, change):
    for path in folder.rglob("*"):
        if path.is_file():
            target = tmp_path / path.relative_to(folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(change(path))
    return tmp_path


def test_every_level_of_the_folder_may_be_given(folder):
    for dir in (folder, folder / "mnist", *folder.glob("mnist/*")):
        (train, *_), _ = prepared.read("mnist", SITE, dir)
        assert len(train) == 9
        assert prepared.read("fashion_mnist", SITE, dir) == (None, [])


def test_another_record_format_is_explained(folder, tmp_path, monkeypatch):
    def change(path):
        if path.name != "dataset_info.json":
            return path.read_bytes()
        return json.dumps(json.loads(path.read_text()) | {"fileFormat": "tfrecord"}).encode()

    other = copy_with(folder, tmp_path, change)
    arrays, (note,) = prepared.read("mnist", SITE, other)
    assert arrays is None
    assert "is mnist as tfrecord, and only array_record can be read" in note
    monkeypatch.setenv("TFDS_DATA_DIR", str(other))
    with pytest.raises(data.DataError, match=r"is mnist as tfrecord, .* move it away and prepare the set"):
        prepared.read("mnist", SITE)


def test_a_damaged_record_is_explained(folder, tmp_path):
    def change(path):
        return path.read_bytes()[:100] if "array_record" in path.name else path.read_bytes()

    with pytest.raises(
        data.DataError, match=r"reading it failed: .*move it away .* or get the four"
    ) as raised:
        prepared.read("mnist", SITE, copy_with(folder, tmp_path, change))
    assert "dir is None" not in str(raised.value)
