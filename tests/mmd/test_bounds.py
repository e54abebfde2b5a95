import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from coulomb_jax import mmd
from coulomb_jax.mmd.bounds import deviation_bound, samples_needed

FAR = 1e3  # a deviation that never happens: its term is 0


def tail(exponent):
    return 2 * math.exp(-exponent)


def term(n, name, value, corrected=True):
    """The bound on one of the four deviations alone, of a kernel and a loss between 0 and 1."""
    allowed = {"t": FAR, "s": FAR, "u": FAR, "v": FAR, name: value}
    return deviation_bound(n, xi=1, kernel_bound=1, weight=1, corrected=corrected, **allowed).probability


def two_points(n, p):
    """The chances of 0 to n points at the first of two places."""
    return scipy.stats.binom.pmf(np.arange(n + 1), n, p)


def own_deviations(n, p):
    """|mean over pairs of [z_i = z_j] − its expectation| and its chances."""
    values = [(math.comb(b, 2) + math.comb(n - b, 2)) / math.comb(n, 2) for b in range(n + 1)]
    return abs(np.array(values) - p**2 - (1 - p) ** 2), two_points(n, p)


def cross_deviations(n, p, q):
    """2·|mean over i, j of [z_i = z'_j] − its expectation| and its chances."""
    b, c = np.arange(n + 1)[:, None], np.arange(n + 1)[None, :]
    values = (b * c + (n - b) * (n - c)) / n**2
    chances = two_points(n, p)[:, None] * two_points(n, q)[None, :]
    return 2 * abs(values - p * q - (1 - p) * (1 - q)).ravel(), chances.ravel()


def worst_ratio(n, name, deviations, chances):
    """The largest P{deviation >= value} / bound over the values that occur where it is below 1."""
    values = [float(v) for v in np.unique(deviations) if v > 1e-9 and term(n, name, float(v)) < 1.0]
    return max((chances[deviations >= v - 1e-9].sum() / term(n, name, v) for v in values), default=0.0)


def test_the_formula_by_hand():
    bound = deviation_bound(101, xi=0.5, kernel_bound=2.0, weight=3.0, t=0.1, s=0.4, u=0.5, v=0.6)
    rest = tail(2 * 101 * 0.04) + tail(2 * 50 * 0.04) + tail(2 * 50 * 0.0625)
    assert bound.deviation == pytest.approx(0.1 + 3 * 1.5, rel=1e-14)
    assert bound.probability == pytest.approx(rest + tail(2 * 101 * 0.09), rel=1e-12)
    corrected = deviation_bound(
        101, xi=0.5, kernel_bound=2.0, weight=3.0, t=0.1, s=0.4, u=0.5, v=0.6, corrected=True
    )
    assert corrected.deviation == bound.deviation
    assert corrected.probability == pytest.approx(rest + tail(101 * 0.36 / 8), rel=1e-12)


def test_a_probability_is_never_above_one_and_nothing_overflows():
    small = deviation_bound(2, xi=1, kernel_bound=1, weight=1, t=0.01, s=0.01, u=0.01, v=0.01)
    assert small.probability == 1.0
    assert term(10**9, "t", 1e200) == 0.0


def test_the_bound_of_a_kernel_is_taken_as_it_is():
    kernel = 2.0 * mmd.coulomb(3, epsilon=0.5)  # 2/0.5 at the clamp, an array
    given = deviation_bound(100, xi=1, kernel_bound=kernel.bound, weight=1, t=1, s=1, u=1, v=1)
    assert isinstance(given.probability, float)
    expected = tail(200) + 2 * tail(2 * 50 / 16) + tail(200 / 16)
    assert given.probability == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", ["s", "u"])
def test_the_own_terms_hold_exactly_for_two_points(name):
    ratios = [worst_ratio(n, name, *own_deviations(n, p)) for n in range(2, 15) for p in (0.1, 0.3, 0.5, 0.8)]
    assert 0.3 < max(ratios) <= 1.0


