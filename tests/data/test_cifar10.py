"""Miniatures of the binary version, its archive and a folder of TensorFlow Datasets, read back."""

import gzip
import io
import os
import tarfile
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from PIL import Image

from coulomb_jax import data

RANDOM = np.random.default_rng(0)
BATCHES = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]
IMAGES = {name: RANDOM.integers(0, 256, (4, 32, 32, 3), np.uint8) for name in BATCHES}
LABELS = {name: RANDOM.integers(0, 10, 4, np.uint8) for name in BATCHES}
TRAIN = np.concatenate([IMAGES[name] for name in BATCHES[:5]])
TRAIN_LABELS = np.concatenate([LABELS[name] for name in BATCHES[:5]])
SITE = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"


def records(images, labels):
    """As the authors describe it: the label, 1,024 red bytes row by row, as many green, as many blue."""
    content = b""
    for image, label in zip(images, labels, strict=True):
        content += bytes([label]) + b"".join(image[:, :, colour].tobytes() for colour in range(3))
    return content


CONTENT = {name: records(IMAGES[name], LABELS[name]) for name in BATCHES}


@pytest.fixture
def folder(tmp_path):
    inner = tmp_path / "cifar-10-batches-bin"
    inner.mkdir()
    for name in BATCHES:
        (inner / f"{name}.bin").write_bytes(CONTENT[name])
    (inner / "batches.meta.txt").write_text("airplane\n")
    (inner / "readme.html").write_text("<html>")
    return inner


@pytest.fixture
def archive(folder, tmp_path):
    path = tmp_path / "got" / "cifar-10-binary.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as tar:
        tar.add(folder, folder.name)
    return path


def check(source):
    np.testing.assert_array_equal(source.train, TRAIN)
    np.testing.assert_array_equal(source.train_labels, TRAIN_LABELS)
    np.testing.assert_array_equal(source.test, IMAGES["test_batch"])
    np.testing.assert_array_equal(source.test_labels, LABELS["test_batch"])
    assert source.train.dtype == source.test.dtype == np.uint8
    assert source.range == (0.0, 1.0)
    assert source.name == "cifar10 subset of 20"
    assert not source.synthetic
    assert source.details["train"] == 20
    assert source.details["test"] == 4


def test_the_unpacked_folder_is_read(folder):
    check(data.load("cifar10", dir=folder))
    check(data.load("cifar10", dir=str(folder.parent)))


def test_the_archive_is_read(archive):
    check(data.load("cifar10", dir=archive))
    check(data.load("cifar10", dir=archive.parent))
    archive.write_bytes(gzip.decompress(archive.read_bytes()))  # unpacked by a browser, name unchanged
    check(data.load("cifar10", dir=archive))


def test_compressed_files_give_the_same(folder):
    expected = data.load("cifar10", dir=folder).fingerprint
    for name in BATCHES[::2]:
        (folder / f"{name}.bin").unlink()
        (folder / f"{name}.bin.gz").write_bytes(gzip.compress(CONTENT[name]))
    check(data.load("cifar10", dir=folder))
    assert data.load("cifar10", dir=folder).fingerprint == expected
    (folder / "data_batch_3.bin").write_bytes(CONTENT["data_batch_3"])  # both, and the plain one is read
    (folder / "data_batch_3.bin.gz").write_bytes(b"")
    assert data.load("cifar10", dir=folder).fingerprint == expected


def test_only_the_whole_set_bears_the_bare_name(tmp_path):
    whole = np.zeros((10_000, 3073), np.uint8)
    for name in BATCHES:
        (tmp_path / f"{name}.bin").write_bytes(whole.tobytes())
    source = data.load("cifar10", dir=tmp_path)
    assert source.name == "cifar10"
    assert source.train.shape == (50_000, 32, 32, 3)
    assert source.test.shape == (10_000, 32, 32, 3)


def test_limit_takes_the_first_training_pictures(folder):
    source = data.load("cifar10", dir=folder, limit=6)
    np.testing.assert_array_equal(source.train, TRAIN[:6])
    np.testing.assert_array_equal(source.train_labels, TRAIN_LABELS[:6])
    assert len(source.test) == 4
    assert source.name == "cifar10 subset of 6"
    assert source.fingerprint != data.load("cifar10", dir=folder).fingerprint
    with pytest.raises(ValueError, match="limit must be at least 1, but it is 0"):
        data.load("cifar10", dir=folder, limit=0)


