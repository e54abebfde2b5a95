import math

import numpy as np
import pytest

from experiments import figures
from experiments.figures.covariance import SIGNS, _limit


def words(page):
    return [text.get_text() for text in page.figure.texts]


def panels(page):
    """The two maps and the bars above them."""
    covariance, _, variances, correlation, _, strengths = page.figure.axes
    return covariance.images[0], variances, correlation.images[0], strengths


def test_maps_and_bars_agree_with_numpy(tmp_path, pages, random, legible):
    codes = random.standard_normal((500, 6)) @ random.standard_normal((6, 6))
    figures.latent_covariance(tmp_path / "a.png", np.cov(codes.T), samples=500, of="means", title="a")
    left, variances, right, strengths = panels(pages[0])
    off = ~np.eye(6, dtype=bool)
    for image, expected in ((left, np.cov(codes.T)), (right, np.corrcoef(codes.T))):
        drawn = image.get_array()
        assert np.ma.getmaskarray(drawn)[~off].all()
        np.testing.assert_allclose(drawn[off], expected[off], rtol=1e-9)
        low, high = image.get_clim()
        assert -low == high >= np.abs(expected[off]).max()
        assert high <= 2 * np.abs(expected[off]).max()
    np.testing.assert_allclose([bar.get_height() for bar in variances.patches], codes.var(axis=0, ddof=1))
    sizes = np.abs(np.corrcoef(codes.T))
    rows = [(sum(row) - 1) / 5 for row in sizes]
    np.testing.assert_allclose([bar.get_height() for bar in strengths.patches], rows, rtol=1e-9)
    nac, floor = np.mean(rows), math.sqrt(2 / (math.pi * 500))
    assert [line.get_ydata()[0] for line in strengths.lines] == pytest.approx([nac, floor])
    assert (
        f"between 6 of 6 dimensions: {nac:.3g} (line) · independent ones, 500 means: 0.0357"
        in words(pages[0])[1]
    )
    legible(pages[0])


@pytest.mark.parametrize(
    ("largest", "limit"), [(0.02, 0.1), (0.1, 0.1), (0.21, 0.3), (0.31, 0.5), (0.6, 1), (1.1, 2), (25.0, 30)]
)
def test_colours_end_on_a_ladder_of_small_steps(largest, limit):
    assert _limit(largest, 0.1) == pytest.approx(limit)


def test_zero_is_white_and_signs_have_their_colours():
    negative, zero, positive = SIGNS([0.0, 0.5, 1.0])[:, :3]
    assert zero.min() > 0.99
    assert negative[2] > negative[0] + 0.5
    assert positive[0] > positive[2] + 0.5
    depths = [3 - sum(SIGNS(value)[:3]) for value in np.linspace(0, 1, 11)]
    assert (np.diff(depths[:6]) < -0.1).all()
    assert (np.diff(depths[5:]) > 0.1).all()


def test_dimensions_that_are_not_active_take_no_part(tmp_path, pages, random, legible):
    codes = random.standard_normal((200, 5)) @ random.standard_normal((5, 5))
    codes[:, 1] = 3.0
    active = np.array([True, True, True, False, True])
    expected = np.corrcoef(codes[:, [0, 2, 4]].T)
    for given, kept in ((active, [0, 2, 4]), (None, [0, 2, 3, 4])):
        figures.latent_covariance(tmp_path / "a.png", np.cov(codes.T), active=given)
        _, _, right, _ = panels(pages[-1])
        shown = ~np.ma.getmaskarray(right.get_array())
        assert [i for i in range(5) if shown[i].any()] == kept
        legible(pages[-1])
    assert words(pages[0])[-1].endswith(
        f"between 3 of 5 dimensions: {np.abs(expected[np.triu_indices(3, 1)]).mean():.3g}"
    )
    assert "grey: not active" in pages[0].figure.axes[3 + 2].get_title(loc="left")


def test_noise_alone_is_pale(tmp_path, pages, random):
    codes = 1e-3 * random.standard_normal((5000, 8))
    figures.latent_covariance(tmp_path / "a.png", np.cov(codes.T))
    left, _, right, _ = panels(pages[0])
    assert right.get_clim()[1] == pytest.approx(0.1)
    assert left.get_clim()[1] < 3e-7
    assert np.abs(left.get_array()).max() < 0.6 * left.get_clim()[1]


@pytest.mark.parametrize("d", [2, 256])
def test_few_and_many_dimensions_can_be_drawn(tmp_path, pages, d, legible, opened):
    figures.latent_covariance(tmp_path / "a.png", np.eye(d), samples=1, title="a title of many words " * 6)
    assert opened(tmp_path / "a.png").std() > 5
    legible(pages[0])


@pytest.mark.parametrize(
    ("covariance", "active", "message"),
    [
        (np.ones((1, 1)), None, "d >= 2"),
        (np.ones((2, 3)), None, r"shape is \(2, 3\)"),
        (np.array([[1.0, np.nan], [np.nan, 1]]), None, "finite and symmetric"),
        (np.array([[1.0, 0.5], [0.2, 1]]), None, "finite and symmetric"),
        (-np.eye(2), None, "no negative diagonal"),
        (np.diag([1.0, 0.0]), None, "two dimensions of positive variance out of 2, but it marks 1"),
        (np.eye(3), [False, False, True], "out of 3, but it marks 1"),
    ],
)
def test_what_is_no_covariance_is_refused(tmp_path, covariance, active, message):
    with pytest.raises(ValueError, match=message):
        figures.latent_covariance(tmp_path / "a.png", covariance, active=active)