def test_the_reconstruction_term_holds_exactly_for_two_errors():
    ratios = [
        worst_ratio(n, "t", abs(np.arange(n + 1) / n - p), two_points(n, p))
        for n in range(2, 15)
        for p in (0.1, 0.3, 0.5)
    ]
    assert 0.3 < max(ratios) <= 1.0


def test_the_corrected_cross_term_holds_exactly_for_two_points():
    shares = (0.0, 0.15, 0.5, 0.85)
    ratios = [
        worst_ratio(n, "v", *cross_deviations(n, p, q))
        for n, p, q in itertools.product(range(2, 12), shares, shares)
    ]
    assert 0.3 < max(ratios) <= 1.0


def test_the_cross_term_of_the_paper_fails():
    """A prior at one point, two codes there or far away by a coin: 2·mean k is 0, 1 or 2."""
    deviations, chances = cross_deviations(2, 1.0, 0.5)
    happens = chances[deviations >= 1.0].sum()
    assert happens == pytest.approx(0.5)
    assert happens > 10 * term(2, "v", 1.0, corrected=False)
    assert happens < term(2, "v", 1.0, corrected=True)


def test_the_loss_deviates_as_seldom_as_the_corrected_bound_says():
    """Codes and prior on two points of space, in the shares that make MMD² most uncertain."""
    n, repetitions, weight, xi, distance = 64, 20_000, 2.0, 0.01, 3.0
    shares, near = {"x": 0.15, "y": 0.85}, math.exp(-(distance**2) / 2)
    kernel = mmd.gaussian(1.0)

    def once(key):
        of_x, of_y, of_errors = jax.random.split(key, 3)
        place = jnp.asarray([[0.0, distance, 0.0]])
        x = jax.random.bernoulli(of_x, shares["x"], (n, 1)) * place
        y = jax.random.bernoulli(of_y, shares["y"], (n, 1)) * place
        return jnp.mean(xi * jax.random.uniform(of_errors, (n,))) + weight * mmd.mmd2(x, y, kernel)

    keys = jax.random.split(jax.random.key(0), repetitions)
    losses = np.asarray(jax.jit(lambda keys: jax.lax.map(once, keys, batch_size=1000))(keys))
    loss = xi / 2 + weight * 2 * (shares["x"] - shares["y"]) ** 2 * (1 - near)
    loose = {"xi": xi, "kernel_bound": kernel.bound, "weight": weight, "t": xi, "corrected": True}
    exceeded = {}
    for s in (0.12, 0.17, 0.21):
        bound = deviation_bound(n, s=s, u=s, v=math.sqrt(2) * s, **loose)
        exceeded[bound.probability] = np.mean(abs(losses - loss) > bound.deviation)
    assert all(often <= probability for probability, often in exceeded.items())
    assert any(often > 0 for probability, often in exceeded.items() if probability < 1.0)


