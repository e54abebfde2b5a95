"""How far the loss on n samples lies from its expectation: theorem 2 of the Coulomb autoencoder."""

import math
import numbers
from typing import NamedTuple

import numpy as np

from coulomb_jax.mmd.radial import Scalar, positive

# The least for which a U-statistic has a pair.
FEWEST_SAMPLES = 2


class DeviationBound(NamedTuple):
    """A deviation, and a bound on the probability of exceeding it."""

    deviation: float
    probability: float


def deviation_bound(
    n: int,
    *,
    xi: Scalar,
    kernel_bound: Scalar,
    weight: Scalar,
    t: Scalar,
    s: Scalar,
    u: Scalar,
    v: Scalar,
    corrected: bool = False,
) -> DeviationBound:
    """Bound on P{|estimated loss − loss| > t + λ(s + u + v)} from n codes and n draws of the prior.

    The loss is E‖x − g(f(x))‖² + λ·MMD², the estimate the mean over n examples and the unbiased
    MMD². Four deviations are bounded apart and their probabilities added:

        2·exp(−2nt²/ξ²) + 2·exp(−2⌊n/2⌋s²/K²) + 2·exp(−2⌊n/2⌋u²/K²) + 2·exp(−2nv²/K²)

    for the error of the reconstruction, of the prior's own mean, of the codes' own and of the
    cross term. The estimate contains twice the mean of the cross term, in [0, 2K], so Hoeffding's
    inequality gives 2·exp(−nv²/(2K²)) for the last; the paper's term alone is exceeded by
    simple laws. ``corrected=True`` uses what is proved.

    Args:
        n: number of codes, and of draws of the prior, at least 2.
        xi: ξ > 0, largest reconstruction error of one example, in the unit of the loss.
        kernel_bound: K with 0 <= k <= K, ``kernel.bound``; finite.
        weight: λ > 0, the weight of MMD² in the loss.
        t: deviation allowed to the reconstruction error, > 0, in its unit.
        s: deviation allowed to the prior's mean kernel, > 0, in the kernel's unit.
        u: deviation allowed to the codes' mean kernel, > 0.
        v: deviation allowed to twice the mean kernel between the two, > 0.
        corrected: use the last term that is proved, not that of the paper.

    Returns:
        ``(deviation, probability)``: t + λ(s + u + v), and the sum clipped at 1.

    Raises:
        TypeError: a parameter is not a number.
        ValueError: a parameter is out of range, or the kernel has no bound.

    Source: [sansone2019] theorem 2; [hoeffding1963] theorem 2 and section 5.

    >>> from coulomb_jax.mmd import deviation_bound
    >>> bound = deviation_bound(1000, xi=1, kernel_bound=1, weight=2, t=0.1, s=0.1, u=0.1, v=0.1)
    >>> round(bound.deviation, 6), round(bound.probability, 6)
    (0.7, 0.000182)
    """
    n = _samples(n)
    largest, bound, factor = _loss("deviation_bound", xi, kernel_bound, weight)
    of_x, of_prior, of_codes, of_both = (
        float(positive(f"deviation_bound: {name}", value))
        for name, value in {"t": t, "s": s, "u": u, "v": v}.items()
    )
    probability = (
        _tail(n, of_x / largest)
        + _tail(n // 2, of_prior / bound)
        + _tail(n // 2, of_codes / bound)
        + _tail(n, of_both / _cross_range(bound, corrected))
    )
    return DeviationBound(of_x + factor * (of_prior + of_codes + of_both), min(probability, 1.0))


def samples_needed(
    accuracy: Scalar,
    *,
    probability: Scalar,
    xi: Scalar,
    kernel_bound: Scalar,
    weight: Scalar,
    corrected: bool = False,
) -> int:
    """Smallest n with which theorem 2 puts the estimated loss within ``accuracy`` of the loss.

    Each of the four terms of `deviation_bound` gets a quarter of ``probability``.

    Args:
        accuracy: largest deviation t + λ(s + u + v) wanted, > 0, in the unit of the loss.
        probability: largest chance of exceeding it, between 0 and 1.
        xi: as for `deviation_bound`.
        kernel_bound: as for `deviation_bound`.
        weight: as for `deviation_bound`.
        corrected: as for `deviation_bound`.

    Returns:
        A number of codes, and as many draws of the prior, at least 2.

    Raises:
        TypeError, ValueError: as `deviation_bound`.

    Source: [sansone2019] theorem 2.

    >>> from coulomb_jax.mmd import gaussian, samples_needed
    >>> samples_needed(0.1, probability=0.05, xi=0.5, kernel_bound=gaussian(1.0).bound, weight=1.0)
    4755
    """
    allowed = float(positive("samples_needed: accuracy", accuracy))
    risk = float(positive("samples_needed: probability", probability, below=1.0))
    largest, bound, factor = _loss("samples_needed", xi, kernel_bound, weight)

    def enough(n):
        t, v = (_quantile(n, risk / 4) * width for width in (largest, _cross_range(bound, corrected)))
        s = _quantile(n // 2, risk / 4) * bound
        return t + factor * (2 * s + v) <= allowed

    # The deviation never grows with n: bisect between too few and enough.
    too_few, n = FEWEST_SAMPLES - 1, FEWEST_SAMPLES
    while not enough(n):
        too_few, n = n, 2 * n
    while n - too_few > 1:
        middle = (too_few + n) // 2
        too_few, n = (too_few, middle) if enough(middle) else (middle, n)
    return n


def _tail(n, deviation):
    """[hoeffding1963]: the chance of this deviation of a mean of n, in units of its terms' range."""
    return 2.0 * math.exp(-2.0 * n * deviation * deviation)


def _quantile(n, probability):
    """The deviation that `_tail` gives this probability."""
    return math.sqrt(math.log(2.0 / probability) / (2.0 * n))


def _cross_range(bound, corrected):
    return 2.0 * bound if corrected else bound


def _samples(n):
    if not isinstance(n, numbers.Integral) or isinstance(n, bool):
        raise TypeError(f"deviation_bound: n must be a whole number, got {n!r}; pass a Python int")
    if n < FEWEST_SAMPLES:
        raise ValueError(
            f"deviation_bound: n must be at least {FEWEST_SAMPLES}, got {n}; pass the number of codes"
        )
    return int(n)


def _loss(name, xi, kernel_bound, weight):
    if not np.ndim(kernel_bound) and kernel_bound == math.inf:
        raise ValueError(
            f"{name}: theorem 2 needs a kernel bounded by 0 <= k <= K, got K = inf; coulomb(dim) is "
            "bounded for dim >= 3, and so are plummer(dim, epsilon) there, gaussian and the like"
        )
    return (
        float(positive(f"{name}: xi", xi)),
        float(positive(f"{name}: kernel_bound", kernel_bound)),
        float(positive(f"{name}: weight", weight)),
    )
