"""Samplers in a run folder: trained with the run, or fitted later and kept."""

import json

import jax
import numpy as np
import pytest

from coulomb_jax import saved
from coulomb_jax.data import grid
from coulomb_jax.train.checkpoint import Checkpoints
from coulomb_jax.train.loop import Plan, length, train
from tests.families import table

POINTS = grid.load(seed=0).train


def a_run(folder, sampler=None, seeds=(0,), steps=2):
    """A run folder, as an experiment writes it."""
    row = table.row("couae.py", "grid")
    config = row.config.to_dict()
    arch = config["arch"] | {"x_shape": (2,), "x_range": None}
    description = saved.describe(
        arch, config["family"], sampler or {"name": "prior"}, repetitions=len(seeds), examples=len(POINTS)
    )
    _, family = saved.build(description)
    description["steps"] = length(family, {"train": 2})
    folder.mkdir(exist_ok=True)
    (folder / "model.json").write_text(json.dumps(description))
    with Checkpoints(folder / "checkpoints") as checkpoints:
        train(
            family, row.optimizers, POINTS, Plan({"train": steps}, 40, seeds, 2, 100), checkpoints=checkpoints
        )
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return a_run(tmp_path_factory.mktemp("runs") / "run")


@pytest.mark.parametrize(
    ("name", "options"), [("gmm", {"components": 2}), ("kde", {"bandwidth": "silverman"}), ("bank", {})]
)
def test_a_sampler_fitted_later_is_loaded_with_the_model(run, name, options):
    model = saved.load(run)
    fitted = model.with_sampler(name, model.encode(POINTS), **options)
    before = sorted(path for path in (run / "checkpoints").rglob("*") if path.is_file())
    file = saved.keep_sampler(run, fitted, name=f"my-{name}")
    assert file == run / "samplers" / f"my-{name}.0.npz"
    loaded = saved.load(run, sampler=f"my-{name}")
    np.testing.assert_array_equal(loaded.draw(5, 20), fitted.draw(5, 20))
    assert (loaded.sampler.name, dict(loaded.sampler.options)) == (name, options)
    np.testing.assert_array_equal(saved.load(run).draw(5, 20), model.draw(5, 20))
    assert sorted(path for path in (run / "checkpoints").rglob("*") if path.is_file()) == before
    assert f"my-{name}" in saved.sampler_names(run)
    assert not list((run / "samplers").glob("*.partial"))


def test_several_are_kept_and_one_of_the_same_name_is_replaced(run):
    model = saved.load(run)
    z = model.encode(POINTS)
    saved.keep_sampler(run, model.with_sampler("gaussian", z))
    saved.keep_sampler(run, model.with_sampler("gmm", z, components=1), name="narrow")
    saved.keep_sampler(run, model.with_sampler("gmm", z, components=4), name="narrow")
    assert {"gaussian", "narrow", "prior"} <= set(saved.sampler_names(run))
    assert saved.load(run, sampler="narrow").params["gmm"]["weights"].shape == (4,)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gmm", "bank"])
def test_a_run_draws_with_its_own_sampler_its_prior_or_another(tmp_path, name):
    folder = a_run(tmp_path / "run", {"name": name})
    own, prior = saved.load(folder), saved.load(folder, sampler="prior")
    assert own.params[name] is not None
    assert name not in prior.params
    # The key is spent as the families' prior spends it: N(0, I).
    np.testing.assert_array_equal(prior.draw(3, 10), jax.random.normal(jax.random.key(3), (10, 2)))
    np.testing.assert_array_equal(saved.load(folder, sampler=name).draw(3, 10), own.draw(3, 10))
    saved.keep_sampler(folder, prior.with_sampler("gmm", prior.encode(POINTS), components=2), name="two")
    two = saved.load(folder, sampler="two")
    assert two.params["gmm"]["weights"].shape == (2,)
    assert saved.sampler_names(folder) == sorted({name, "prior", "two"})
    with pytest.raises(ValueError, match=r"draws with .* by itself; keep the sampler by another name"):
        saved.keep_sampler(folder, prior.with_sampler(name, prior.encode(POINTS)))


def test_the_prior_of_a_run_that_has_not_ended_can_be_drawn(tmp_path):
    folder = a_run(tmp_path / "run", {"name": "bank"})
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace('"steps": 3', '"steps": 9'))
    with pytest.raises(ValueError, match="fitted when its run of 9 steps ends, and it is at step 3"):
        saved.load(folder)
    assert saved.load(folder, sampler="prior").sample(0, 4).shape == (4, 2)


@pytest.mark.slow
def test_repetitions_keep_their_own(tmp_path):
    folder = a_run(tmp_path / "run", {"name": "bank"}, seeds=(0, 1))
    models = [saved.load(folder, r, sampler="prior") for r in range(2)]
    for r, model in enumerate(models):
        np.testing.assert_allclose(saved.load(folder, r).params["bank"], model.encode(POINTS), atol=1e-5)
    fitted = models[1].with_sampler("gaussian", models[1].encode(POINTS))
    saved.keep_sampler(folder, fitted, repetition=1)
    assert saved.sampler_names(folder, 0) == ["bank", "prior"]
    np.testing.assert_array_equal(saved.load(folder, 1, "gaussian").draw(0, 5), fitted.draw(0, 5))
    with pytest.raises(ValueError, match=r"no sampler of .* 'gausian'; did you mean gaussian"):
        saved.load(folder, 1, "gausian")
    # Put in the other's place it is noticed.
    (folder / "samplers" / "gaussian.1.npz").rename(folder / "samplers" / "gaussian.0.npz")
    with pytest.raises(ValueError, match="codes of another encoder"):
        saved.load(folder, 0, "gaussian")


def test_what_cannot_be_kept_is_refused(run, tmp_path):
    model = saved.load(run)
    with pytest.raises(ValueError, match=r"fit a sampler with Model\.with_sampler first"):
        saved.keep_sampler(run, model)
    fitted = model.with_sampler("bank", model.encode(POINTS))
    for name in ("../x", "", "a.b"):
        with pytest.raises(ValueError, match="letters, digits, - and _"):
            saved.keep_sampler(run, fitted, name=name)
    with pytest.raises(ValueError, match=r"holds a model\.json"):
        saved.keep_sampler(tmp_path, fitted)
    with pytest.raises(ValueError, match="one of 0 to 0"):
        saved.keep_sampler(run, fitted, repetition=1)
