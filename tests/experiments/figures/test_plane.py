import math

import numpy as np
import pytest

from experiments import figures
from experiments.figures import plane


def words(page):
    return [text.get_text() for text in page.figure.texts]


def test_a_stray_point_is_drawn_where_it_lies_and_nowhere_else(tmp_path, pages, opened):
    true = np.array([[-10.0, -10], [10, 10], [-10, 10], [10, -10]])
    generated = np.concatenate([true, [[3.0, -6.0]]])
    figures.samples_in_plane(tmp_path / "a.png", true, generated)
    image = opened(tmp_path / "a.png")
    left, right = pages[0].figure.axes[:2]
    assert left.get_xlim() == right.get_xlim()
    assert left.get_ylim() == right.get_ylim()

    def darkness(axes, point):
        column, row = axes.transData.transform(point)
        return 255 - image[round(len(image) - row), round(column)].min()

    assert darkness(right, (3.0, -6.0)) > 100
    assert darkness(left, (3.0, -6.0)) == 0
    assert darkness(right, (-6.0, 3.0)) == 0
    assert darkness(right, (3.0, 6.0)) == 0
    for corner in true:
        assert darkness(left, corner) > 100
        assert darkness(right, corner) > 100


def test_units_have_the_same_length_on_both_axes(tmp_path, pages, random):
    points = random.standard_normal((100, 2)) * [30, 1]
    figures.samples_in_plane(tmp_path / "a.png", points, points)
    for axes in pages[0].figure.axes[:2]:
        origin, east, north = axes.transData.transform([(0, 0), (1, 0), (0, 1)])
        assert east[0] - origin[0] == pytest.approx(north[1] - origin[1], rel=1e-9)


def test_neighbours_agree_with_a_double_loop(random):
    points = random.standard_normal((60, 2))
    expected = [sum(math.dist(a, b) <= 0.5 for b in points) for a in points]
    assert plane.neighbours(points, 0.5).tolist() == expected


def test_the_view_holds_true_points_and_resists_a_wild_sample():
    true = np.array([[-21.0, -21], [21, 21]])
    centre, half = plane.view(true, np.zeros((10, 2)))
    assert centre.tolist() == [0, 0]
    assert 21 < half < 24
    _, wider = plane.view(true, np.full((10, 2), 28.0))
    assert 28 < wider < 31
    _, wild = plane.view(true, np.full((10, 2), 1e6))
    assert half < wild < 34
    centre, half = plane.view(np.full((5, 2), 7.0), np.full((5, 2), 7.0))
    assert centre.tolist() == [7, 7]
    assert half > 0


def test_what_is_not_drawn_is_told(tmp_path, pages, random):
    true = random.uniform(-1, 1, (100, 2))
    generated = np.concatenate([true, [[np.nan, 0], [0, np.inf], [50, 50], [-70, 0], [0, 90]]])
    figures.samples_in_plane(tmp_path / "a.png", true, generated, caption="likelihood $-4_4$")
    told = [axes.get_title(loc="left") for axes in pages[0].figure.axes[:2]]
    assert told == [
        "true · 100 points",
        "generated · 103 points · 3 beyond the frame · 2 not finite",
    ]
    assert "likelihood $-4_4$" in words(pages[0])


@pytest.mark.parametrize(
    ("true", "generated", "message"),
    [
        (np.zeros((4, 3)), np.zeros((4, 2)), "true must be points in the plane"),
        (np.zeros((4, 2)), np.zeros((4, 3)), "generated must be points in the plane"),
        (np.zeros((4, 2)), np.zeros(4), r"generated must be points of shape \[n, d\]"),
        (np.zeros((4, 2)), np.zeros((0, 2)), r"generated must be points of shape \[n, d\]"),
        (np.zeros((4, 2)), np.full((4, 2), np.nan), "none of 4"),
    ],
)
def test_points_that_cannot_be_drawn_are_refused(tmp_path, true, generated, message):
    with pytest.raises(ValueError, match=message):
        figures.samples_in_plane(tmp_path / "a.png", true, generated)
