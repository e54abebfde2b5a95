import math

import numpy as np
import pytest
import scipy.stats
from sklearn.decomposition import PCA

from experiments import figures
from experiments.figures import laws


def words(page):
    return [text.get_text() for text in page.figure.texts]


def test_radii_and_densities_are_those_of_scipy():
    levels = (0.5, 0.9, 0.99)
    np.testing.assert_allclose(laws.radii(), np.sqrt(scipy.stats.chi2.ppf(levels, 2)), rtol=1e-12)
    x = np.linspace(-5, 5, 41)
    np.testing.assert_allclose(laws.normal(x), scipy.stats.norm.pdf(x), rtol=1e-12)
    r = np.linspace(0.01, 16, 50)
    for dimension in (1, 2, 3, 5, 64, 128):
        expected = scipy.stats.chi.pdf(r, dimension)
        np.testing.assert_allclose(laws.chi(r, dimension), expected, rtol=1e-9, atol=1e-300)


def test_the_principal_plane_is_that_of_scikit_learn(random):
    codes = random.standard_normal((500, 6)) * [1, 3, 0.5, 2, 0.1, 1.5] + 4
    codes = codes @ scipy.stats.ortho_group.rvs(6, random_state=0)
    found, expected = laws.principal_plane(codes), PCA(2).fit(codes).components_.T
    np.testing.assert_allclose(np.abs(np.sum(found * expected, axis=0)), 1, rtol=1e-9)
    assert (found[np.argmax(np.abs(found), axis=0), (0, 1)] > 0).all()
    np.testing.assert_allclose(laws.principal_plane(codes[::-1]), found, atol=1e-9)


def test_circles_and_the_shares_they_hold(tmp_path, pages, random):
    codes = np.array([[0.5, 0], [1.5, 0], [0, -1.1], [2.5, 0], [0, 3.2]])  # 2, 3 and 4 of 5 inside
    figures.codes_and_prior(tmp_path / "a.png", codes, random.standard_normal((50, 2)))
    lines = [line.get_xydata() for line in pages[0].figure.axes[0].lines]
    sizes = [np.linalg.norm(line, axis=1) for line in lines]
    for size, level in zip(sizes, (0.5, 0.9, 0.99)):
        np.testing.assert_allclose(size, math.sqrt(scipy.stats.chi2.ppf(level, 2)), rtol=1e-9)
    assert "circles: 50, 90, 99 % of N(0, I) · of the codes they hold 40.0, 60.0, 80.0 %" in words(pages[0])


def test_margins_are_densities_of_each_coordinate(tmp_path, pages, random):
    codes = random.standard_normal((2000, 2)) * [0.5, 1.0] + [0, 1.0]
    figures.codes_and_prior(tmp_path / "a.png", codes, random.standard_normal((2000, 2)))
    for coordinate, axes in enumerate(pages[0].figure.axes[1:]):
        stairs = axes.patches[1].get_data()
        expected = np.histogram(codes[:, coordinate], stairs.edges, density=True)[0]
        np.testing.assert_allclose(stairs.values, expected, rtol=1e-9)
        mean = np.sum(stairs.values * np.diff(stairs.edges) * (stairs.edges[1:] + stairs.edges[:-1]) / 2)
        assert mean == pytest.approx((0, 1)[coordinate], abs=0.05)


@pytest.mark.parametrize(("n", "bins"), [(20, 8), (296, 17), (2000, 44), (9000, 60)])
def test_few_codes_have_few_bins(n, bins, tmp_path, pages, random):
    figures.codes_and_prior(
        tmp_path / "a.png", random.standard_normal((n, 4)), random.standard_normal((9000, 4))
    )
    for stairs in pages[0].figure.axes[2].patches:
        assert len(stairs.get_data().values) == bins


def test_moments_are_sorted_by_deviation_and_keep_their_means(tmp_path, pages, random):
    codes = random.standard_normal((400, 5)) * [1, 3, 0.5, 2, 0.1] + [0, 1, 2, 3, 4]
    figures.codes_and_prior(tmp_path / "a.png", codes, random.standard_normal((400, 5)))
    marks = [line.get_ydata() for line in pages[0].figure.axes[1].lines if line.get_marker() == "o"]
    order = [1, 3, 0, 2, 4]
    for drawn, moment in zip(marks, (np.std, np.mean)):
        np.testing.assert_allclose(drawn, [moment(codes[:, k]) for k in order], rtol=1e-9)


