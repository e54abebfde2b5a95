"""A CelebA of 24 made-up pictures in the published formats: the same bytes in every one of them."""

import io
import tarfile
import zipfile
from pathlib import Path
from unittest import mock

import numpy as np
from PIL import Image

from coulomb_jax.data import celeba

RANDOM = np.random.default_rng(0)
NUMBERS = [*range(1, 15), 162_770, 162_771, 162_772, 182_637, *range(182_638, 182_643), 202_599]
# Neither in the order of the numbers nor as the numbers would have it.
PARTS = dict(zip(NUMBERS, RANDOM.permutation([0] * 14 + [1] * 4 + [2] * 6).tolist(), strict=True))
ATTRIBUTES = dict(zip(NUMBERS, RANDOM.integers(0, 2, (24, 40)).astype(bool), strict=True))
LANDMARKS = dict(zip(NUMBERS, RANDOM.integers(30, 150, (24, 5, 2)), strict=True))
TRAIN, TEST = ([n for n in NUMBERS if PARTS[n] == part] for part in (0, 2))
TABLES = ("list_eval_partition", "list_attr_celeba", "list_landmarks_align_celeba")


def headings():
    from tensorflow_datasets.datasets.celeb_a import celeb_a_dataset_builder as celeb_a

    return celeb_a.ATTR_HEADINGS, celeb_a.LANDMARK_HEADINGS


def pixels(number, size=(178, 218)):
    """Smooth enough that JPEG keeps it, another for every number."""
    coarse = np.random.default_rng(number).integers(0, 256, (7, 6, 3), np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def jpegs(size=(178, 218)):
    contents = {}
    for number in NUMBERS:
        file = io.BytesIO()
        pixels(number, size).save(file, "JPEG", quality=90)
        contents[number] = file.getvalue()
    return contents


JPEGS, HALVES = jpegs(), jpegs((89, 109))


def tables(comma=False):
    """The text files as published, or in commas as on Kaggle, by name."""
    attributes, landmarks = headings()
    rows = {
        "list_eval_partition": {n: [part] for n, part in PARTS.items()},
        "list_attr_celeba": {n: (2 * values.astype(int) - 1).tolist() for n, values in ATTRIBUTES.items()},
        "list_landmarks_align_celeba": {n: points.ravel().tolist() for n, points in LANDMARKS.items()},
    }
    names = {"list_eval_partition": ["partition"], "list_attr_celeba": attributes}
    names["list_landmarks_align_celeba"] = landmarks
    if comma:
        return {
            f"{kind}.csv": "\n".join(
                [",".join(["image_id", *names[kind]])]
                + [",".join([f"{n:06d}.jpg", *map(str, row)]) for n, row in values.items()]
            )
            for kind, values in rows.items()
        }
    heads = {kind: f"{len(NUMBERS)}\n{' '.join(names[kind])} \n" for kind in TABLES}
    heads["list_eval_partition"] = ""
    return {
        f"{kind}.txt": heads[kind]
        + "".join(f"{n:06d}.jpg {' '.join(f'{v:2d}' for v in row)}\n" for n, row in values.items())
        for kind, values in rows.items()
    }


def write_tables(folder, comma=False):
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in tables(comma).items():
        (folder / name).write_text(text)


def write_zip(path, contents, texts=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("img_align_celeba/", b"")
        for number, content in contents.items():
            file.writestr(f"img_align_celeba/{number:06d}.jpg", content)
        for name, text in (texts or {}).items():
            file.writestr(name, text)


def write_folder(path, contents):
    path.mkdir(parents=True)
    for number, content in contents.items():
        (path / f"{number:06d}.jpg").write_bytes(content)


def write_tar(path, contents):
    with tarfile.open(path, "w") as file:
        for number, content in contents.items():
            member = tarfile.TarInfo(f"{number:06d}.jpg")
            member.size = len(content)
            file.addfile(member, io.BytesIO(content))


def prepare(folder, original):
    """Let TensorFlow Datasets' own builder of celeb_a prepare `original`, without TensorFlow.

    What it would download is there, and the zip is read by Python's own reader; finished JPEG files
    are what its writer takes.
    """
    import tensorflow_datasets as tfds

    (original / "identity_CelebA.txt").write_text("".join(f"{n:06d}.jpg {n}\n" for n in NUMBERS))
    files = {
        "img_align_celeba": original / "img_align_celeba.zip",
        "list_eval_partition": original / "list_eval_partition.txt",
        "list_attr_celeba": original / "list_attr_celeba.txt",
        "landmarks_celeba": original / "list_landmarks_align_celeba.txt",
        "identity_celeba": original / "identity_CelebA.txt",
    }

    def members(_, path):
        with zipfile.ZipFile(path) as file:
            for name in file.namelist():
                yield name, io.BytesIO(file.read(name))

    with (
        mock.patch.object(
            tfds.download.DownloadManager, "download", lambda _, urls: {k: files[k] for k in urls}
        ),
        mock.patch.object(tfds.download.DownloadManager, "iter_archive", members),
    ):
        builder = tfds.builder("celeb_a", data_dir=folder, file_format="array_record")
        builder.download_and_prepare()
    return Path(builder.data_dir)


def decoded(content):
    """The published preparation, by hand: rows 39 to 179, columns 19 to 159, Lanczos to 64."""
    cut = np.asarray(Image.open(io.BytesIO(content)))[39:179, 19:159]
    return np.asarray(Image.fromarray(cut).resize((64, 64), Image.Resampling.LANCZOS))


def load(folder, **options):
    return celeba.load(dir=folder, **{"workers": 1} | options)


def published(folder):
    write_zip(folder / "img_align_celeba.zip", JPEGS)
    write_tables(folder)


def check(source):
    np.testing.assert_array_equal(source.train, [decoded(JPEGS[n]) for n in TRAIN])
    np.testing.assert_array_equal(source.test, [decoded(JPEGS[n]) for n in TEST])
    np.testing.assert_array_equal(source.train_attributes, [ATTRIBUTES[n] for n in TRAIN])
    np.testing.assert_array_equal(source.test_attributes, [ATTRIBUTES[n] for n in TEST])
    assert source.attribute_names == tuple(headings()[0])
    # 140 pixels from column 19 and row 39 on become 64, and pixels are counted at their middles.
    points = (np.array([LANDMARKS[n] for n in TEST]) + 0.5 - [19, 39]) * 64 / 140 - 0.5
    np.testing.assert_allclose(source.test_landmarks, points, atol=1e-5)
    assert source.train_landmarks.shape == (len(TRAIN), 5, 2)