def deviation(n, probability, xi, kernel_bound, weight, corrected):
    """t + λ(s + u + v) where each of the terms is a quarter of the probability, solved by hand."""
    log = math.log(8 / probability)
    own = kernel_bound * math.sqrt(log / (2 * (n // 2)))
    cross = kernel_bound * math.sqrt((2 if corrected else 0.5) * log / n)
    return xi * math.sqrt(log / (2 * n)) + weight * (2 * own + cross)


@pytest.mark.parametrize("corrected", [False, True])
@pytest.mark.parametrize(
    ("accuracy", "probability", "xi", "kernel_bound", "weight"),
    [
        (0.1, 0.05, 0.5, 1.0, 1.0),
        (0.01, 0.5, 2.0, 1.0, 100.0),
        (3.0, 0.01, 1.0, 1.0, 1.0),
        (2.5, 0.9, 1.0, 1.0, 1.0),
        (1e-3, 1e-9, 1e-3, 1e6, 0.1),
    ],
)
def test_samples_needed_is_the_smallest_that_will_do(
    accuracy, probability, xi, kernel_bound, weight, corrected
):
    loss = {"xi": xi, "kernel_bound": kernel_bound, "weight": weight, "corrected": corrected}
    n = samples_needed(accuracy, probability=probability, **loss)
    assert isinstance(n, int)
    assert deviation(n, probability, **loss) <= accuracy
    assert deviation(n - 1, probability, **loss) > accuracy

    log = math.log(8 / probability)
    own, cross = math.sqrt(log / (2 * (n // 2))), math.sqrt(log / (2 * n)) * (1 + corrected)
    allowed = {"s": kernel_bound * own, "u": kernel_bound * own, "v": kernel_bound * cross}
    bound = deviation_bound(n, t=xi * math.sqrt(log / (2 * n)), **allowed, **loss)
    assert bound.deviation <= accuracy * (1 + 1e-12)
    assert bound.probability == pytest.approx(probability, rel=1e-9)


def test_two_samples_are_the_least():
    loss = {"xi": 1.0, "kernel_bound": 1.0, "weight": 1.0}
    assert samples_needed(1e3, probability=0.1, **loss) == 2
    found = samples_needed(4.0, probability=0.5, **loss)
    brute = next(n for n in range(2, 1000) if deviation(n, 0.5, **loss, corrected=False) <= 4.0)
    assert found == brute > 2


def test_more_is_needed_for_more():
    def needed(accuracy=0.1, probability=0.05, xi=1.0, kernel_bound=1.0, weight=1.0, corrected=False):
        loss = {"xi": xi, "kernel_bound": kernel_bound, "weight": weight, "corrected": corrected}
        return samples_needed(accuracy, probability=probability, **loss)

    plain = needed()
    assert needed(accuracy=0.05) == pytest.approx(4 * plain, rel=1e-3)
    for harder in (
        {"probability": 0.01},
        {"xi": 2.0},
        {"kernel_bound": 2.0},
        {"weight": 2.0},
        {"corrected": True},
    ):
        assert needed(**harder) > plain


GOOD = {"xi": 1.0, "kernel_bound": 1.0, "weight": 1.0}
ALLOWED = {"t": 1.0, "s": 1.0, "u": 1.0, "v": 1.0}


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: deviation_bound(1, **GOOD, **ALLOWED), ValueError, "n must be at least 2, got 1"),
        (lambda: deviation_bound(10.0, **GOOD, **ALLOWED), TypeError, "whole number"),
        (lambda: deviation_bound(True, **GOOD, **ALLOWED), TypeError, "whole number"),
        (lambda: deviation_bound(10, **GOOD, **{**ALLOWED, "u": 0.0}), ValueError, "deviation_bound: u"),
        (lambda: deviation_bound(10, **{**GOOD, "xi": -1.0}, **ALLOWED), ValueError, "xi must be greater"),
        (lambda: deviation_bound(10, **{**GOOD, "weight": "1"}, **ALLOWED), TypeError, "real number"),
        (
            lambda: deviation_bound(10, **{**GOOD, "kernel_bound": mmd.energy().bound}, **ALLOWED),
            ValueError,
            "needs a kernel bounded by 0 <= k <= K",
        ),
        (
            lambda: samples_needed(1.0, probability=0.1, **{**GOOD, "kernel_bound": mmd.coulomb(2).bound}),
            ValueError,
            "dim >= 3",
        ),
        (
            lambda: samples_needed(1.0, probability=0.1, **{**GOOD, "kernel_bound": jnp.asarray(jnp.inf)}),
            ValueError,
            "got K = inf",
        ),
        (lambda: samples_needed(0.0, probability=0.1, **GOOD), ValueError, "accuracy must be greater"),
        (lambda: samples_needed(1.0, probability=1.0, **GOOD), ValueError, "less than 1"),
    ],
)
def test_bad_input_gets_one_clear_sentence(call, error, words):
    with pytest.raises(error, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