def test_the_first_records_of_some_batches_are_a_subset(tmp_path):
    (tmp_path / "data_batch_2_first4.bin.gz").write_bytes(gzip.compress(CONTENT["data_batch_2"]))
    (tmp_path / "data_batch_1_first3.bin").write_bytes(CONTENT["data_batch_1"][: 3 * 3073])
    (tmp_path / "test_batch_first4.bin.gz").write_bytes(gzip.compress(CONTENT["test_batch"]))
    source = data.load("cifar10", dir=tmp_path)
    assert source.name == "cifar10 subset of 7"
    np.testing.assert_array_equal(source.train, np.delete(TRAIN[:8], 3, axis=0))
    np.testing.assert_array_equal(source.test, IMAGES["test_batch"])
    assert source.details["files"] == [
        "data_batch_1_first3.bin",
        "data_batch_2_first4.bin.gz",
        "test_batch_first4.bin.gz",
    ]
    (tmp_path / "data_batch_1_first3.bin").write_bytes(CONTENT["data_batch_1"])
    with pytest.raises(data.DataError, match=r"_first3.bin in .* 3 records of 3073 bytes, .* holds 12,292 b"):
        data.load("cifar10", dir=tmp_path)


@pytest.mark.parametrize("name", ["data_batch_4", "test_batch"])
def test_a_missing_batch_is_named_with_where_to_get_it(folder, name):
    (folder / f"{name}.bin").unlink()
    with pytest.raises(data.DataError, match=f"but {name} is not there; get {SITE}") as raised:
        data.load("cifar10", dir=folder)
    assert str(folder) in str(raised.value)


def test_a_test_batch_alone_is_refused(tmp_path):
    (tmp_path / "test_batch_first4.bin").write_bytes(CONTENT["test_batch"])
    with pytest.raises(data.DataError, match="but any to train on is not there"):
        data.load("cifar10", dir=tmp_path)


def test_nothing_there_is_explained(tmp_path):
    with pytest.raises(data.DataError, match=f"there is no such folder; it can be had from {SITE}"):
        data.load("cifar10", dir=tmp_path / "nowhere")
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"")
    with pytest.raises(data.DataError, match=r"holds neither; .*Python and Matlab versions are not read"):
        data.load("cifar10", dir=tmp_path)


def test_another_archive_is_explained(tmp_path):
    path = tmp_path / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(tarfile.TarInfo("cifar-10-batches-py/data_batch_1"))
    with pytest.raises(data.DataError, match=r"there is none .the Python and Matlab versions are not read"):
        data.load("cifar10", dir=path)


@pytest.mark.parametrize("way", ["cut", "web page", "empty"])
def test_a_damaged_archive_is_explained(archive, way):
    content = archive.read_bytes()
    content = {"cut": content[: len(content) // 2], "web page": b"<html>Not found</html>", "empty": b""}[way]
    archive.write_bytes(content)
    with pytest.raises(data.DataError, match=r"unpacking it failed: .*get it again from") as raised:
        data.load("cifar10", dir=archive)
    assert f"{len(content):,} bytes" in str(raised.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CONTENT["data_batch_2"][:-1], "whole records of 3073 bytes, but it holds 12,291 bytes"),
        (CONTENT["data_batch_2"] + b"\0", "whole records of 3073 bytes, but it holds 12,293 bytes"),
        (b"", "whole records of 3073 bytes, but it holds 0 bytes"),
        (b"<html>Not found</html>", "holds 22 bytes"),
        (gzip.compress(CONTENT["data_batch_2"])[:-100], "must be a whole file, but reading it failed"),
        (records(IMAGES["data_batch_2"], [9, 10, 0, 11]), "picture 1 is 10"),
    ],
    ids=["short", "long", "empty", "a web page", "cut", "labels"],
)
def test_a_damaged_batch_is_explained(folder, content, message):
    (folder / "data_batch_2.bin").write_bytes(content)
    with pytest.raises(data.DataError, match=message) as raised:
        data.load("cifar10", dir=folder)
    assert "data_batch_2.bin" in str(raised.value)
    assert f"again from {SITE}" in str(raised.value)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    import tensorflow_datasets as tfds
    from tensorflow_datasets.image_classification import cifar

    place = tmp_path_factory.mktemp("tfds")
    original = tmp_path_factory.mktemp("original") / "cifar-10-batches-bin"
    original.mkdir()
    (original / "batches.meta.txt").write_text("\n".join("abcdefghij"))

    def as_png(path, _):
        # Finished PNG files are what its writer takes without TensorFlow.
        name = Path(path).stem
        for image, label in zip(IMAGES[name], LABELS[name], strict=True):
            file = io.BytesIO()
            Image.fromarray(image).save(file, "PNG")
            yield [label], io.BytesIO(file.getvalue())

    with (
        mock.patch.object(cifar, "_load_data", as_png),
        mock.patch.object(
            tfds.download.DownloadManager, "download_and_extract", return_value=str(original.parent)
        ),
    ):
        tfds.builder("cifar10", data_dir=place, file_format="array_record").download_and_prepare()
    return place


