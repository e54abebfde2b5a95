"""Miniatures of the .mat files and of a folder of TensorFlow Datasets, read back."""

import io
from unittest import mock

import numpy as np
import pytest
import scipy.io
from PIL import Image

from coulomb_jax import data

RANDOM = np.random.default_rng(0)
SIZES = {"train": 12, "test": 5, "extra": 3}
IMAGES = {part: RANDOM.integers(0, 256, (n, 32, 32, 3), np.uint8) for part, n in SIZES.items()}
DIGITS = {part: np.arange(n) % 10 for part, n in SIZES.items()}
SITE = "http://ufldl.stanford.edu/housenumbers/"


def write(path, images, digits, **other):
    """As it is published: pictures along the last axis, one column of labels, 10 for the digit 0."""
    stacked = np.stack(list(images), axis=-1)
    labels = np.array([[10 if digit == 0 else digit] for digit in digits], np.uint8)
    scipy.io.savemat(path, {"X": stacked, "y": labels} | other, do_compression=True)


@pytest.fixture
def folder(tmp_path):
    for part in SIZES:
        write(tmp_path / f"{part}_32x32.mat", IMAGES[part], DIGITS[part])
    return tmp_path


def test_the_files_are_read(folder):
    (folder / "extra_32x32.mat").unlink()
    source = data.load("svhn", dir=str(folder))
    np.testing.assert_array_equal(source.train, IMAGES["train"])
    np.testing.assert_array_equal(source.test, IMAGES["test"])
    assert source.train_labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert source.test_labels.tolist() == [0, 1, 2, 3, 4]
    assert source.train.dtype == source.test.dtype == np.uint8
    assert source.train.flags.c_contiguous
    assert source.range == (0.0, 1.0)
    assert source.name == "svhn subset of 12"
    assert not source.synthetic
    assert source.details == {
        "source": "files",
        "files": ["train_32x32.mat", "test_32x32.mat"],
        "train": 12,
        "test": 5,
    }


def test_the_extra_pictures_come_last(folder):
    source = data.load("svhn", dir=folder, extra=True)
    np.testing.assert_array_equal(source.train, np.concatenate([IMAGES["train"], IMAGES["extra"]]))
    assert source.train_labels.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 0, 1, 2]
    assert source.name == "svhn with extra subset of 15"
    assert source.fingerprint != data.load("svhn", dir=folder).fingerprint


def test_limit_takes_the_first_training_pictures(folder):
    source = data.load("svhn", dir=folder, limit=3)
    np.testing.assert_array_equal(source.train, IMAGES["train"][:3])
    assert len(source.test) == 5
    assert source.name == "svhn subset of 3"
    with pytest.raises(ValueError, match="limit must be at least 1, but it is -1"):
        data.load("svhn", dir=folder, limit=-1)


@pytest.mark.parametrize(("part", "extra"), [("train", False), ("test", False), ("extra", True)])
def test_a_missing_file_is_named_with_where_to_get_it(folder, part, extra):
    (folder / f"{part}_32x32.mat").unlink()
    with pytest.raises(data.DataError, match=f"but {part}_32x32.mat is not there; .*{SITE}"):
        data.load("svhn", dir=folder, extra=extra)


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(data.DataError, match=r"nowhere must be a folder with train_32x32.mat and test"):
        data.load("svhn", dir=tmp_path / "nowhere")


