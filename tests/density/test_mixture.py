"""Mixtures against a float64 EM in numpy, scipy's densities, and scikit-learn."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import special, stats
from sklearn.mixture import GaussianMixture

from coulomb_jax.density import mixture


def separated(n=600, d=3, k=4, seed=0, spread=1.0):
    """Points of k normal laws with full covariances, as float32, and where each is from."""
    random = np.random.default_rng(seed)
    means = 2.0 * random.normal(size=(k, d))
    factors = spread * random.normal(size=(k, d, d)) / np.sqrt(d)
    label = random.integers(0, k, n)
    points = means[label] + np.einsum("nij,nj->ni", factors[label], random.normal(size=(n, d)))
    return points.astype(np.float32), label


def a_mixture(d=3, k=4, seed=1):
    random = np.random.default_rng(seed)
    factors = np.tril(random.normal(size=(k, d, d)), -1) + np.eye(d) * random.uniform(0.3, 2, (k, d))[:, None]
    weights = random.dirichlet(np.ones(k))
    means = random.normal(size=(k, d))
    return {"weights": weights, "means": means, "factors": factors}


def single(tree):
    return jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), tree)


def log_joint(points, weights, means, factors):
    """By scipy, in float64: `[k n]`."""
    laws = [stats.multivariate_normal(m, f @ f.T) for m, f in zip(means, factors, strict=True)]
    return np.array([np.log(w) + law.logpdf(points) for w, law in zip(weights, laws, strict=True)])


def one_step(points, current, floor):
    """An iteration of EM in float64, as the textbook has it."""
    joint = log_joint(points, **current)
    shares = np.exp(joint - special.logsumexp(joint, axis=0))
    counts = shares.sum(1)
    means = shares @ points / counts[:, None]
    covariances = []
    for share, mean, count in zip(shares, means, counts, strict=True):
        centred = points - mean
        covariances.append(centred.T @ (share[:, None] * centred) / count + floor * np.diag(points.var(0)))
    factors = np.linalg.cholesky(np.array(covariances))
    return {"weights": counts / len(points), "means": means, "factors": factors}


def log_likelihood(points, current):
    return special.logsumexp(log_joint(points, **current), axis=0).mean()


@pytest.mark.parametrize("d", [1, 2, 7])
def test_the_density_is_scipys(d):
    points, given = 2 * np.random.default_rng(0).normal(size=(50, d)), a_mixture(d)
    expected = special.logsumexp(log_joint(points.astype(np.float32), **given), axis=0)
    found = mixture.log_density(jnp.asarray(points, jnp.float32), **single(given))
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("offset", [0.0, 1000.0])
def test_iterations_are_those_of_an_em_in_float64(offset):
    points, _ = separated()
    points = points + np.float32(offset)  # digits that the points themselves lose are lost to both
    begin = jax.tree.map(np.float64, mixture.start(jax.random.key(0), jnp.asarray(points), 4))
    reference = begin
    for _ in range(5):
        reference = one_step(points.astype(np.float64), reference, 1e-6)
    found = mixture.improve(jnp.asarray(points), single(begin), iterations=5, tolerance=0.0)
    assert found.iterations == 5
    for name, expected in reference.items():
        scale = 1 if name != "means" else 1 + offset
        np.testing.assert_allclose(found.mixture[name], expected, rtol=2e-3, atol=2e-4 * scale**0.3)
    now = mixture.log_density(jnp.asarray(points), **found.mixture).mean()
    np.testing.assert_allclose(now, log_likelihood(points.astype(np.float64), reference), atol=1e-3)


def test_its_log_likelihood_is_that_of_the_mixture_before_the_last_iteration():
    points = jnp.asarray(separated()[0])
    begin = mixture.start(jax.random.key(0), points, 4)
    before = mixture.improve(points, begin, iterations=4, tolerance=0.0)
    after = mixture.improve(points, begin, iterations=5, tolerance=0.0)
    expected = log_likelihood(np.float64(points), jax.tree.map(np.float64, before.mixture))
    np.testing.assert_allclose(after.log_likelihood, expected, atol=1e-4)


def test_it_ends_where_the_rise_is_below_the_tolerance():
    points = jnp.asarray(separated(spread=2.0)[0])
    begin = mixture.start(jax.random.key(0), points, 4)
    values = [
        mixture.improve(points, begin, iterations=i, tolerance=0.0).log_likelihood for i in range(2, 80)
    ]
    rises = np.diff(np.array(values))
    assert rises.min() > -1e-5  # EM never goes down
    first = int(np.argmax(rises < 1e-3)) + 3
    assert int(mixture.improve(points, begin, tolerance=1e-3).iterations) == first


def test_one_component_is_the_sample_mean_and_covariance():
    points, _ = separated()
    found = mixture.fit(jax.random.key(0), jnp.asarray(points), 1)
    np.testing.assert_allclose(found["weights"], [1.0])
    np.testing.assert_allclose(found["means"][0], points.mean(0, np.float64), rtol=1e-5, atol=1e-6)
    covariance = found["factors"][0] @ found["factors"][0].T
    np.testing.assert_allclose(covariance, np.cov(points.T, bias=True), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("entries", [1, 50, 2**20])
def test_blocks_of_any_size_give_the_same(monkeypatch, entries):
    points = jnp.asarray(separated(n=101)[0])
    begin = single(a_mixture())
    jax.clear_caches()
    whole = mixture.improve(points, begin, iterations=3, tolerance=0.0)
    density = mixture.log_density(points, **begin)
    monkeypatch.setattr(mixture, "BLOCK_ENTRIES", entries)
    jax.clear_caches()
    parts = mixture.improve(points, begin, iterations=3, tolerance=0.0)
    for one, other in zip(jax.tree.leaves(whole), jax.tree.leaves(parts), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(mixture.log_density(points, **begin), density, rtol=1e-5, atol=1e-5)
    jax.clear_caches()


def test_memory_beside_the_points_does_not_grow_with_them():
    def temporary(n):
        points = jax.ShapeDtypeStruct((n, 64), jnp.float32)
        shapes = {"weights": (200,), "means": (200, 64), "factors": (200, 64, 64)}
        given = {k: jax.ShapeDtypeStruct(v, jnp.float32) for k, v in shapes.items()}
        compiled = mixture.improve.lower(points, given).compile()
        return compiled.memory_analysis().temp_size_in_bytes

    large = temporary(160_000)
    # The points standardised and in blocks, twice; all responsibilities at once would be 128 MB more.
    assert large - temporary(20_000) < 2.2 * 4 * 64 * 140_000
    assert large < 160e6


def test_components_are_found():
    random = np.random.default_rng(0)
    centres = np.array([[i, j] for i in (-4, -2, 0, 2, 4) for j in (-4, -2, 0, 2, 4)], np.float32)
    points = np.repeat(centres, 100, axis=0) + 0.05 * random.normal(size=(2500, 2)).astype(np.float32)
    found = mixture.fit(jax.random.key(0), jnp.asarray(points), 25, starts=3)
    distances = np.linalg.norm(found["means"][None] - centres[:, None], axis=-1)
    assert distances.min(1).max() < 0.02
    np.testing.assert_allclose(found["weights"], 0.04, atol=1e-4)
    widths = np.sqrt(np.einsum("kij,kij->k", found["factors"], found["factors"]) / 2)
    np.testing.assert_allclose(widths, 0.05, rtol=0.2)
    # The entropy of the mixture with the covariances it was drawn with, in nats.
    bound = -(np.log(25) + np.log(2 * np.pi * np.e * 0.05**2))
    assert mixture.log_density(jnp.asarray(points), **found).mean() == pytest.approx(bound, abs=0.1)


@pytest.mark.slow
def test_the_likeliest_of_several_starts_is_kept():
    points = jnp.asarray(separated(k=8, n=400)[0])
    begin = jax.jit(lambda key: mixture.start(key, points, 8))
    alone = [
        mixture.log_density(points, **mixture.improve(points, begin(key)).mixture).mean()
        for key in jax.random.split(jax.random.key(5), 4)
    ]
    best = mixture.log_density(points, **mixture.fit(jax.random.key(5), points, 8, starts=4)).mean()
    np.testing.assert_allclose(best, max(alone), atol=2e-3)
    assert max(alone) - min(alone) > 0.01


@pytest.mark.parametrize("what", ["a constant", "a copy", "far away", "one point", "few", "tiny"])
def test_degenerate_points_give_a_proper_mixture(what):
    points, _ = separated(n=300)
    if what == "a constant":
        points[:, 1] = 3.0
    if what == "a copy":
        points[:, 1] = 2 * points[:, 0] - 1
    if what == "far away":
        points[0] = 1e6
    if what == "one point":
        points[:] = points[0]
    if what == "few":
        points = points[:3]
    if what == "tiny":
        points *= 1e-15
    found = mixture.fit(jax.random.key(0), jnp.asarray(points), 5)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
    np.testing.assert_allclose(np.sum(found["weights"]), 1.0, rtol=1e-5)
    assert (np.diagonal(found["factors"], axis1=1, axis2=2) > 0).all()
    assert np.isfinite(mixture.log_density(jnp.asarray(points), **found)).all()
    drawn = mixture.sample(jax.random.key(1), 2000, **found)
    assert np.isfinite(drawn).all()
    if what in ("a constant", "one point"):
        np.testing.assert_allclose(drawn[:, 1], points[0, 1], rtol=1e-3)
    if what == "a copy":
        width = points[:, 1].std()
        np.testing.assert_allclose(drawn[:, 1], 2 * drawn[:, 0] - 1, atol=0.03 * width)


def test_a_component_that_holds_no_point_ends_with_no_weight():
    points = jnp.asarray(separated(k=1)[0])
    begin = single(a_mixture(k=2))
    begin["means"] = begin["means"].at[1].set(1e4)
    found = mixture.improve(points, begin).mixture
    np.testing.assert_allclose(found["weights"], [1.0, 0.0], atol=1e-6)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
    np.testing.assert_allclose(found["means"][0], np.mean(points, axis=0), atol=1e-4)


def test_samples_have_the_mixtures_moments():
    given, n = a_mixture(d=2, k=3), 200_000
    drawn = np.float64(mixture.sample(jax.random.key(0), n, **single(given)))
    mean = given["weights"] @ given["means"]
    second = np.einsum("kij,klj->kil", given["factors"], given["factors"])
    second += given["means"][:, :, None] * given["means"][:, None, :]
    covariance = np.einsum("k,kij->ij", given["weights"], second) - np.outer(mean, mean)
    np.testing.assert_allclose(drawn.mean(0), mean, atol=5 * np.sqrt(covariance.max() / n))
    np.testing.assert_allclose(np.cov(drawn.T), covariance, atol=0.02 * covariance.max())
    # The mean log density of its own draws, against as many by numpy.
    random = np.random.default_rng(0)
    label = random.choice(3, n, p=given["weights"])
    turned = np.einsum("nij,nj->ni", given["factors"][label], random.normal(size=(n, 2)))
    scores = [
        special.logsumexp(log_joint(x, **given), axis=0) for x in (drawn, given["means"][label] + turned)
    ]
    assert abs(scores[0].mean() - scores[1].mean()) < 5 * np.sqrt(2 * scores[0].var() / n)


@pytest.mark.parametrize(("d", "k"), [(2, 5), (8, 10), (16, 20)])
def test_the_converged_log_likelihood_is_scikit_learns_from_the_same_start(d, k):
    points, _ = separated(n=3000, d=d, k=k, spread=2.0)
    points = points / points.std(0)  # their floor is a number, ours a share of each coordinate's variance
    begin = mixture.start(jax.random.key(0), jnp.asarray(points), k)
    wide = jax.tree.map(np.float64, begin)
    theirs = GaussianMixture(
        k,
        tol=1e-7,
        max_iter=2000,
        reg_covar=1e-6,
        weights_init=wide["weights"] / wide["weights"].sum(),
        means_init=wide["means"],
        precisions_init=np.linalg.inv(wide["factors"] @ wide["factors"].swapaxes(1, 2)),
    ).fit(points.astype(np.float64))
    assert theirs.converged_
    found = mixture.improve(
        jnp.asarray(points), begin, tolerance=1e-7, iterations=int(theirs.n_iter_)
    ).mixture
    ours = mixture.log_density(jnp.asarray(points), **found).mean()
    assert ours == pytest.approx(theirs.score(points.astype(np.float64)), abs=1e-3)


def test_several_fits_in_one_program_end():
    # Two batches of Cholesky factors at once have waited for each other forever on two cores.
    points = jnp.asarray(separated(n=4000, d=32, k=3)[0])
    both = jax.jit(lambda key: [mixture.fit(k, points, 3, iterations=3) for k in jax.random.split(key)])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(both(jax.random.key(0))))


def test_bad_options_are_refused():
    points, key = jnp.ones((4, 2)), jax.random.key(0)
    for options in ({"components": 0}, {"components": 2, "starts": 0}, {"components": 2, "iterations": 0}):
        with pytest.raises(ValueError, match="at least 1 of its"):
            mixture.fit(key, points, **options)
    with pytest.raises(ValueError, match="floor of a mixture's covariances is positive, not 0"):
        mixture.fit(key, points, 2, floor=0.0)
    with pytest.raises(ValueError, match=r"shape is \(4,\)"):
        mixture.fit(key, points[:, 0], 2)
