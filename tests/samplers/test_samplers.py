"""What every sampler promises, over a table of all of them, and what each draws."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from coulomb_jax import families, samplers
from coulomb_jax.data import grid
from coulomb_jax.model import Model
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.train.loop import Plan, train
from coulomb_jax.train.state import init_model
from tests.families import table

# Options of each at toy size: one row or more a sampler.
ROWS = [
    ("prior", {}),
    ("gaussian", {}),
    ("gmm", {"components": 3}),
    ("kde", {}),
    ("kde", {"bandwidth": 0.425}),
    ("bank", {}),
    ("bank", {"noise": 0.1}),
]
CROSSED = [("couae", *row) for row in ROWS]
CROSSED += [(family, *ROWS[i]) for family in ("autoencoder", "vae") for i in (2, 5)]
POINTS = grid.load(seed=0).train


@functools.cache
def model_of(name="couae"):
    """An untrained model of a family, drawing from its own prior."""
    made = families.make(name, Architecture(x_shape=(2,), z_dim=2, hidden=(16, 8)))
    return Model(made, *init_model(made, jax.random.key(0)))


def codes(n=400, seed=0):
    random = np.random.default_rng(seed)
    return (random.normal(size=(n, 2)) @ np.array([[1.0, 0.8], [0.0, 0.3]]) + [5.0, -2.0]).astype(np.float32)


def test_the_table_has_every_sampler_that_is_fitted_in_closed_form():
    # The others have a stage of their own, and tests of their own.
    assert {name for name, _ in ROWS} | {"flow", "second_vae"} == set(samplers.names())


@pytest.mark.parametrize(("family", "name", "options"), CROSSED)
def test_any_family_takes_any_sampler(family, name, options):
    model = model_of(family)
    before = model.draw(0, 5)
    fitted = model.with_sampler(name, model.encode(POINTS), **options)
    assert fitted.sample(1, 7).shape == (7, 2)
    assert np.isfinite(fitted.sample(1, 7)).all()
    np.testing.assert_array_equal(fitted.draw(2, 9), fitted.draw(jax.random.key(2), 9))
    assert not np.array_equal(fitted.draw(2, 9), fitted.draw(3, 9))
    np.testing.assert_array_equal(model.draw(0, 5), before)
    np.testing.assert_array_equal(fitted.encode(POINTS[:9]), model.encode(POINTS[:9]))
    assert set(model.params) == set(model.family.nets)
    assert (name == "prior") == np.array_equal(fitted.draw(0, 5), before)


@pytest.mark.parametrize(("name", "options"), ROWS[1:])
def test_draws_have_the_moments_of_the_codes(name, options):
    z = codes()
    drawn = model_of().with_sampler(name, z, **options).draw(0, 100_000)
    added = np.zeros((2, 2))
    if name == "kde":
        rule = options.get("bandwidth")
        added = np.eye(2) * rule**2 if rule else stats.gaussian_kde(z.T, "scott").covariance
    if name == "bank":
        added = np.eye(2) * options.get("noise", 0.0) ** 2
    np.testing.assert_allclose(drawn.mean(0), z.mean(0), atol=0.02)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(z.T, bias=True) + added, atol=0.03)


@pytest.mark.parametrize("rule", ["scott", "silverman"])
def test_the_kernel_of_a_rule_is_scipys(rule):
    z = codes(50)
    fitted = model_of().with_sampler("kde", z, bandwidth=rule)
    factor = np.float64(fitted.params["kde"]["factor"])
    np.testing.assert_allclose(factor @ factor.T, stats.gaussian_kde(z.T, rule).covariance, rtol=1e-4)


def test_the_bank_gives_the_codes_themselves_all_of_them():
    z = codes(30)
    drawn = model_of().with_sampler("bank", z).draw(0, 3000)
    rows, counts = np.unique(drawn, axis=0, return_counts=True)
    np.testing.assert_array_equal(rows, np.unique(z, axis=0))
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_mixture_fits_what_one_gaussian_cannot():
    random = np.random.default_rng(0)
    z = np.where(random.random((500, 1)) < 0.5, -5.0, 5.0) + 0.1 * random.normal(size=(500, 2))
    z = z.astype(np.float32)
    one, two = (model_of().with_sampler(name, z).draw(0, 1000)[:, 0] for name in ("gaussian", "gmm"))
    assert np.abs(np.abs(two) - 5).max() < 1.0 < np.abs(np.abs(one) - 5).max()


@pytest.mark.parametrize("name", ["gmm", "kde", "bank"])
def test_training_ends_with_the_fit_for_every_repetition(name):
    row = table.row("couae.py", "grid")
    family = samplers.apply(name, row.family)
    state = train(family, row.optimizers, POINTS, Plan({"train": 2}, 40, (0, 1), 2, 100))
    assert state.step.tolist() == [3, 3]
    for r in range(2):
        params, stats_ = jax.tree.map(lambda a, r=r: a[r], (state.params, state.stats))
        model = Model(family, params, stats_)
        plain = Model(row.family, params, stats_)
        key = jax.random.split(jax.random.key(r))[1]
        fit = jax.jit(family.stages[-1].fit)
        expected = fit(jnp.asarray(plain.encode(POINTS)), jax.random.fold_in(key, 2))
        for one, other in zip(jax.tree.leaves(params[name]), jax.tree.leaves(expected), strict=True):
            np.testing.assert_allclose(one, other, rtol=2e-3, atol=1e-4)
        assert np.isfinite(model.sample(0, 8)).all()


@pytest.mark.parametrize(
    ("name", "options", "told"),
    [
        ("gmn", {}, "no sampler 'gmn'; did you mean gmm"),
        ("gmm", {"component": 3}, "did you mean components"),
        ("gmm", {"components": 0}, "at least 1 of its components, not 0"),
        ("kde", {"bandwidth": "scot"}, "scott, silverman, not 'scot'"),
        ("kde", {"bandwidth": 0.0}, "positive number"),
        ("bank", {"noise": -1.0}, "at least 0, not -1.0"),
    ],
)
def test_what_cannot_be_is_refused(name, options, told):
    with pytest.raises(ValueError, match=told):
        model_of().with_sampler(name, codes(), **options)


def test_codes_of_another_shape_are_refused():
    with pytest.raises(ValueError, match=r"codes of shape \(n, 2\), not \(5, 3\)"):
        model_of().with_sampler("gmm", np.zeros((5, 3)))
    with pytest.raises(ValueError, match="at least one code"):
        model_of().with_sampler("gmm", np.zeros((0, 2)))
