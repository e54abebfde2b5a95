import numpy as np
import pytest
from PIL import Image, ImageColor, ImageDraw

from experiments import figures
from experiments.figures import rows, sheet
from experiments.figures.style import BLUE


def flat(values, channels=3, side=8):
    """Pictures of one value each, all different."""
    values = np.asarray(values, np.float64)
    return values[..., None, None, None] * np.ones((side, side, channels))


def boxes(path, values):
    """Where each value's picture lies: left, top, right, bottom, the last two beyond it."""
    image = np.asarray(Image.open(path).convert("RGB")).astype(int)
    found = []
    for value in values:
        down, across = np.nonzero((image == value).all(axis=2))
        # Smoothed letters may share a grey: the picture is where it fills whole rows.
        down, across = (np.flatnonzero(np.bincount(x) >= 60) for x in (down, across))
        box = across[0], down[0], across[-1] + 1, down[-1] + 1
        assert (image[box[1] : box[3], box[0] : box[2]] == value).all()
        found.append(tuple(map(int, box)))
    return found


def framed(path, box):
    image = np.asarray(Image.open(path).convert("RGB"))
    left, top, right, bottom = box
    ring = [image[top - 2, left:right], image[bottom + 1, left:right]]
    ring += [image[top:bottom, left - 2], image[top:bottom, right + 1]]
    return bool((np.concatenate(ring) == ImageColor.getrgb(BLUE)).all())


@pytest.fixture
def said(monkeypatch):
    """The words on sheets, with the points they are placed at."""
    seen = []
    words = sheet.Sheet.words

    def keep(self, left, top, text, anchor, **look):
        seen.append((text, left, top, anchor))
        words(self, left, top, text, anchor, **look)

    monkeypatch.setattr(sheet.Sheet, "words", keep)
    return seen


@pytest.mark.parametrize("channels", [1, 3])
def test_ways_keep_their_order_and_mark_their_ends(tmp_path, channels, said):
    values = 10 * np.arange(1, 13).reshape(3, 4)
    pictures = flat(values, channels)
    figures.interpolation_grid(tmp_path / "a.png", pictures, value_range=(0, 255), title="a")
    found = np.array(boxes(tmp_path / "a.png", values.ravel())).reshape(3, 4, 4)
    assert (found[..., 2:] - found[..., :2] == 80).all()
    assert (found[:, :, 0] == found[0, :, 0]).all()
    assert (found[:, :, 1] == found[:, :1, 1]).all()
    assert (np.diff(found[:, 0, 1]) > 80).all()
    gaps = found[0, 1:, 0] - found[0, :-1, 2]
    assert gaps[0] == gaps[2] > 2 * gaps[1] > 0
    for row in found:
        assert [framed(tmp_path / "a.png", box) for box in row] == [True, False, False, True]
    assert [(word, left) for word, left, *_ in said] == [("from", found[0, 0, 0]), ("to", found[0, 3, 0])]


def test_two_pictures_are_both_ends_and_one_is_refused(tmp_path):
    figures.interpolation_grid(tmp_path / "a.png", flat([[10, 20]]), value_range=(0, 255))
    assert all(framed(tmp_path / "a.png", box) for box in boxes(tmp_path / "a.png", [10, 20]))
    with pytest.raises(ValueError, match="both ends of each way, but they hold 1 picture"):
        figures.interpolation_grid(tmp_path / "a.png", flat([[10]]), value_range=(0, 255))


def test_steps_stand_below_their_columns_and_names_beside_their_rows(tmp_path, said):
    values = 10 * np.arange(1, 9).reshape(2, 4)
    names, steps = ["Heavy_Makeup", "Male"], [-1.5, 0, 1, 2e5]
    figures.attribute_grid(tmp_path / "a.png", flat(values), names, steps, value_range=(0, 255))
    found = np.array(boxes(tmp_path / "a.png", values.ravel())).reshape(2, 4, 4)
    for row in found:
        assert [framed(tmp_path / "a.png", box) for box in row] == [False, True, False, False]
    places = {word: (left, top) for word, left, top, _ in said}
    for i, name in enumerate(("Heavy Makeup", "Male")):
        assert places[name][1] == found[i, 0, [1, 3]].mean()
        assert places[name][0] < found[i, 0, 0]
    for j, step in enumerate(("−1.5", "0", "+1", "+2×10⁵")):
        assert places[step][0] == found[0, j, [0, 2]].mean()
        assert places[step][1] > found[1, j, 3]


def test_long_names_are_folded_and_no_word_leaves_the_sheet(tmp_path, said):
    name = "wearing_lipstick_and_a_very_large_hat_that_is_seen_from_the_side_" * 2
    pictures = flat(10 * np.arange(1, 9).reshape(2, 4), side=8)[:, :, :2]  # lower than the name is
    figures.attribute_grid(
        tmp_path / "a.png", pictures, [name, "x" * 60], [1e-9, 2e-9, -3.21e-9, 0], value_range=(0, 255)
    )
    image = Image.open(tmp_path / "a.png")
    draw = ImageDraw.Draw(image)
    spots = []
    for word, left, top, anchor in said:
        box = draw.textbbox((left, top), word, anchor=anchor, font=sheet.typeface(sheet.TYPE), spacing=4)
        assert 0 <= box[0] < box[2] <= image.width, word
        assert 0 <= box[1] < box[3] <= image.height, word
        for other in spots:
            apart = box[0] >= other[2] or other[0] >= box[2] or box[1] >= other[3] or other[1] >= box[3]
            assert apart, word
        spots.append(box)
    assert 1 <= said[0][0].count("\n") <= 3
    assert said[0][0].replace("\n", " ") == name.replace("_", " ").strip()


