"""What is said where CelebA is not there, or not whole."""

import pytest

from coulomb_jax.data import DataError, celeba
from tests.data import celeba_miniature as mini
from tests.data.celeba_miniature import HALVES, JPEGS, check, load, published

pytestmark = pytest.mark.usefixtures("own_places")


def test_nothing_there_is_one_message_with_all_that_helps(folder):
    folder.mkdir()
    with pytest.raises(DataError) as raised:
        load(folder)
    message = str(raised.value)
    for part in (
        str(folder),
        "img_align_celeba.zip",
        "list_eval_partition.txt",
        "http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
        "kaggle datasets download",
        "download_and_prepare()",
        "2 KB is the quota page",
        "--config=couae.py:standin",
        "TensorFlow, which downloading and preparing takes, is not installed",
    ):
        assert part in message
    with pytest.raises(DataError, match=r"own \(the folder of TensorFlow Datasets; dir is None\)"):
        celeba.load()
    with pytest.raises(DataError, match="that folder is not there"):
        load(folder / "nowhere")
    for source in ("files", "tfds"):
        with pytest.raises(DataError, match="CelebA must be on disk"):
            load(folder, source=source)


def test_a_quota_page_is_told_from_the_set(folder):
    mini.write_tables(folder)
    (folder / "img_align_celeba.zip").write_bytes(b"<!DOCTYPE html><html>Google Drive".ljust(2200))
    with pytest.raises(DataError, match=r"note: .*celeba.zip is a web page of 2,200 bytes, not the data set"):
        load(folder)
    with pytest.raises(DataError, match="web page"):
        load(folder / "img_align_celeba.zip")
    mini.write_folder(folder / "img_align_celeba", JPEGS)
    check(load(folder))


@pytest.mark.parametrize("name", ["img_align_celeba.tar.gz", "faces.TGZ", "img_celeba.7z", "img.7z.001"])
def test_an_archive_to_unpack_is_named(folder, name):
    folder.mkdir()
    (folder / name).write_bytes(b"compressed")
    with pytest.raises(DataError, match=rf"note: .*/{name} is packed in a way that is not read; unpack it"):
        load(folder)


def test_other_zips_are_told_from_the_set(folder):
    (folder / "celeba").mkdir(parents=True)
    mini.write_zip(folder / "other.zip", {}, {"a.txt": "text"})
    (folder / "celeba" / "faces.zip").write_bytes(b"<html>Quota exceeded")
    with pytest.raises(DataError) as raised:
        load(folder)
    assert f"note: {folder / 'other.zip'} holds no picture named NNNNNN.jpg" in str(raised.value)
    assert f"note: {folder / 'celeba' / 'faces.zip'} is a web page of 20 bytes" in str(raised.value)


def spoilt(**changes):
    return JPEGS | {int(number[1:]): content for number, content in changes.items()}


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (spoilt(_7=JPEGS[7][:3000]), r"000007.jpg in .*\.zip must be a picture .* truncated"),
        (spoilt(_7=b""), r"000007.jpg in .*\.zip must be a picture that can be read"),
        (spoilt(_1=b"no picture"), r"000001.jpg in .*\.zip must be a picture that can be read, but opening"),
        (spoilt(_7=HALVES[7]), r"000007.jpg in .* must be 178 x 218 .* but it is 89 x 109"),
        (mini.jpegs((200, 200)), r"000001.jpg in .* is 200 x 200; take img_align_celeba"),
        ({}, r"must hold pictures named NNNNNN.jpg, but there are none"),
        ({1: JPEGS[1]}, r"at least 2 pictures each, but there are 1 in all"),
        (JPEGS | {15: JPEGS[1]}, r"list_eval_partition.txt must have a row .* none for 000015.jpg"),
    ],
)
def test_damaged_sets_are_explained(folder, contents, message):
    mini.write_zip(folder / "img_align_celeba.zip", contents)
    mini.write_tables(folder)
    with pytest.raises(DataError, match=message):
        load(folder)


def test_a_missing_attribute_row_is_named(folder):
    published(folder)
    path = folder / "list_attr_celeba.txt"
    head, _, rows = path.read_text().partition("\n")
    assert head == "24"
    path.write_text("23\n" + "".join(line for line in rows.splitlines(True) if "000003.jpg" not in line))
    with pytest.raises(DataError, match=r"list_attr_celeba.txt must have a row .* none for 000003.jpg"):
        load(folder)
    path.unlink()
    assert load(folder).train_attributes is None


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source": "kaggle"}, "no source of celeba 'kaggle'; .*valid names: auto, files, standin, tfds"),
        ({"split": "offical"}, "did you mean official"),
        ({"crop": 141}, "crop must be even"),
        ({"limit": 0}, "limit must be at least 1, but it is 0"),
    ],
)
def test_bad_options_are_refused_before_anything_is_looked_for(options, message):
    with pytest.raises(ValueError, match=message):
        load("nowhere", **options)
