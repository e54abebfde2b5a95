import json
import math

import numpy as np
import pytest

from experiments import figures
from experiments.figures import curves, style


def words(page):
    return [text.get_text() for text in page.figure.texts]


def records(n, repetitions=None):
    def value(x):
        return x if repetitions is None else [x * (1 + k) for k in range(repetitions)]

    return [
        {
            "step": 100 * i,
            "steps_per_second": 2000.0,
            "autoencoder/loss": value(2.0 * 0.9**i),
            "autoencoder/mmd2": value((-1.0) ** i * 1e-4),
        }
        for i in range(1, n + 1)
    ]


def test_numbers_and_lists_give_the_same_series():
    numbers, lists = curves.series(records(4)), curves.series(records(4, 1))
    assert list(numbers) == ["autoencoder/loss", "autoencoder/mmd2"]
    for name, (steps, values) in numbers.items():
        assert steps.tolist() == [100, 200, 300, 400]
        assert values.shape == (4, 1)
        np.testing.assert_array_equal(values, lists[name][1])
    assert curves.series(records(4, 3))["autoencoder/loss"][1].shape == (4, 3)


def test_each_term_keeps_its_own_steps():
    terms = curves.series([{"step": 1, "a/x": 1.0}, {"step": 2, "b/x": [5.0]}, {"step": 3, "a/x": 2.0}])
    assert {name: (s.tolist(), v[:, 0].tolist()) for name, (s, v) in terms.items()} == {
        "a/x": ([1, 3], [1, 2]),
        "b/x": ([2], [5]),
    }


def test_losses_come_first_and_the_others_in_their_order(tmp_path, pages):
    line = {"step": 1, "a/kl": 1.0, "a/loss": 2.0, "a/error": 3.0, "b/norm": 4.0, "b/loss": 5.0}
    figures.training_curves(tmp_path / "a.png", [line, line | {"step": 2}])
    ends = [axes.get_title(loc="right") for axes in pages[0].figure.axes]
    assert ends == ["2", "5", "1", "3", "4"]


def test_smoothing_agrees_with_a_loop_and_skips_gaps(random):
    values = random.standard_normal((220, 2))
    values[50:53, 0] = np.nan
    found = curves.smooth(values)
    for i in range(220):
        reach = min(4, i)
        for k in range(2):
            window = [v for v in values[i - reach : i + reach + 1, k] if not math.isnan(v)]
            assert found[i, k] == pytest.approx(sum(window) / len(window), abs=1e-12)
    np.testing.assert_array_equal(curves.smooth(values[60:80]), values[60:80])


def test_smoothing_keeps_small_values_after_large_ones():
    values = np.where(np.arange(200) < 20, 1e12, 1e-6)[:, None]
    np.testing.assert_allclose(curves.smooth(values)[30:], 1e-6, rtol=1e-12)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([100.0, 10, 1], "log"),
        ([3.0, 2, 1], "linear"),
        ([1.0, 0.1, -1e-4, 1e-4, -2e-4, 1e-4], "symlog"),
        ([0.2, 0.1, -0.1, 0.1], "linear"),
        ([-100.0, -90, -80], "linear"),
        ([1.0, 0.0, 0.0, 0.0], "linear"),
        ([math.nan], "linear"),
    ],
)
def test_the_axis_suits_the_values(values, kind):
    found, options = curves.scale(np.array(values)[:, None])
    assert found == kind
    if kind == "symlog":
        assert options["linthresh"] == pytest.approx(1e-3)


def test_the_band_spans_the_repetitions(tmp_path, pages):
    figures.training_curves(tmp_path / "a.png", records(10, 3))
    loss, mmd2 = pages[0].figure.axes
    assert (loss.get_yscale(), mmd2.get_title(loc="left")) == ("linear", "MMD²")
    band = loss.collections[0].get_paths()[0].get_extents()
    first = 2.0 * 0.9
    assert (band.ymin, band.ymax) == pytest.approx((2.0 * 0.9**10, 3 * first))
    mean = loss.lines[1].get_ydata()
    np.testing.assert_allclose(mean, [2 * 2.0 * 0.9**i for i in range(1, 11)])
    assert words(pages[0]) == [
        "number: where the smoothed mean ends · mean of 3 repetitions · band: least to greatest"
    ]


def test_a_zero_line_is_drawn_only_where_a_term_crosses_it(tmp_path, pages):
    figures.training_curves(tmp_path / "a.png", records(100))
    loss, mmd2 = pages[0].figure.axes
    assert not any(np.all(np.equal(line.get_ydata(), 0)) for line in loss.lines)
    assert any(np.all(np.equal(line.get_ydata(), 0)) for line in mmd2.lines)
    assert mmd2.get_ylim()[0] < -5e-5
    assert loss.get_yscale() == "log"


@pytest.mark.parametrize("repetitions", [None, 2])
@pytest.mark.parametrize("n", [1, 2])
def test_few_records_can_be_drawn(tmp_path, n, repetitions, opened):
    figures.training_curves(tmp_path / "a.png", records(n, repetitions))
    assert opened(tmp_path / "a.png").std() > 5


@pytest.mark.filterwarnings("error")
def test_gaps_are_left_out_without_a_warning(tmp_path, opened):
    lines = [json.loads(line) for line in ('{"step": 1, "a/x": NaN, "b/y": 1}', '{"step": 2, "a/x": NaN}')]
    figures.training_curves(tmp_path / "a.png", lines)
    assert opened(tmp_path / "a.png").std() > 5


@pytest.mark.parametrize("terms", [1, 2, 4])
def test_every_term_has_a_panel_of_its_own(tmp_path, pages, terms):
    lines = [{"step": i, **{f"critic/t{k}": 1.0 + i for k in range(terms)}} for i in range(3)]
    figures.training_curves(tmp_path / "a.png", lines)
    boxes = [axes.get_position() for axes in pages[0].figure.axes]
    assert len(boxes) == terms
    for i, a in enumerate(boxes):
        assert 0 < a.x0 < a.x1 < 1
        assert 0 < a.y0 < a.y1 < 1
        assert not any(a.overlaps(b) for b in boxes[:i])


@pytest.mark.parametrize("lines", [[], [{"step": 1, "steps_per_second": 3.0}]])
def test_records_without_a_term_are_refused(tmp_path, lines):
    with pytest.raises(ValueError, match="records must hold a term"):
        figures.training_curves(tmp_path / "a.png", lines)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.001, "0.001"),
        (-1.5, "−1.5"),
        (123.4, "123"),
        (-1000.0, "−1000"),
        (9876.0, "9876"),
        (10_000.0, "10⁴"),
        (math.nan, "nan"),
        (1e-5, "10⁻⁵"),
        (-1e-5, "−10⁻⁵"),
        (-2.75e-5, "−2.75×10⁻⁵"),
        (1.2e6, "1.2×10⁶"),
    ],
)
def test_numbers_are_written_for_people(value, text):
    assert style.number(value) == text