def test_a_file_cut_off_or_of_another_kind_is_explained(folder):
    file = folder / "train_32x32.mat"
    whole = file.read_bytes()
    for content in (b"", b"<html>Not found</html>" * 20, *(whole[: len(whole) * k // 7] for k in range(7))):
        file.write_bytes(content)
        with pytest.raises(
            data.DataError, match=r"train_32x32.mat must (be a whole .mat file|hold arr)"
        ) as e:
            data.load("svhn", dir=folder)
        assert f"again from {SITE}" in str(e.value)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"X": np.zeros((32, 32, 12), np.uint8)}, r"X is uint8 \[32, 32, 12\]"),
        ({"X": np.zeros((12, 32, 32, 3), np.uint8)}, r"X is uint8 \[12, 32, 32, 3\]"),
        ({"X": np.zeros((32, 32, 3, 12))}, r"X is float64 \[32, 32, 3, 12\]"),
        ({"X": np.zeros((32, 32, 3, 11), np.uint8)}, r"\[32, 32, 3, 11\] and y has 12 values"),
        ({"y": np.arange(12)[:, None]}, r"labels of 1 to 10, but it has \[ 0  1 .* 11\]"),
        ({"y": np.full((12, 1), 1.5)}, r"labels of 1 to 10, but it has \[1.5\]"),
    ],
    ids=["grey", "pictures first", "floats", "one picture too few", "labels", "half labels"],
)
def test_other_arrays_are_explained(folder, other, message):
    write(folder / "test_32x32.mat", IMAGES["train"], DIGITS["train"], **other)
    with pytest.raises(data.DataError, match=message):
        data.load("svhn", dir=folder)


def test_other_names_are_explained(folder):
    scipy.io.savemat(folder / "test_32x32.mat", {"X": 1.0, "z": 2.0})
    with pytest.raises(data.DataError, match="must hold arrays X and y, but it holds X; get the file again"):
        data.load("svhn", dir=folder)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    import tensorflow_datasets as tfds

    place = tmp_path_factory.mktemp("tfds")
    builder = tfds.builder("svhn_cropped", data_dir=place, file_format="array_record")

    def examples(split_prefix, filepath):
        # Finished PNG files are what its writer takes without TensorFlow.
        part = split_prefix[:-1]
        for place, (image, digit) in enumerate(zip(IMAGES[part], DIGITS[part], strict=True)):
            file = io.BytesIO()
            Image.fromarray(image).save(file, "PNG")
            yield place, {"image": io.BytesIO(file.getvalue()), "label": digit, "id": f"{part}_{place}"}

    with (
        mock.patch.object(builder, "_generate_examples", examples),
        mock.patch.object(tfds.download.DownloadManager, "download", lambda _, x: x),
    ):
        builder.download_and_prepare()
    return place


@pytest.mark.parametrize("parts", [["train"], ["train", "extra"]])
def test_what_tensorflow_datasets_prepared_is_read(prepared, parts, monkeypatch):
    source = data.load("svhn", dir=prepared, extra="extra" in parts)
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    assert data.load("svhn", extra="extra" in parts).fingerprint == source.fingerprint
    expected = {
        (image.tobytes(), digit)
        for part in parts
        for image, digit in zip(IMAGES[part], DIGITS[part], strict=True)
    }
    # It shuffles what it writes.
    found = [(i.tobytes(), int(d)) for i, d in zip(source.train, source.train_labels, strict=True)]
    assert len(found) == len(expected)
    assert set(found) == expected
    assert {i.tobytes() for i in source.test} == {i.tobytes() for i in IMAGES["test"]}


@pytest.mark.parametrize("level", [0, 1, 2])
def test_it_is_found_at_every_level_of_its_folder(prepared, level):
    (place,) = prepared.glob("svhn_cropped/*")
    source = data.load("svhn", dir=[place, *place.parents][level])
    assert source.details["source"] == "TensorFlow Datasets"


def test_records_of_another_format_are_passed_over(folder, tmp_path):
    place = tmp_path / "svhn_cropped" / "3.0.2"
    place.mkdir(parents=True)
    (place / "dataset_info.json").write_text('{"name": "svhn_cropped", "fileFormat": "tfrecord"}')
    np.testing.assert_array_equal(data.load("svhn", dir=folder).train, IMAGES["train"])
    (folder / "train_32x32.mat").unlink()
    with pytest.raises(
        data.DataError, match=r"train_32x32.mat is not there; .*/3.0.2 is svhn_cropped as tfr"
    ):
        data.load("svhn", dir=folder)


def test_what_is_not_prepared_is_explained(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with (
        mock.patch("importlib.util.find_spec", return_value=None),
        pytest.raises(data.DataError, match=f"get train_32x32.mat and test_32x32.mat from {SITE} and give"),
    ):
        data.load("svhn")
