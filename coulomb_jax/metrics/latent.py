"""What the codes of a model look like beside its prior: covariance, active dimensions, tests."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np
import scipy.special
import scipy.stats
from jaxtyping import Array, Float, PRNGKeyArray

from coulomb_jax import mmd

# [burda2016]: a dimension whose posterior mean varies less carries nothing.
ACTIVE_VARIANCE = 0.01
# Of the aggregated test against the prior.
BANDWIDTHS = 5


class Correlation(NamedTuple):
    """Mean absolute correlation between different dimensions.

    Attributes:
      nac: in [0, 1].
      floor: what independent dimensions would show on average for so many codes.
      dimensions: that were compared.
    """

    nac: float
    floor: float
    dimensions: int


class Normality(NamedTuple):
    """Kolmogorov-Smirnov tests of every dimension against N(0, 1).

    Attributes:
      statistics: largest distance between the distribution functions, in [0, 1].
      p_values: of each dimension by itself, exact for so many codes.
      p_value: of all together: the least times the number of dimensions, at most 1.
    """

    statistics: Float[np.ndarray, " d"]
    p_values: Float[np.ndarray, " d"]
    p_value: float


def covariance(codes: Float[Array, "n d"]) -> tuple[Float[np.ndarray, " d"], Float[np.ndarray, "d d"]]:
    """Mean and unbiased covariance of codes, in float64.

    Args:
      codes: n >= 2 codes, floating and finite.

    Raises:
      TypeError: codes that are not floating.
      ValueError: fewer than two codes, another rank, or values that are not finite.
    """
    codes = _checked(codes)
    mean = codes.mean(0)
    centred = codes - mean[None, :]
    return mean, centred.T @ centred / (len(codes) - 1)


def active_dimensions(means: Float[Array, "n d"], *, threshold: float = ACTIVE_VARIANCE) -> np.ndarray:
    """Which dimensions of the code carry something about x: Var_x(E[z_i | x]) > threshold.

    Args:
      means: posterior means of n >= 2 examples; the codes themselves where the encoder is
        deterministic.
      threshold: variance in the unit of the codes squared, >= 0.

    Returns:
      `[d]` booleans; their sum is the number of active dimensions.

    Raises:
      TypeError, ValueError: as `covariance`.

    Source: [burda2016] section 5.2.
    """
    return np.var(_checked(means), 0, ddof=1) > threshold


def absolute_correlation(codes: Float[Array, "n d"], *, active: np.ndarray | None = None) -> Correlation:
    """NAC: the mean over pairs of different dimensions of |correlation|.

    [mondal2020] prints the figure without its formula; this one is ours. n independent normal codes
    have sqrt(2 / (π n)), not 0: no figure below that floor can mean anything.

    Args:
      codes: n >= 2 codes, 10,000 test examples in the papers.
      active: `[d]` booleans, the dimensions to compare; None for all. Of these, dimensions that
        do not vary at all have no correlation and are left out.

    Raises:
      TypeError: as `covariance`.
      ValueError: as `covariance`, or fewer than two dimensions to compare.
    """
    _, matrix = covariance(codes)
    chosen = np.diag(matrix) > 0
    if active is not None:
        chosen &= np.asarray(active, bool)
    count = int(np.sum(chosen))
    if count < 2:
        raise ValueError(
            f"a correlation needs two dimensions that vary, but there are {count}; none is defined"
        )
    kept = matrix[np.ix_(chosen, chosen)]
    scale = np.sqrt(np.diag(kept))
    correlation = np.abs(kept / (scale[:, None] * scale[None, :]))
    nac = (np.sum(correlation) - np.trace(correlation)) / (count * (count - 1))
    return Correlation(float(nac), float(np.sqrt(2 / (np.pi * len(codes)))), count)


def normality(codes: Float[Array, "n d"]) -> Normality:
    """Kolmogorov-Smirnov statistic and p-value of every dimension of codes against N(0, 1).

    sup_t |F_n(t) − Φ(t)|, two-sided. Normal marginals do not make a normal law: `prior_test`
    compares all dimensions together.

    Args:
      codes: n >= 2 independent codes, floating and finite.

    Raises:
      TypeError, ValueError: as `covariance`.

    Source: [kolmogorov1933]; the distribution is scipy's `kstwo`.
    """
    codes = _checked(codes)
    n, d = codes.shape
    values = scipy.special.ndtr(np.sort(codes, 0))
    steps = np.arange(n + 1)[:, None] / n
    statistics = np.maximum(np.max(steps[1:] - values, 0), np.max(values - steps[:-1], 0))
    p_values = scipy.stats.kstwo.sf(statistics, n)
    return Normality(statistics, p_values, float(min(1.0, d * np.min(p_values))))


def prior_test(
    key: PRNGKeyArray,
    codes: Float[Array, "n d"],
    prior: Float[Array, "m d"] | None = None,
    *,
    permutations: int = 199,
) -> mmd.TestResult:
    """Test whether the aggregated posterior is the prior, by MMD; a small p-value says that it is not.

    One aggregated permutation test over Gaussian kernels of five bandwidths that span the
    distances, each as in `mmd.two_sample_test`; the level is exact. With n codes a p-value near
    1/2 says only that n codes do not tell the two apart. Time grows as n²: 2,000 codes take
    seconds.

    Args:
      key: random key, for the draws of the prior and the relabellings.
      codes: n >= 2 codes, independent: of n examples, one draw of the posterior of each.
      prior: m >= 2 draws of the prior; None for n draws of N(0, I).
      permutations: random relabellings, at least 1.

    Raises:
      TypeError, ValueError: as `mmd.two_sample_test`.

    Source: [gretton2012], [schrab2023].
    """
    for_prior, for_test = jax.random.split(key)
    if prior is None:
        prior = jax.random.normal(for_prior, np.shape(codes))
    kernels = [mmd.gaussian(sigma) for sigma in mmd.bandwidths(codes, prior, BANDWIDTHS)]
    return mmd.two_sample_test(for_test, codes, prior, kernels, permutations=permutations)


def _checked(codes):
    array = np.asarray(codes)
    # Not numpy's own test: bfloat16 is none of its floating types.
    if not jax.numpy.issubdtype(array.dtype, jax.numpy.floating):
        raise TypeError(f"codes must be floating, but their dtype is {array.dtype}; cast them first")
    if array.ndim != 2 or len(array) < 2 or not array.shape[1]:
        raise ValueError(
            f"codes must be [n, d] with n >= 2, but their shape is {array.shape}; pass more or reshape"
        )
    array = array.astype(np.float64)
    wrong = int(np.sum(~np.isfinite(array)))
    if wrong:
        raise ValueError(
            f"codes must be finite, but {wrong} values are not; a model that diverged has no codes"
        )
    return array
