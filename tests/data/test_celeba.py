"""CelebA from archives and folders of every layout, and its options."""

import os
from pathlib import Path

import numpy as np
import pytest

from coulomb_jax.data import DataError
from coulomb_jax.data.crops import Crop
from tests.data import celeba_miniature as mini
from tests.data.celeba_miniature import HALVES, JPEGS, TEST, TRAIN, check, load, published

pytestmark = pytest.mark.usefixtures("own_places")


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


def test_a_zip_in_capitals_can_be_named(folder):
    in_a_zip(folder)
    check(load(folder / "FACES.ZIP"))
    (folder / "FACES.ZIP").write_bytes((folder / "FACES.ZIP").read_bytes()[:1000])
    with pytest.raises(DataError, match="must be a whole zip file, but it holds 1,000 bytes"):
        load(folder / "FACES.ZIP")


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
