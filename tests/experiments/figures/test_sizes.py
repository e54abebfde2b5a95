import numpy as np
import pytest

from experiments import figures
from experiments.figures import sizes as module

SIZES = np.array([2, 4, 8, 16, 32])


def words(page):
    return [text.get_text() for text in page.figure.texts]


def rings(axes):
    return [line.get_xydata()[0].tolist() for line in axes.lines if line.get_markerfacecolor() == "none"]


def test_sizes_are_sorted_and_the_lowest_mean_is_ringed(tmp_path, pages, legible):
    means, sds = np.array([90.0, 70, 45, 50, 60]), np.array([3.0, 2, 2.94, 1, np.nan])
    order = [3, 0, 4, 1, 2]
    curves = {"vae": (SIZES[order], means[order], sds[order]), "wae": (SIZES[:2], [60.0, 40], [0, 0])}
    figures.value_against_size(tmp_path / "a.png", curves, "latent size", "FID-lenet", title="digits")
    (axes,) = pages[0].figure.axes
    assert (axes.get_xscale(), axes.xaxis.get_transform().base, axes.get_yscale()) == ("log", 2, "linear")
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("latent size", "FID-lenet")
    np.testing.assert_array_equal(axes.containers[0].lines[0].get_xydata(), np.stack([SIZES, means], axis=1))
    bars = axes.containers[0].lines[2][0].get_segments()
    finite = [bar for bar in bars if len(bar) and np.isfinite(bar).all()]
    np.testing.assert_allclose(
        [bar[:, 1] for bar in finite], [[m - s, m + s] for m, s in zip(means, sds)][:4]
    )
    assert rings(axes) == [[8, 45], [4, 40]]
    told = words(pages[0])
    assert told[told.index("vae") :][:6] == ["vae", "45.0 ± 2.9", "8", "wae", "40", "4"]
    assert "bars: ± standard deviation · ring: the lowest mean" in told
    assert axes.xaxis.get_ticklocs().tolist() == SIZES.tolist()
    legible(pages[0])


def test_of_a_score_that_grows_the_highest_mean_is_ringed(tmp_path, pages):
    curves = {"vae": (SIZES, np.array([0.1, 0.4, 0.7, 0.6, 0.5]), np.zeros(5))}
    figures.value_against_size(tmp_path / "a.png", curves, "m", "recall", highest=True)
    assert rings(pages[0].figure.axes[0]) == [[8, 0.7]]
    told = words(pages[0])
    assert told[told.index("vae") :][:3] == ["vae", "0.7", "8"]
    assert {"highest", "ring: the highest mean"} <= set(told)


def test_values_far_apart_get_a_logarithmic_axis_that_holds_every_mean(tmp_path, pages, legible):
    curves = {"a": (SIZES, 1000.0 / SIZES**2, 2000.0 / SIZES**2)}
    figures.value_against_size(tmp_path / "a.png", curves, "m", "FID")
    axes = pages[0].figure.axes[0]
    assert axes.get_yscale() == "log"
    low, high = axes.get_ylim()
    assert 0 < low < 1000 / 32**2
    assert low > 0.1
    assert high > 750
    legible(pages[0])


@pytest.mark.parametrize(
    ("mean", "sd", "text"),
    [
        (45.26, 2.94, "45.3 ± 2.9"),
        (45.26, 0.0, "45.3"),
        (45.26, 12.0, "45 ± 12"),
        (-0.5, 0.0123, "−0.500 ± 0.012"),
        (1e9, 1e8, "10⁹"),
        (1.0, 1e-9, "1"),
    ],
)
def test_a_mean_has_as_many_decimals_as_its_deviation(mean, sd, text):
    assert module._told(mean, sd) == text


@pytest.mark.parametrize(("n", "factor"), [(1, -3e4), (1, 1e-7), (20, 1.0)])
def test_odd_figures_stay_legible(tmp_path, pages, n, factor, legible):
    curves = {
        f"a model whose name is rather long, number {i}": (SIZES, factor * (SIZES + i), abs(factor) * SIZES)
        for i in range(n)
    }
    title = "a title of many words " * 6
    figures.value_against_size(
        tmp_path / "a.png", curves, "dimension of the codes", "negative log-likelihood", title=title
    )
    legible(pages[0])


def test_names_of_sizes_do_not_cover_one_another(tmp_path, pages, legible):
    sizes = np.arange(4, 200)
    figures.value_against_size(tmp_path / "a.png", {"a": (sizes, sizes, sizes / 9)}, "m", "FID")
    assert 5 < len(pages[0].figure.axes[0].xaxis.get_ticklocs()) < 14
    legible(pages[0])


def test_means_that_are_not_finite_are_counted_and_a_single_one_is_drawn(tmp_path, pages, legible):
    curves = {"a": ([8, 16, 32], [np.nan, 5, np.inf], [1, np.nan, 1])}
    figures.value_against_size(tmp_path / "a.png", curves, "m", "FID")
    assert rings(pages[0].figure.axes[0]) == [[16, 5]]
    told = words(pages[0])
    assert "means that are not finite, not drawn: 2" in told
    assert "ring: the lowest mean" in told
    legible(pages[0])


@pytest.mark.parametrize(
    ("curves", "message"),
    [
        ({}, "at least one model"),
        ({"a": ([1, 2], [1.0], [1.0])}, "'a' must be of one length, but theirs are 2, 1 and 1"),
        ({"a": ([0, 2], [1.0, 2], [1.0, 1])}, "sizes above 0"),
        ({"a": ([1, 2], [np.nan, np.nan], [1.0, 1])}, "a finite mean"),
        ({"a": ([], [], [])}, "a finite mean"),
    ],
)
def test_curves_that_cannot_be_drawn_are_refused(tmp_path, curves, message):
    with pytest.raises(ValueError, match=message):
        figures.value_against_size(tmp_path / "a.png", curves, "m", "FID")
