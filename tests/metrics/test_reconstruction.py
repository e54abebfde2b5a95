import math

import numpy as np
import pytest

from coulomb_jax import mmd
from coulomb_jax.metrics.reconstruction import generalization_bound, squared_errors


def test_errors_are_those_of_a_double_loop(monkeypatch):
    random = np.random.default_rng(0)
    x, reconstructed = random.normal(size=(2, 7, 3, 2, 2)).astype(np.float32)
    expected = [
        sum((float(a) - float(b)) ** 2 for a, b in zip(one.ravel(), other.ravel()))
        for one, other in zip(x, reconstructed)
    ]
    np.testing.assert_allclose(squared_errors(x, reconstructed), expected, rtol=1e-14)
    monkeypatch.setattr("coulomb_jax.metrics.reconstruction.STEP_VALUES", 25)
    np.testing.assert_allclose(squared_errors(x, reconstructed), expected, rtol=1e-14)


def test_small_errors_of_large_pixels_are_not_lost():
    x = np.full((1, 10_000), 1000.0, np.float32)
    np.testing.assert_allclose(squared_errors(x, x + np.float32(2**-12)), 10_000 * 2.0**-24, rtol=1e-12)
    bytes_ = np.array([[0, 255]], np.uint8)
    np.testing.assert_array_equal(squared_errors(bytes_, bytes_[:, ::-1]), [2 * 255.0**2])


ERRORS = {"train": np.array([0.5, 1.5, 1.0, 0.2]), "validation": np.array([2.0, 1.0])}


def test_the_figures_of_the_errors():
    found = generalization_bound(**ERRORS, kernel_bound=1.0, weight=2.0)
    assert (found.mean_train, found.max_train) == (0.8, 1.5)
    assert (found.mean_validation, found.max_validation) == (1.5, 2.0)
    assert found.xi == 2.0
    assert found.n == 4
    fitted = generalization_bound(ERRORS["validation"], ERRORS["train"], kernel_bound=1.0, weight=2.0)
    assert (fitted.xi, fitted.n) == (2.0, 2)


@pytest.mark.parametrize("corrected", [True, False])
@pytest.mark.parametrize("n", [1000, 1001])
def test_the_bound_solves_the_theorem(n, corrected):
    train = np.random.default_rng(0).uniform(0, 3.0, n)
    bound, weight, risk = 0.7, 5.0, 0.1
    found = generalization_bound(
        train, train[:10], kernel_bound=bound, weight=weight, probability=risk, corrected=corrected
    )

    # The deviation of each term, by solving 2·exp(−2n(deviation/range)²) = risk/4 step by step.
    def solved(terms, width):
        low, high = 0.0, 100.0
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (
                (middle, high)
                if 2 * math.exp(-2 * terms * (middle / width) ** 2) > risk / 4
                else (low, middle)
            )
        return high

    t, s, v = solved(n, train.max()), solved(n // 2, bound), solved(n, bound * (2 if corrected else 1))
    assert found.of_reconstruction == pytest.approx(t, rel=1e-9)
    assert found.of_mmd == pytest.approx(weight * (2 * s + v), rel=1e-9)
    assert found.deviation == pytest.approx(t + weight * (2 * s + v), rel=1e-9)
    assert found.probability == pytest.approx(risk, rel=1e-9)


def test_it_agrees_with_the_samples_needed():
    kernel = mmd.gaussian(1.0)
    n = mmd.samples_needed(
        0.5, probability=0.05, xi=2.0, kernel_bound=kernel.bound, weight=1.0, corrected=True
    )
    deviations = [
        generalization_bound(np.full(count, 2.0), [1.0], kernel_bound=kernel.bound, weight=1.0).deviation
        for count in (n - 1, n)
    ]
    assert deviations[1] <= 0.5 < deviations[0]


def test_the_estimated_loss_stays_within_the_bound():
    """Errors uniform on [0, 1], codes of the prior: the loss is 1/2, and no estimate is further off."""
    random, kernel = np.random.default_rng(0), mmd.gaussian(1.0)
    for _ in range(20):
        errors, codes, prior = random.uniform(size=200), *random.normal(size=(2, 200, 2)).astype(np.float32)
        found = generalization_bound(errors, [1.0], kernel_bound=kernel.bound, weight=1.0)
        estimate = errors.mean() + float(mmd.mmd2(codes, prior, kernel))
        assert abs(estimate - 0.5) < found.deviation < 1.5


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="K = inf"):
        generalization_bound(**ERRORS, kernel_bound=mmd.coulomb(2).bound, weight=1.0)
    with pytest.raises(ValueError, match="n must be at least 2"):
        generalization_bound([1.0], [1.0], kernel_bound=1.0, weight=1.0)
    with pytest.raises(ValueError, match="validation must be a row of errors >= 0"):
        generalization_bound([1.0, 2.0], [-1.0], kernel_bound=1.0, weight=1.0)
    with pytest.raises(ValueError, match="train must be finite, but 1 are not"):
        generalization_bound([1.0, math.nan], [1.0], kernel_bound=1.0, weight=1.0)
    with pytest.raises(ValueError, match="between 0 and 1, got 5"):
        generalization_bound(**ERRORS, kernel_bound=1.0, weight=1.0, probability=5)
    with pytest.raises(ValueError, match="weight"):
        generalization_bound(**ERRORS, kernel_bound=1.0, weight=0.0)
    with pytest.raises(ValueError, match="must have the shape of the examples"):
        squared_errors(np.ones((2, 3)), np.ones((2, 4)))
    with pytest.raises(ValueError, match="errors must be finite"):
        squared_errors(np.ones((2, 3)), np.full((2, 3), np.inf))
