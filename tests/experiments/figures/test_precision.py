import numpy as np
import pytest

from experiments import figures


def words(page):
    return [text.get_text() for text in page.figure.texts]


def circle(power=1.0, n=41):
    angles = np.linspace(0, np.pi / 2, n)
    return np.cos(angles) ** power, np.sin(angles) ** power


def test_recall_is_across_and_precision_up(tmp_path, pages, legible):
    curves = {"couae": circle(), "wae": circle(2.0)}
    scores = {"couae": (0.91, 0.8239), "wae": (0.7, 1.0)}
    figures.precision_recall_curves(tmp_path / "a.png", curves, scores, title="digits")
    (axes,) = pages[0].figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("recall", "precision")
    for line, (precision, recall) in zip(axes.lines, curves.values()):
        np.testing.assert_allclose(line.get_data(), (recall, precision))
    told = words(pages[0])
    # Lines of a head are placed from below.
    assert told[told.index("recall") : told.index("recall") + 4] == [
        "recall",
        "$F_8$",
        "precision",
        "$F_{1/8}$",
    ]
    assert told[told.index("couae") :] == ["couae", "0.910", "0.824", "wae", "0.700", "1.000"]
    heads = {word: text.get_position()[0] for word, text in zip(told, pages[0].figure.texts)}
    assert heads["recall"] == heads["$F_8$"] == heads["0.910"] == heads["0.700"]
    assert heads["precision"] == heads["$F_{1/8}$"] == heads["0.824"] == heads["1.000"]
    legible(pages[0])


@pytest.mark.parametrize("n", [1, 20])
def test_the_key_has_a_line_like_each_curve(tmp_path, pages, n, legible):
    names = [
        f"model {i}" + " with a name that would be far too long for a line" * (i % 3 == 0) for i in range(n)
    ]
    figures.precision_recall_curves(
        tmp_path / "a.png",
        {name: circle(1 + i / 9) for i, name in enumerate(names)},
        dict.fromkeys(names, (1, 1)),
    )
    drawn = pages[0].figure.axes[0].lines[:n]
    key = pages[0].figure.artists
    looks = [[(line.get_color(), line._dash_pattern) for line in lines] for lines in (drawn, key)]
    assert looks[0] == looks[1]
    assert len({str(look) for look in looks[0]}) == n
    legible(pages[0])


def test_points_that_are_not_finite_are_counted(tmp_path, pages, legible):
    precision, recall = circle()
    precision[:2], recall[-1] = np.nan, np.inf
    figures.precision_recall_curves(tmp_path / "a.png", {"a": (precision, recall)}, {"a": (np.nan, 0.5)})
    assert "points that are not finite, not drawn: 3" in words(pages[0])
    assert len(pages[0].figure.axes[0].lines[0].get_xdata()) == 38
    legible(pages[0])


@pytest.mark.parametrize(
    ("curves", "scores", "message"),
    [
        ({}, {}, "must be of the same models"),
        ({"a": circle()}, {"b": (1, 1)}, r"they are of \['a'\] and \['b'\]"),
        ({"a": ([10.0, 90.0], [90.0, 10.0])}, {"a": (1, 1)}, "they reach from 10 to 90"),
        ({"a": ([np.nan], [0.5])}, {"a": (1, 1)}, "'a' must be shares in .*none is finite"),
    ],
)
def test_curves_that_cannot_be_drawn_are_refused(tmp_path, curves, scores, message):
    with pytest.raises(ValueError, match=message):
        figures.precision_recall_curves(tmp_path / "a.png", curves, scores)