def test_neighbours_lie_beside_their_query_with_their_distances_below(tmp_path, said):
    values = np.arange(1, 34).reshape(11, 3) * 7
    distances = np.array([[1.5, 20.25]] * 11) + np.arange(11)[:, None]
    figures.neighbour_grid(
        tmp_path / "a.png",
        flat(values[:, 0]),
        flat(values[:, 1:]),
        distances,
        value_range=(0, 255),
        unit="miles",
    )
    assert [word for word, *_ in said if "miles" in word] == [
        "nearest in training, distance below, in miles"
    ] * 2
    found = np.array(boxes(tmp_path / "a.png", values.ravel())).reshape(11, 3, 4)
    # Eleven rows make two blocks, the first of six.
    assert (found[:6, 0, 0] == found[0, 0, 0]).all()
    assert (found[6:, 0, 0] == found[6, 0, 0]).all()
    assert found[6, 0, 0] > found[0, 2, 2]
    assert found[6, 0, 1] == found[0, 0, 1]
    assert (found[:, 1:, 1] == found[:, :1, 1]).all()
    places = [(word, left, top) for word, left, top, anchor in said if anchor == "mm"]
    assert [word for word, _, _ in places] == [f"{value:.1f}" for value in distances.ravel()]
    for (_, left, top), box in zip(places, found[:, 1:].reshape(-1, 4)):
        assert left == (box[0] + box[2]) / 2
        assert 0 < top - box[3] < 17
    for row in found:
        assert [framed(tmp_path / "a.png", box) for box in row] == [True, False, False]
    assert sum(word == "generated" for word, *_ in said) == 2


@pytest.mark.parametrize(
    ("distances", "words"),
    [
        ([[0.0, 1.0]], [["0.00", "1.00"]]),
        ([[9.994, 123.4]], [["10", "123"]]),
        ([[0.0123, 0.05]], [["0.0123", "0.0500"]]),
        ([[1e-6, 2e-6]], [["10⁻⁶", "2×10⁻⁶"]]),
        ([[0.0, 12345.0]], [["0", "1.23×10⁴"]]),
    ],
)
def test_distances_have_as_many_decimals_each(distances, words):
    assert rows._aligned(np.array(distances)) == words


@pytest.mark.parametrize(
    ("queries", "neighbours", "distances", "message"),
    [
        ([10], [[20, 30]], [[1.0]], "must be of shape"),
        ([10, 20], [[20, 30]], [[1.0, 2.0]], "must be of shape"),
        ([10], [[20, 30]], [[1.0, np.nan]], "distances must be finite, but 1 of 2"),
        ([np.nan], [[20, 30]], [[1.0, 2.0]], "queries and neighbours must be finite"),
        ([], np.zeros((0, 2)), np.zeros((0, 2)), r"k rows of n pictures, but their shape is \(0, 3"),
    ],
)
def test_neighbours_that_cannot_be_drawn_are_refused(tmp_path, queries, neighbours, distances, message):
    with pytest.raises(ValueError, match=message):
        figures.neighbour_grid(
            tmp_path / "a.png", flat(queries), flat(neighbours), distances, value_range=(0, 255)
        )


def test_rows_that_cannot_be_drawn_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"rows must have shape \[k, n, h, w, c\]"):
        figures.interpolation_grid(tmp_path / "a.png", flat([1, 2]), value_range=(0, 255))
    with pytest.raises(ValueError, match=r"rows must have shape \[k, n, h, w, c\]"):
        figures.interpolation_grid(tmp_path / "a.png", np.zeros((0, 3, 8, 8, 1)), value_range=(0, 255))
    with pytest.raises(ValueError, match="rows must be finite, but 192 of 384"):
        figures.interpolation_grid(tmp_path / "a.png", flat([[1, np.inf]]), value_range=(0, 255))
    with pytest.raises(ValueError, match="1 by 2 pictures, but there are 1 names and 3 steps"):
        figures.attribute_grid(tmp_path / "a.png", flat([[1, 2]]), ["a"], [0, 1, 2], value_range=(0, 255))


def test_a_title_wider_than_the_pictures_widens_the_sheet(tmp_path):
    title = "interpolations of couae on celeba stand-in, a long title"
    pictures = flat([[10, 20]])
    figures.interpolation_grid(tmp_path / "a.png", pictures, value_range=(0, 255), title=title)
    figures.image_grid(tmp_path / "b.png", pictures[0], value_range=(0, 255), title=title)
    for name in "ab":
        image = np.asarray(Image.open(tmp_path / f"{name}.png").convert("L"))
        assert image.shape[1] > sheet.extent([title])
        assert (image[:, -4:] == 255).all()
