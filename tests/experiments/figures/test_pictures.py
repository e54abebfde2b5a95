import math

import ml_dtypes
import numpy as np
import pytest

from experiments import figures
from experiments.figures import pictures


@pytest.mark.parametrize("channels", [1, 3])
def test_each_pixel_lands_in_its_square(tmp_path, channels, random, opened):
    images = random.uniform(-1, 1, (5, 3, 4, channels)).astype(np.float32)
    figures.image_grid(tmp_path / "a.png", images, value_range=(-1, 1), columns=2, scale=7)
    sheet, gutter = opened(tmp_path / "a.png"), pictures.GUTTER
    sheet = sheet.reshape(*sheet.shape[:2], channels)
    assert sheet.shape == (gutter + 3 * (21 + gutter), gutter + 2 * (28 + gutter), channels)
    expected = np.full_like(sheet, 255)
    for n in range(5):
        for i in range(21):
            for j in range(28):
                row, column = gutter + n // 2 * (21 + gutter) + i, gutter + n % 2 * (28 + gutter) + j
                for c in range(channels):
                    value = (float(images[n, i // 7, j // 7, c]) + 1) / 2 * 255
                    expected[row, column, c] = math.floor(value + 0.5)
    np.testing.assert_array_equal(sheet, expected)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16, np.int16])
def test_the_range_is_mapped_and_clipped(dtype):
    images = np.array([-9, -4, 0, 4, 9], dtype).reshape(1, 1, 5, 1)
    assert pictures.pixels(images, (-4, 4), "images").ravel().tolist() == [0, 0, 128, 255, 255]
    assert pictures.pixels(
        np.arange(256.0).reshape(1, 16, 16, 1), (0, 255), "images"
    ).ravel().tolist() == list(range(256))


@pytest.mark.parametrize(("side", "scale"), [(8, 10), (28, 3), (32, 3), (64, 1), (256, 1)])
def test_small_images_are_enlarged(tmp_path, side, scale, opened):
    figures.image_grid(tmp_path / "a.png", np.zeros((2, side, side, 1)), value_range=(0, 1))
    assert opened(tmp_path / "a.png").shape[0] == scale * side + 2 * pictures.GUTTER


def test_fewer_images_than_columns_leave_no_empty_cells(tmp_path, opened):
    figures.image_grid(tmp_path / "a.png", np.zeros((3, 2, 2, 1)), value_range=(0, 1), scale=1)
    assert opened(tmp_path / "a.png").shape[1] == 3 * 2 + 4 * pictures.GUTTER


@pytest.mark.parametrize("channels", [1, 3])
def test_reconstructions_lie_directly_below_their_originals(tmp_path, channels, opened):
    originals = np.arange(10.0, 16)[:, None, None, None] * np.ones((1, 4, 4, channels))
    reconstructions = originals + 100
    figures.reconstruction_grid(
        tmp_path / "a.png", originals, reconstructions, value_range=(0, 255), columns=3
    )
    sheet = opened(tmp_path / "a.png")
    sheet = sheet.reshape(*sheet.shape[:2], channels)
    side = 4 * round(pictures.LEGIBLE / 4)
    tops, lefts, bottoms = [], [], []
    for n in range(6):
        boxes = []
        for value in (10 + n, 110 + n):
            rows, columns = np.nonzero((sheet == value).all(axis=2))
            # The legend's smoothed letters may share a grey: the tile is the box of full rows.
            tile = columns >= sheet.shape[1] - 3 * (side + 3 * pictures.GUTTER) - 3 * pictures.GUTTER
            rows, columns = rows[tile], columns[tile]
            assert len(rows) == side * side
            boxes.append((rows.min(), rows.max(), columns.min(), columns.max()))
        (top, end, left, right), (start, bottom, left2, right2) = boxes
        assert (left, right) == (left2, right2)
        assert 1 <= start - end <= 4
        tops, lefts, bottoms = [*tops, top], [*lefts, left], [*bottoms, bottom]
    assert tops[:3] == [tops[0]] * 3
    assert lefts[:3] == lefts[3:] == sorted(lefts[:3])
    assert tops[3] - bottoms[0] > 10


@pytest.mark.parametrize(
    ("images", "options", "message"),
    [
        (np.zeros((2, 4, 4)), {}, r"shape \[n, h, w, c\]"),
        (np.zeros((2, 4, 4, 2)), {}, "c = 1 or 3"),
        (np.zeros((0, 4, 4, 1)), {}, r"shape is \(0, 4, 4, 1\)"),
        (np.full((1, 2, 2, 1), np.nan), {}, "4 of 4 values are not"),
        (np.zeros((1, 2, 2, 1)), {"value_range": (1, 1)}, "black below white"),
        (np.zeros((1, 2, 2, 1)), {"columns": 0}, "columns must be at least 1"),
        (np.zeros((1, 2, 2, 1)), {"scale": 0}, "scale must be at least 1"),
    ],
)
def test_images_that_cannot_be_drawn_are_refused(tmp_path, images, options, message):
    with pytest.raises(ValueError, match=message):
        figures.image_grid(tmp_path / "a.png", images, **{"value_range": (0, 1), **options})


def test_unequal_pairs_are_refused(tmp_path):
    images = np.zeros((3, 4, 4, 1))
    with pytest.raises(ValueError, match=r"originals' shape \(3, 4, 4, 1\)"):
        figures.reconstruction_grid(tmp_path / "a.png", images, images[:2], value_range=(0, 1))


def test_a_title_is_a_line_above_that_moves_nothing_else(tmp_path, random, opened):
    images = random.uniform(size=(6, 20, 20, 3))
    pairs = images, images[::-1]
    for draw, arrays in ((figures.image_grid, pairs[:1]), (figures.reconstruction_grid, pairs)):
        draw(tmp_path / "plain.png", *arrays, value_range=(0, 1))
        draw(tmp_path / "titled.png", *arrays, value_range=(0, 1), title="couae on celeba stand-in")
        plain, titled = (opened(tmp_path / f"{name}.png") for name in ("plain", "titled"))
        height = len(titled) - len(plain)
        np.testing.assert_array_equal(titled[height:], plain)
        assert (titled[:height] < 255).any()


def test_titles_of_grids_and_of_rows_look_alike(tmp_path, random, opened):
    images = random.random((2, 3, 10, 10, 1))
    figures.image_grid(tmp_path / "a.png", images[0], value_range=(0, 1), title="a title")
    figures.interpolation_grid(tmp_path / "b.png", images, value_range=(0, 1), title="a title")
    one, other = (opened(tmp_path / f"{name}.png") for name in "ab")
    one = one if one.ndim == 2 else one[..., 0]
    strip = np.abs(one[:24, :80].astype(int) - other[:24, :80, 0].astype(int))
    assert strip.max() < 30  # a grey sheet and one of colours
    assert one[:24, :80].min() < 60  # as dark as the words of charts
