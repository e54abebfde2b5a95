import numpy as np
import pytest
from PIL import Image

from coulomb_jax import data

RANDOM = np.random.default_rng(0)


def write(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path, **options)


def flat(value, height=8, width=8):
    return np.full((height, width, 3), value)


@pytest.fixture
def folder(tmp_path):
    """Forty pictures of one grey level each, 5 times their place in order of path."""
    for place in range(40):
        write(tmp_path / "abcd"[place // 10] / f"{place:02}.png", flat(5 * place))
    return tmp_path


def levels(images):
    assert np.all(images == images[:, :1, :1, :1])
    return images[:, 0, 0, 0].tolist()


def test_a_folder_is_searched_and_split_evenly(folder):
    source = data.load("images", dir=folder, size=4)
    assert source.train.shape == (36, 4, 4, 3)
    assert source.train.dtype == np.uint8
    assert source.range == (0.0, 1.0)
    # One picture in ten, from the middle of each ten: every sub-folder is on both sides.
    assert levels(source.test) == [5 * place for place in (5, 15, 25, 35)]
    assert sorted(levels(source.train) + levels(source.test)) == list(range(0, 200, 5))
    assert data.load("images", dir=str(folder), size=4).fingerprint == source.fingerprint


def test_test_fraction_and_limit(folder):
    source = data.load("images", dir=folder, size=4, test_fraction=0.5, limit=8)
    assert len(source.train) == len(source.test) == 4
    kept = sorted(levels(source.train) + levels(source.test))
    assert kept == [5 * place for place in (2, 7, 12, 17, 22, 27, 32, 37)]
    assert len(data.load("images", dir=folder, limit=1000).train) == 36


def test_every_format_is_read_and_the_rest_left_alone(tmp_path):
    for suffix in ("jpg", "jpeg", "PNG", "bmp", "webp", "JPG"):
        write(tmp_path / f"a.{suffix}", flat(100), **({"lossless": True} if suffix == "webp" else {}))
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "._a.jpg").write_bytes(b"what macOS leaves on a stick")
    (tmp_path / "folder.png").mkdir()
    source = data.load("images", dir=tmp_path, size=8, test_fraction=0.4)
    images = np.concatenate([source.train, source.test])
    assert len(images) == 6
    assert np.abs(images.astype(int) - 100).max() <= 1


def pair(tmp_path, pixels, **options):
    """The picture as `load` gives it, from a folder of four copies."""
    for place in range(4):
        write(tmp_path / f"{place}.png", pixels)
    return data.load("images", dir=tmp_path, test_fraction=0.5, **options).train[0]


def test_the_largest_central_square_is_kept(tmp_path):
    wide = flat(0, 6, 10)
    wide[:, 2:8] = RANDOM.integers(0, 256, (6, 6, 3))
    np.testing.assert_array_equal(pair(tmp_path / "wide", wide, size=6), wide[:, 2:8])
    tall = np.swapaxes(wide, 0, 1)
    np.testing.assert_array_equal(pair(tmp_path / "tall", tall, size=6), tall[2:8])


def test_shrinking_averages_instead_of_picking(tmp_path):
    fine = np.indices((64, 64)).sum(0) % 2 * 255  # a checkerboard: any single pixel is 0 or 255
    small = pair(tmp_path, fine, size=8, channels=1)
    assert np.abs(small.astype(float) - 127.5).max() < 2


def test_shrinking_keeps_the_place_of_things(tmp_path):
    picture = flat(0, 64, 64)
    picture[:32, 32:] = 200  # top right
    small = pair(tmp_path, picture, size=8)[..., 0]
    assert np.all(small[:3, 5:] > 190)
    assert np.all(small[5:] < 10)
    assert np.all(small[:, :3] < 10)


def test_colour_and_grey_are_converted(tmp_path):
    red = np.zeros((8, 8, 3))
    red[..., 0] = 255
    grey = pair(tmp_path / "red", red, size=8, channels=1)
    assert grey.shape == (8, 8, 1)
    assert np.all(grey == 76)  # 0.299 of 255, ITU-R 601
    colour = pair(tmp_path / "grey", np.full((8, 8), 90), size=8)
    assert colour.shape == (8, 8, 3)
    assert np.all(colour == 90)


def test_transparent_pixels_are_white(tmp_path):
    picture = np.zeros((8, 8, 4))
    picture[4:, :, 3] = 255
    result = pair(tmp_path, picture, size=8)
    assert np.all(result[:4] == 255)
    assert np.all(result[4:] == 0)


def test_sixteen_bits_become_eight(tmp_path):
    for place in range(4):
        Image.fromarray(np.full((8, 8), 257 * 80, np.uint16)).save(tmp_path / f"{place}.png")
    assert np.all(data.load("images", dir=tmp_path, test_fraction=0.5).train == 80)


def test_the_cameras_orientation_is_obeyed(tmp_path):
    picture = flat(0)
    picture[0] = 255
    mark = Image.Exif()
    mark[0x0112] = 3  # taken upside down
    for place in range(4):
        write(tmp_path / f"{place}.png", picture, exif=mark)
    train = data.load("images", dir=tmp_path, size=8, test_fraction=0.5).train
    np.testing.assert_array_equal(train[0], picture[::-1])


def test_arrays_of_the_right_kind_are_taken_as_they_are(tmp_path):
    images = RANDOM.integers(0, 256, (20, 8, 8, 3), dtype=np.uint8)
    file = tmp_path / "pictures.npz"
    np.savez(file, images=images, labels=np.arange(20))
    source = data.load("images", dir=file, size=8)
    np.testing.assert_array_equal(source.test, images[[5, 15]])
    np.testing.assert_array_equal(source.train, np.delete(images, [5, 15], axis=0))


def test_train_and_test_arrays_keep_their_split(tmp_path):
    train = RANDOM.random((6, 8, 8)).astype(np.float32)
    test = RANDOM.random((3, 8, 8))
    file = tmp_path / "pictures.npz"
    np.savez_compressed(file, train=train, test=test)
    source = data.load("images", dir=file, size=8, channels=1)
    np.testing.assert_array_equal(source.train, np.rint(train * 255).astype(np.uint8)[..., None])
    np.testing.assert_array_equal(source.test, np.rint(test * 255).astype(np.uint8)[..., None])
    limited = data.load("images", dir=file, size=8, channels=1, limit=3)
    np.testing.assert_array_equal(limited.train, source.train[[1, 3, 5]])
    assert len(limited.test) == 3


@pytest.mark.parametrize("shape", [(4, 16, 24), (4, 16, 24, 1), (4, 16, 24, 3), (4, 8, 8, 4)])
@pytest.mark.parametrize("channels", [1, 3])
def test_a_single_array_of_any_name_is_cut_resized_and_converted(tmp_path, shape, channels):
    file = tmp_path / "pictures.npz"
    np.savez(file, whatever=np.full(shape, 255, np.uint8))
    source = data.load("images", dir=file, size=8, channels=channels, test_fraction=0.5)
    assert source.train.shape == (2, 8, 8, channels)
    assert np.all(source.train == 255)


BAD_ARRAYS = {
    "bool": ({"images": np.ones((4, 8, 8), bool)}, "must be uint8, or floating .* dtype is bool"),
    "int64": ({"images": np.ones((4, 8, 8), int)}, "must be uint8, .* dtype is int64"),
    "too bright": ({"images": np.full((4, 8, 8), 255.0)}, r"lie in \[0, 1\], .* \[255.0, 255.0\]"),
    "not a number": ({"images": np.full((4, 8, 8), np.nan)}, r"must lie in \[0, 1\]"),
    "vectors": ({"images": np.ones((4, 8))}, r"must have shape .* its shape is \(4, 8\)"),
    "two channels": ({"images": np.ones((4, 8, 8, 2))}, r"its shape is \(4, 8, 8, 2\)"),
    "channels first": ({"images": np.ones((4, 3, 8, 8))}, r"transpose\(0, 2, 3, 1\)"),
    "empty": ({"images": np.ones((0, 8, 8))}, r"its shape is \(0, 8, 8\)"),
    "no array": ({}, "must hold an array images, .* it holds none"),
    "two arrays": ({"x": np.ones(3), "y": np.ones(3)}, "it holds x, y; rename"),
    "objects": ({"images": np.array([None])}, "reading it failed: .*pickle"),
    "too few": ({"images": np.ones((3, 8, 8))}, "at least 2 pictures each, .* 3 to train on and 0"),
    "one test": ({"train": np.ones((3, 8, 8)), "test": np.ones((1, 8, 8))}, "3 to train on and 1"),
}


@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_arrays_are_explained(tmp_path, case):
    arrays, message = BAD_ARRAYS[case]
    file = tmp_path / "pictures.npz"
    np.savez(file, **arrays)
    with pytest.raises(data.DataError, match=message) as raised:
        data.load("images", dir=file)
    assert str(file) in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04 cut"])
def test_a_damaged_npz_is_explained(tmp_path, content):
    file = tmp_path / "pictures.npz"
    file.write_bytes(content)
    with pytest.raises(data.DataError, match=r"pictures.npz must be an .npz file of plain arrays"):
        data.load("images", dir=file)


def test_a_flipped_npz_is_explained(tmp_path):
    file = tmp_path / "pictures.npz"
    np.savez_compressed(file, images=RANDOM.integers(0, 256, (20, 8, 8), dtype=np.uint8))
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(content)
    with pytest.raises(data.DataError, match=r"pictures.npz must be an .npz file of plain arrays"):
        data.load("images", dir=file)


@pytest.mark.parametrize("content", [b"", b"no picture", None], ids=["empty", "text", "cut"])
def test_an_unreadable_picture_is_named(folder, content):
    file = folder / "b" / "12.png"
    if content is None:
        write(file, RANDOM.integers(0, 256, (32, 32, 3)))
        content = file.read_bytes()[:1000]
    file.write_bytes(content)
    with pytest.raises(data.DataError, match=r"12.png must be a picture that can be read, but"):
        data.load("images", dir=folder)


def test_pictures_of_32_bits_are_refused(tmp_path):
    for place in range(4):
        Image.fromarray(np.ones((8, 8), np.float32)).save(tmp_path / f"{place}.png", format="TIFF")
    with pytest.raises(data.DataError, match=r"\d.png .* pixels are 32 bits wide \(mode F\)"):
        data.load("images", dir=tmp_path, test_fraction=0.5)


def test_missing_places_are_explained(tmp_path):
    with pytest.raises(data.DataError, match=r"dir is None; give a folder of pictures or an .npz"):
        data.load("images")
    with pytest.raises(data.DataError, match="nowhere is neither; check the path"):
        data.load("images", dir=tmp_path / "nowhere")
    with pytest.raises(data.DataError, match=r"no.npz must be an .npz file"):
        data.load("images", dir=tmp_path / "no.npz")
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(data.DataError, match=r"must hold pictures \(.jpg, .* but there are none"):
        data.load("images", dir=tmp_path)


def test_too_few_pictures_are_refused_before_any_is_decoded(tmp_path):
    for place in range(10):
        (tmp_path / f"{place}.png").write_bytes(b"no picture")
    with pytest.raises(data.DataError, match="9 to train on and 1 held out; add pictures"):
        data.load("images", dir=tmp_path)


@pytest.mark.parametrize(
    ("option", "value"),
    [("size", 0), ("channels", 2), ("test_fraction", 0.0), ("test_fraction", 1.0), ("limit", 0)],
)
def test_bad_options_are_refused(folder, option, value):
    with pytest.raises(ValueError, match=f"{option} must .*but it is {value}"):
        data.load("images", dir=folder, **{option: value})