def test_what_tensorflow_datasets_prepared_is_read(prepared, monkeypatch):
    source = data.load("cifar10", dir=prepared)
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    assert data.load("cifar10").fingerprint == source.fingerprint
    assert source.name == "cifar10 subset of 20"
    # It shuffles what it writes.
    places = [int(np.argmax((image == TRAIN).all(axis=(1, 2, 3)))) for image in source.train]
    assert sorted(places) == list(range(20))
    np.testing.assert_array_equal(source.train_labels, TRAIN_LABELS[places])
    assert {i.tobytes() for i in source.test} == {i.tobytes() for i in IMAGES["test_batch"]}
    assert data.load("cifar10", jpeg=True).details == {"jpeg": 75} | source.details


@pytest.mark.parametrize("level", [0, 1, 2])
def test_it_is_found_at_every_level_of_its_folder(prepared, level):
    (place,) = prepared.glob("cifar10/*")
    source = data.load("cifar10", dir=[place, *place.parents][level])
    assert source.details["source"] == "TensorFlow Datasets"


def test_records_of_another_format_are_passed_over(folder, tmp_path):
    place = tmp_path / "cifar10" / "3.0.2"
    place.mkdir(parents=True)
    (place / "dataset_info.json").write_text('{"name": "cifar10", "fileFormat": "tfrecord"}')
    check(data.load("cifar10", dir=folder.parent))
    for path in folder.glob("*.bin"):
        path.unlink()
    with pytest.raises(data.DataError, match=r"holds neither; .*cifar10/3.0.2 is cifar10 as tfrecord, and"):
        data.load("cifar10", dir=tmp_path)


def test_what_is_not_prepared_is_explained(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with (
        mock.patch("importlib.util.find_spec", return_value=None),
        pytest.raises(
            data.DataError, match=f"get the binary version from {SITE} and give their folder as dir"
        ),
    ):
        data.load("cifar10")


@pytest.mark.skipif("COULOMB_DATA" not in os.environ, reason="COULOMB_DATA names no data folder")
def test_original_pictures():
    source = data.load("cifar10", dir=Path(os.environ["COULOMB_DATA"]) / "cifar10")
    assert source.name == "cifar10 subset of 4,000"
    assert source.train.shape == (4000, 32, 32, 3)
    assert source.test.shape == (1000, 32, 32, 3)
    # Published in countless tutorials: the corner of the frog, a frog being class 6, and of the cat, 3.
    assert source.train[0, 0, :2].tolist() == [[59, 62, 63], [43, 46, 45]]
    assert source.train_labels[:5].tolist() == [6, 9, 9, 4, 1]
    assert source.test[0, 0, 0].tolist() == [158, 112, 49]
    assert source.test_labels[:5].tolist() == [3, 8, 8, 0, 6]
    # Published of all 50,000: 0.4914, 0.4822, 0.4465.
    assert source.train.mean(axis=(0, 1, 2)) / 255 == pytest.approx([0.4914, 0.4822, 0.4465], abs=0.006)
