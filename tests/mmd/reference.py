"""Slow float64 references in plain numpy and math, sharing no code with the library."""

import math

import numpy as np
import scipy.stats

from coulomb_jax import mmd


def cloud(seed, n, dim, shift=0.0):
    """Normal points, float32."""
    return (np.random.default_rng(seed).normal(size=(n, dim)) + shift).astype(np.float32)


def coulomb_at(r2, beta, scale=1.0, epsilon=1e-6):
    r = max(math.sqrt(r2), epsilon) / scale
    if beta == 0:
        return -math.log(r)
    return r**-beta if beta > 0 else -(r**-beta)


def matern_at(r2, nu, scale):
    t = math.sqrt(2 * nu * r2) / scale
    return {0.5: 1, 1.5: 1 + t, 2.5: 1 + t + t * t / 3}[nu] * math.exp(-t)


def wae_at(r2, dim):
    return sum(2 * dim * s / (2 * dim * s + r2) for s in (0.1, 0.2, 0.5, 1, 2, 5, 10))


# name: (kernel of the library, dimension of its points, formula of r2 in float64)
KERNELS = {
    "coulomb 1": (mmd.coulomb(1), 1, lambda r2: coulomb_at(r2, -1)),
    "coulomb 2": (mmd.coulomb(2), 2, lambda r2: coulomb_at(r2, 0)),
    "coulomb 3": (mmd.coulomb(3), 3, lambda r2: coulomb_at(r2, 1)),
    "coulomb 4": (mmd.coulomb(4), 4, lambda r2: coulomb_at(r2, 2)),
    "coulomb 5": (mmd.coulomb(5), 5, lambda r2: coulomb_at(r2, 3, epsilon=1e-4)),
    "coulomb 64": (
        mmd.coulomb(64, scale=8.0),
        64,
        lambda r2: coulomb_at(r2, 62, 8.0, 8 * 10 ** (-12 / 62)),
    ),
    "coulomb 64, beta 2": (mmd.coulomb(64, beta=2), 64, lambda r2: coulomb_at(r2, 2)),
    "coulomb 3, beta 1.5": (
        mmd.coulomb(3, beta=1.5, scale=2.0),
        3,
        lambda r2: coulomb_at(r2, 1.5, 2.0, 2e-6),
    ),
    "coulomb 3, beta -0.5": (mmd.coulomb(3, beta=-0.5), 3, lambda r2: coulomb_at(r2, -0.5)),
    "coulomb 2, epsilon": (
        mmd.coulomb(2, epsilon=0.5, scale=3.0),
        2,
        lambda r2: coulomb_at(r2, 0, 3.0, 0.5),
    ),
    "coulomb 1, normalized": (
        mmd.coulomb(1, normalized=True),
        1,
        lambda r2: -max(math.sqrt(r2), 1e-6) / 2,
    ),
    "coulomb 2, normalized": (
        mmd.coulomb(2, normalized=True, scale=5.0),
        2,
        lambda r2: -math.log(max(math.sqrt(r2), 5e-6)) / (2 * math.pi),
    ),
    "coulomb 3, normalized": (
        mmd.coulomb(3, normalized=True),
        3,
        lambda r2: 1 / (4 * math.pi * max(math.sqrt(r2), 1e-6)),
    ),
    "coulomb 4, normalized": (
        mmd.coulomb(4, normalized=True),
        4,
        lambda r2: 1 / (2 * 2 * math.pi**2 * max(r2, 1e-12)),
    ),
    "plummer 1": (mmd.plummer(1, 0.3), 1, lambda r2: -math.sqrt(r2 + 0.09)),
    "plummer 2": (mmd.plummer(2, 0.3), 2, lambda r2: -math.log(r2 + 0.09) / 2),
    "plummer 3": (mmd.plummer(3, 0.3), 3, lambda r2: (r2 + 0.09) ** -0.5),
    "plummer 6": (mmd.plummer(6, 0.3), 6, lambda r2: (r2 + 0.09) ** -2.0),
    "gaussian": (mmd.gaussian(1.3), 3, lambda r2: math.exp(-r2 / (2 * 1.69))),
    "laplacian": (mmd.laplacian(0.7), 3, lambda r2: math.exp(-math.sqrt(r2) / 0.7)),
    "inverse multiquadratic": (mmd.inverse_multiquadratic(2.5), 3, lambda r2: 2.5 / (2.5 + r2)),
    "wae multiscale": (mmd.wae_multiscale(8), 8, lambda r2: wae_at(r2, 8)),
    "rational quadratic": (
        mmd.rational_quadratic(0.7, 1.5),
        3,
        lambda r2: (1 + r2 / (2 * 0.7 * 2.25)) ** -0.7,
    ),
    "energy": (mmd.energy(), 3, lambda r2: -math.sqrt(r2)),
    "energy 1.5": (mmd.energy(1.5), 3, lambda r2: -(r2**0.75)),
    "matern 1/2": (mmd.matern(0.5, 0.7), 3, lambda r2: matern_at(r2, 0.5, 0.7)),
    "matern 3/2": (mmd.matern(1.5, 0.7), 3, lambda r2: matern_at(r2, 1.5, 0.7)),
    "matern 5/2": (mmd.matern(2.5, 0.7), 3, lambda r2: matern_at(r2, 2.5, 0.7)),
    "sum": (
        mmd.gaussian(1.0) + 3.0 * mmd.energy(),
        3,
        lambda r2: math.exp(-r2 / 2) - 3 * math.sqrt(r2),
    ),
}

