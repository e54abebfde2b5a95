import os
import sys
import types
from pathlib import Path
from unittest import mock

import numpy as np
import pytest

from coulomb_jax import data
from coulomb_jax.data import DataError, celeba, faces
from coulomb_jax.data.crops import Crop
from tests.data import celeba_miniature as mini

JPEGS, HALVES = mini.jpegs(), mini.jpegs((89, 109))
TRAIN = [n for n in mini.NUMBERS if mini.PARTS[n] == 0]
TEST = [n for n in mini.NUMBERS if mini.PARTS[n] == 2]


@pytest.fixture(autouse=True)
def own_places(tmp_path, monkeypatch):
    monkeypatch.setenv("COULOMB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "own"))


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "data"


def load(folder, **options):
    return celeba.load(dir=folder, **{"workers": 1} | options)


def published(folder):
    mini.write_zip(folder / "img_align_celeba.zip", JPEGS)
    mini.write_tables(folder)


def with_folders(folder):
    mini.write_zip(folder / "Img" / "img_align_celeba.zip", JPEGS)
    for name, text in mini.tables().items():
        place = folder / ("Eval" if "partition" in name else "Anno") / name
        place.parent.mkdir(exist_ok=True)
        place.write_text(text)


def unpacked(folder):
    mini.write_folder(folder / "img_align_celeba", JPEGS)
    mini.write_tables(folder)


def kaggle_unpacked(folder):
    mini.write_folder(folder / "img_align_celeba" / "img_align_celeba", JPEGS)
    mini.write_tables(folder, comma=True)


def kaggle_zip(folder):
    mini.write_zip(folder / "archive.zip", JPEGS, mini.tables(comma=True))


def torchvision(folder):
    unpacked(folder / "celeba")


def flat(folder):
    mini.write_folder(folder, JPEGS)
    mini.write_tables(folder)


def in_a_tar(folder):
    mini.write_tables(folder)
    mini.write_tar(folder / "faces.tar", JPEGS)


def in_a_zip(folder):
    mini.write_tables(folder)
    mini.write_zip(folder / "FACES.ZIP", JPEGS)


def in_a_folder(folder):
    mini.write_tables(folder)
    mini.write_folder(folder / "full size", JPEGS)


LAYOUTS = [published, with_folders, unpacked, kaggle_unpacked, kaggle_zip, torchvision, flat]
LAYOUTS += [in_a_tar, in_a_zip, in_a_folder]


def check(source):
    np.testing.assert_array_equal(source.train, [mini.decoded(JPEGS[n]) for n in TRAIN])
    np.testing.assert_array_equal(source.test, [mini.decoded(JPEGS[n]) for n in TEST])
    np.testing.assert_array_equal(source.train_attributes, [mini.ATTRIBUTES[n] for n in TRAIN])
    np.testing.assert_array_equal(source.test_attributes, [mini.ATTRIBUTES[n] for n in TEST])
    assert source.attribute_names == tuple(mini.headings()[0])
    # 140 pixels from column 19 and row 39 on become 64, and pixels are counted at their middles.
    points = (np.array([mini.LANDMARKS[n] for n in TEST]) + 0.5 - [19, 39]) * 64 / 140 - 0.5
    np.testing.assert_allclose(source.test_landmarks, points, atol=1e-5)
    assert source.train_landmarks.shape == (len(TRAIN), 5, 2)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_read_pixel_for_pixel(folder, layout):
    layout(folder)
    source = load(folder)
    check(source)
    assert source.name == "celeba subset of 24"
    assert source.range == (-1.0, 1.0)
    assert not source.synthetic
    details = source.details
    assert details["pictures"] == "24 of 178 x 218"
    assert details["crop"] == "rows 39 to 179, columns 19 to 159"
    assert details["split"] == "by partition: training and test parts, 4 validation pictures left out"
    assert (details["train"], details["test"], details["filter"]) == (14, 6, "lanczos, antialiased")


def test_all_layouts_have_one_fingerprint(folder):
    prints = set()
    for layout in LAYOUTS:
        layout(folder / layout.__name__)
        prints.add(load(folder / layout.__name__).fingerprint)
    assert len(prints) == 1


def test_an_archive_can_be_named(folder):
    with_folders(folder)
    check(load(folder / "Img" / "img_align_celeba.zip"))


def test_train_and_test_lie_in_one_map(folder):
    published(folder)
    source = load(folder)
    assert isinstance(source.train, np.memmap)
    assert isinstance(source.test, np.memmap)
    assert (
        source.test.__array_interface__["data"][0] - source.train.__array_interface__["data"][0]
        == 14 * 64 * 64 * 3
    )


@pytest.mark.parametrize("name", ["half.tar", "half.zip", "half"])
def test_half_size_is_cut_at_half_the_numbers(folder, name):
    write = {".tar": mini.write_tar, ".zip": mini.write_zip, "": mini.write_folder}[Path(name).suffix]
    folder.mkdir()
    write(folder / name, HALVES)
    mini.write_tables(folder)
    source = load(folder)
    expected = [Crop().picture(HALVES[n], "", (89, 109)) for n in TRAIN]
    np.testing.assert_array_equal(source.train, expected)
    full = np.array([mini.decoded(JPEGS[n]) for n in TRAIN], float)
    assert np.abs(source.train - full).mean() < 2  # the same smooth pictures, drawn at half size
    assert source.details["pictures"] == "24 of 89 x 109"
    np.testing.assert_array_equal(source.train_attributes, [mini.ATTRIBUTES[n] for n in TRAIN])


def test_the_archive_with_most_pictures_is_taken_unless_one_is_named(folder):
    folder.mkdir()
    mini.write_tar(folder / "a_few_at_full_size.tar", {n: JPEGS[n] for n in range(1, 9)})
    mini.write_zip(folder / "none.zip", {})
    mini.write_folder(folder / "all of them", JPEGS)
    assert load(folder).details["archive"] == "a_few_at_full_size.tar"  # slower to read as single files
    mini.write_zip(folder / "half.zip", HALVES)
    assert load(folder).details["archive"] == "half.zip"
    mini.write_folder(folder / "celeba" / "img_align_celeba", JPEGS)
    assert load(folder).details["archive"] == "img_align_celeba"  # as it is published, a folder deeper
    few = load(folder / "a_few_at_full_size.tar")
    assert few.name == "celeba subset of 8"
    np.testing.assert_array_equal(few.train, [mini.decoded(JPEGS[n]) for n in range(1, 7)])
    np.testing.assert_array_equal(few.test, [mini.decoded(JPEGS[n]) for n in (7, 8)])
    assert few.details["split"].startswith("last tenth: the last 2 of 8 held out")
    assert few.train_attributes is None
    assert few.attribute_names == ()


def test_without_a_partition_the_numbers_tell(folder):
    folder.mkdir()
    mini.write_tar(folder / "x.tar", JPEGS)
    source = load(folder)
    train = [n for n in mini.NUMBERS if n <= 162_770]
    test = [n for n in mini.NUMBERS if n >= 182_638]
    np.testing.assert_array_equal(source.train, [mini.decoded(JPEGS[n]) for n in train])
    np.testing.assert_array_equal(source.test, [mini.decoded(JPEGS[n]) for n in test])


def test_waes_split_holds_out_of_all(folder):
    published(folder)
    source = load(folder, split="wae")
    assert (len(source.train), len(source.test)) == (22, 2)
    every = sorted(mini.decoded(content).tobytes() for content in JPEGS.values())
    assert sorted(p.tobytes() for p in [*source.train, *source.test]) == every
    assert "our own" in source.details["split"]


def test_options_change_the_pictures_and_the_fingerprint(folder):
    published(folder)
    usual = load(folder)
    for options in ({"crop": 128}, {"crop": 148}, {"filter": "bilinear"}, {"size": 32}):
        other = load(folder, **options)
        crop = Crop(**{"crop": 140, "size": 64, "filter": "lanczos"} | options)
        np.testing.assert_array_equal(other.test[0], crop.picture(JPEGS[TEST[0]], "", (178, 218)))
        assert other.fingerprint != usual.fingerprint
    few = load(folder, limit=3, range=(0.0, 1.0))
    np.testing.assert_array_equal(few.train, usual.train[:3])
    np.testing.assert_array_equal(few.test, usual.test)
    assert few.fingerprint != usual.fingerprint
    assert few.train_attributes.shape == (3, 40)
    assert few.range == (0.0, 1.0)
    assert len(load(folder, limit=1000).train) == 14


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


def test_a_zip_in_capitals_can_be_named(folder):
    in_a_zip(folder)
    check(load(folder / "FACES.ZIP"))
    (folder / "FACES.ZIP").write_bytes((folder / "FACES.ZIP").read_bytes()[:1000])
    with pytest.raises(DataError, match="must be a whole zip file, but it holds 1,000 bytes"):
        load(folder / "FACES.ZIP")


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


@pytest.fixture
def renderer(monkeypatch):
    """In the place of the real one: pictures as grey as their one factor."""

    def render(n, size, seed, *, first=0):
        factors = np.random.default_rng((seed, first)).integers(0, 256, (n, 1)).astype(np.float32)
        return (
            np.broadcast_to(factors[..., None, None], (n, size, size, 3)).astype(np.uint8),
            factors,
            ("light",),
        )

    faces = types.ModuleType("coulomb_jax.data.faces")
    faces.render = render
    monkeypatch.setitem(sys.modules, "coulomb_jax.data.faces", faces)
    monkeypatch.setattr(data, "faces", faces, raising=False)


def test_the_stand_in_is_rendered_and_says_so(renderer, tmp_path):
    source = load(None, source="standin", limit=1500, size=8)
    assert source.name == "celeba stand-in"
    assert source.details["source"] == "stand-in"
    assert source.train.shape == (1500, 8, 8, 3)
    assert source.test.shape == (150, 8, 8, 3)
    assert source.attribute_names == ("light",)
    light = source.train[:, 0, 0, 0].astype(float)
    np.testing.assert_array_equal(source.train_attributes[:, 0], light > np.median(light))
    np.testing.assert_array_equal(source.test_attributes[:, 0], source.test[:, 0, 0, 0] > np.median(light))
    assert len(np.unique(light[:1024])) > 200
    assert not np.array_equal(light[:476], light[1024:])  # no chunk repeats another
    again = load(None, source="standin", limit=1500, size=8, cache=tmp_path / "other")
    assert again.fingerprint == source.fingerprint


def test_its_pictures_are_those_of_the_renderer():
    source = load(None, source="standin", limit=40, size=32)
    images, factors, names = faces.render(56, 32, 0)
    np.testing.assert_array_equal(source.train, images[:40])
    np.testing.assert_array_equal(source.test, images[40:])
    assert source.attribute_names == names
    np.testing.assert_array_equal(source.train_attributes, factors[:40] > np.median(factors[:40], 0))


def test_it_has_20000_pictures_unless_told(renderer):
    source = load(None, source="standin", size=2)
    assert (len(source.train), len(source.test)) == (20_000, 2_000)


@pytest.mark.slow
@pytest.mark.skipif("COULOMB_DATA" not in os.environ, reason="COULOMB_DATA names no data folder")
def test_ten_thousand_real_pictures():
    place = Path(os.environ["COULOMB_DATA"]) / "celeba"
    source = load(place, workers=2)
    assert source.name == "celeba subset of 10,000"
    assert source.train.shape == (9000, 64, 64, 3)
    assert source.test.shape == (1000, 64, 64, 3)
    assert source.details["pictures"] == "10,000 of 89 x 109"
    lines = (place / "list_attr_celeba_000001-010000.txt").read_text().splitlines()
    assert source.attribute_names == tuple(lines[1].split())
    rows = np.array([line.split()[1:] for line in lines[2:]], int) == 1
    np.testing.assert_array_equal(np.concatenate([source.train_attributes, source.test_attributes]), rows)
    # Published for all of CelebA: 41.7 % male, 48.2 % smiling.
    rates = dict(zip(source.attribute_names, rows.mean(0)))
    assert rates["Male"] == pytest.approx(0.417, abs=0.02)
    assert rates["Smiling"] == pytest.approx(0.482, abs=0.02)
    # Faces: skin in the middle is lighter in red than in blue.
    middle = source.train[:500, 24:40, 24:40].mean((0, 1, 2))
    assert middle[0] > middle[2] + 20
    full = load(place / "celeba_align_178x218_000001-000032.tar")
    assert np.abs(full.train[:20].astype(float) - source.train[:20]).mean() < 6