def test_norms_are_shown_against_the_chi_law(tmp_path, pages, random):
    codes = random.standard_normal((4000, 5))
    figures.codes_and_prior(tmp_path / "a.png", codes, codes)
    axes = pages[0].figure.axes[2]
    r, density = axes.lines[0].get_data()
    np.testing.assert_allclose(density, scipy.stats.chi.pdf(r, 5), rtol=1e-9)
    stairs = axes.patches[1].get_data()
    middle = (stairs.edges[1:] + stairs.edges[:-1]) / 2
    expected = scipy.stats.chi.pdf(middle, 5)
    deviation = np.sqrt(expected / (4000 * np.diff(stairs.edges)))
    busy = expected > 0.05
    assert np.abs((stairs.values - expected) / deviation)[busy].max() < 4.5


def test_wide_codes_are_not_flattened_by_the_narrow_law(tmp_path, pages, random):
    codes = 100 * random.standard_normal((1000, 1))
    figures.codes_and_prior(tmp_path / "a.png", codes, codes)
    axes = pages[0].figure.axes[0]
    assert axes.patches[1].get_data().values.max() > 0.4 * axes.get_ylim()[1]


@pytest.mark.parametrize("dimension", [1, 2, 5])
@pytest.mark.parametrize("n", [1, 3])
def test_few_and_collapsed_codes_can_be_drawn(tmp_path, dimension, n, opened):
    codes = np.zeros((n, dimension), np.float32)
    figures.codes_and_prior(tmp_path / "a.png", codes, codes)
    assert opened(tmp_path / "a.png").std() > 5


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_codes_that_are_not_finite_are_counted(tmp_path, pages, dimension, random):
    codes = random.standard_normal((50, dimension))
    codes[[3, 7], 0] = np.nan, np.inf
    figures.codes_and_prior(tmp_path / "a.png", codes, random.standard_normal((50, dimension)))
    assert "2 codes are not finite and not drawn" in words(pages[0])


@pytest.mark.parametrize(
    ("dimension", "several"), [(1, True), (2, False), (2, True), (64, False), (64, True)]
)
def test_no_word_is_clipped_or_covered(tmp_path, pages, dimension, several, random, legible):
    codes, other = random.standard_normal((2, 300, dimension))
    codes[0] = np.nan
    prior = {"prior": other, "one Gaussian": 2 * other, "gmm, 10 components": -codes} if several else other
    figures.codes_and_prior(tmp_path / "a.png", codes, prior, title="a title of many words " * 5)
    legible(pages[0])


@pytest.mark.parametrize(("dimension", "law"), [(1, "N(0, 1)"), (2, "N(0, I)"), (5, "chi law, 5 dimensions")])
def test_every_sampler_is_drawn_under_its_name(tmp_path, pages, dimension, law, random):
    codes = random.standard_normal((400, dimension))
    samplers = {
        name: shift + random.standard_normal((400, dimension)) for name, shift in zip("abc", (0, 3, 6))
    }
    figures.codes_and_prior(tmp_path / "a.png", codes, samplers)
    axes = pages[0].figure.axes[{1: 0, 2: 1, 5: 2}[dimension]]
    assert axes.get_legend_handles_labels()[1] == ["a", "b", "c", "codes", law]
    clouds = [*samplers.values(), codes]
    for stairs, points in zip(axes.patches, clouds):
        values = np.linalg.norm(points, axis=1) if dimension == 5 else points[:, 0]
        data = stairs.get_data()
        expected = np.histogram(values, data.edges)[0] / (400 * np.diff(data.edges))
        np.testing.assert_allclose(data.values, expected, rtol=1e-9)
    colours = [s.get_facecolor()[:3] if s.get_fill() else s.get_edgecolor()[:3] for s in axes.patches]
    assert len(set(colours)) == 4
    if dimension == 2:
        for drawn, points in zip(pages[0].figure.axes[0].collections, clouds):
            np.testing.assert_array_equal(drawn.get_offsets(), points)


def test_the_caption_says_how_many_dimensions_become_two(tmp_path, pages, random):
    codes = random.standard_normal((50, 5))
    figures.codes_and_prior(tmp_path / "a.png", codes, codes)
    assert "left: projections on the two directions in which the codes vary most" in words(pages[0])


def test_a_sampler_of_another_dimension_is_named(tmp_path):
    with pytest.raises(ValueError, match="gmm must have the codes' dimension 3, but it has 2"):
        figures.codes_and_prior(tmp_path / "a.png", np.zeros((4, 3)), {"gmm": np.zeros((4, 2))})
    with pytest.raises(ValueError, match="prior must hold at least one sampler's codes"):
        figures.codes_and_prior(tmp_path / "a.png", np.zeros((4, 3)), {})


def test_codes_and_prior_of_different_dimensions_are_refused(tmp_path):
    with pytest.raises(ValueError, match="prior must have the codes' dimension 3, but it has 2"):
        figures.codes_and_prior(tmp_path / "a.png", np.zeros((4, 3)), np.zeros((4, 2)))
