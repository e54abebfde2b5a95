"""Test log-likelihood of a generator through a kernel density estimate of its samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Array, Float

from coulomb_jax.density.kde import log_density

BANDWIDTHS = tuple(float(width) for width in np.logspace(-3, 1.5, 10))


class KdeLikelihood(NamedTuple):
    """Mean log density of test points, in nats, under two rules for the bandwidth.

    Attributes:
      log_likelihood: at `bandwidth`; the figure to report, no test point was used to choose it.
      log_likelihood_best_on_test: at `bandwidth_best_on_test`, never smaller: an upper value.
      bandwidth: the best for one half of the generated points under the estimate of the other.
      bandwidth_best_on_test: the best for the test points.
      bandwidths: all that were tried.
      on_test: mean log density of the test points at each of them.
      on_held_out: mean log density of the held-out half at each of them.
    """

    log_likelihood: float
    log_likelihood_best_on_test: float
    bandwidth: float
    bandwidth_best_on_test: float
    bandwidths: tuple[float, ...]
    on_test: tuple[float, ...]
    on_held_out: tuple[float, ...]


def kde_log_likelihood(
    generated: Float[Array, "n d"],
    test: Float[Array, "m d"],
    *,
    bandwidths: Sequence[float] = BANDWIDTHS,
) -> KdeLikelihood:
    """Score test points under a Gaussian kernel density estimate of generated points.

    The published protocol takes 10,000 of each and 10 bandwidths [sansone2019], without
    saying how one is chosen, so both sensible rules are given. The points at odd places are held
    out (every other one, for a sample sorted by mode or class); the scores then use all generated
    points. A generator that repeats its points exactly is told the smallest bandwidth by the first
    rule and scores badly: that is a fact about the generator.

    Args:
      generated: at least two points.
      test: points of the true distribution that the generator was not trained on.
      bandwidths: standard deviations of the kernel to try, in the units of the points.

    Raises:
      ValueError: fewer than two generated points, points that are not finite, no bandwidth or
        one that is not positive, or shapes that do not fit together.
      TypeError: points that are not floating.
    """
    if len(generated) < 2:
        raise ValueError(
            f"choosing a bandwidth takes at least 2 generated points, but there are "
            f"{len(generated)}; generate more (10,000 is usual)"
        )
    if len(bandwidths) == 0:
        raise ValueError("one bandwidth at least must be tried, but there are none; give some")
    for name, points in (("generated", generated), ("test", test)):
        wrong = int(np.sum(~np.isfinite(np.asarray(points, np.float64))))
        if wrong:
            raise ValueError(
                f"all {name} points must be finite, but {wrong} coordinates are not; "
                "a model that diverged has no likelihood"
            )
    widths = np.asarray(bandwidths, np.float64)
    on_held_out = _mean(log_density(generated[1::2], generated[::2], widths))
    on_test = _mean(log_density(test, generated, widths))
    chosen, best = int(np.argmax(on_held_out)), int(np.argmax(on_test))
    return KdeLikelihood(
        log_likelihood=on_test[chosen],
        log_likelihood_best_on_test=on_test[best],
        bandwidth=float(widths[chosen]),
        bandwidth_best_on_test=float(widths[best]),
        bandwidths=tuple(widths.tolist()),
        on_test=on_test,
        on_held_out=on_held_out,
    )


def _mean(log_densities: Float[Array, "b m"]) -> tuple[float, ...]:
    # In float64: a float32 sum of 10,000 values near -1,000 loses the third decimal.
    return tuple(np.mean(np.asarray(log_densities), axis=1, dtype=np.float64).tolist())