# One of each formula and code path, for tests that compile a whole training gradient.
ONE_OF_EACH = [
    "coulomb 1",
    "coulomb 2",
    "coulomb 3",
    "coulomb 64, beta 2",
    "plummer 2",
    "gaussian",
    "laplacian",
    "inverse multiquadratic",
    "rational quadratic",
    "energy 1.5",
    "matern 5/2",
]


def squared(a, b):
    return float(sum((float(p) - float(q)) ** 2 for p, q in zip(a, b)))


def gram(formula, x, y):
    return np.array([[formula(squared(a, b)) for b in y] for a in x])


def mmd2(formula, x, y, biased=False):
    """By the definition: a loop over pairs, the diagonal left out unless biased."""

    def within(points):
        n = len(points)
        values = [
            formula(squared(points[i], points[j])) for i in range(n) for j in range(n) if biased or i != j
        ]
        return sum(values) / len(values)

    return within(x) + within(y) - 2 * gram(formula, x, y).mean()


# Gauss-Legendre panels in r = √q: half decades up to 0.1, then steps of 0.125.
EDGES = np.concatenate([[0.0], 10.0 ** np.arange(-10, -1, 0.5), np.arange(0.125, 60.0, 0.125)])
NODES, WEIGHTS = np.polynomial.legendre.leggauss(12)
HALVES = np.diff(EDGES) / 2
R = (EDGES[:-1, None] + HALVES[:, None] * (NODES[None, :] + 1)).ravel()
R_WEIGHTS = (HALVES[:, None] * WEIGHTS[None, :]).ravel()


def potential(formula, v, dim, sigma=1.0):
    """E k(σ²·q) over q noncentral chi-squared with dim degrees, for each noncentrality in v."""
    values = np.array([formula(sigma**2 * r * r) for r in R]) * 2 * R * R_WEIGHTS
    means = []
    for noncentrality in np.atleast_1d(v):
        kept = math.sqrt(noncentrality) + math.sqrt(dim) + 9 > R
        law = scipy.stats.ncx2(dim, noncentrality) if noncentrality else scipy.stats.chi2(dim)
        means.append(law.pdf(R[kept] ** 2) @ values[kept])
    return np.array(means) if np.ndim(v) else means[0]
