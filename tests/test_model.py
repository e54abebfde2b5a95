"""The Model a user holds: shapes, units, blocks, interpolation, and what it refuses."""

import jax
import numpy as np
import pytest

from coulomb_jax import model as model_module
from coulomb_jax.model import Model
from coulomb_jax.saved import load
from coulomb_jax.train.state import init_model
from tests.families import table


def held(name, dataset):
    row = table.row(name, dataset)
    return Model(row.family, *init_model(row.family, jax.random.key(0)), pixel_range=row.x_range)


def test_large_inputs_in_blocks_are_the_small_ones_one_by_one(monkeypatch):
    model = held("couae.py", "grid")
    x = np.random.default_rng(0).normal(size=(7, 2)).astype(np.float32)
    one_by_one = np.concatenate([model.encode(x[i : i + 1]) for i in range(7)])
    monkeypatch.setattr(model_module, "BLOCK", 3)
    np.testing.assert_allclose(held("couae.py", "grid").encode(x), one_by_one, rtol=1e-5, atol=1e-6)
    assert held("couae.py", "grid").encode(x[:0]).shape == (0, 2)


def test_uint8_pixels_are_scaled_to_the_range():
    model = held("couae.py", "digits")
    x = np.random.default_rng(0).integers(0, 256, (5, 8, 8, 1), np.uint8)
    np.testing.assert_allclose(model.encode(x), model.encode((x / 255).astype(np.float32)), atol=1e-5)


def test_interpolation_is_straight_between_codes_and_ends_at_the_reconstructions():
    model = held("couae.py", "digits")
    a, b = np.random.default_rng(0).uniform(size=(2, 8, 8, 1)).astype(np.float32)
    path = model.interpolate(a, b, 5)
    assert path.shape == (5, 8, 8, 1)
    np.testing.assert_allclose(path[[0, 4]], model.reconstruct(np.stack([a, b])), rtol=1e-4, atol=1e-5)
    middle = model.decode(model.encode(np.stack([a, b])).mean(0, keepdims=True))
    np.testing.assert_allclose(path[2:3], middle, rtol=1e-4, atol=1e-5)


def test_samples_depend_on_the_seed_alone():
    model = held("vae.py", "grid")
    np.testing.assert_array_equal(model.sample(3, 6), model.sample(jax.random.key(3), 6))
    assert not np.array_equal(model.sample(3, 6), model.sample(4, 6))


def test_a_vae_encodes_to_the_mean_or_draws_from_the_posterior():
    model = held("vae.py", "grid")
    x = np.repeat(np.array([[1.0, -2.0]], np.float32), 4000, axis=0)
    mean = model.encode(x)
    assert np.ptp(mean, axis=0).max() < 1e-5
    drawn = model.encode(x, key=jax.random.key(0))
    nets = model.family.nets["encoder"].module
    log_var = nets.apply({"params": model.params["encoder"]}, x[:1], train=False)[0, 2:]
    np.testing.assert_allclose(drawn.mean(0), mean[0], atol=0.05 * np.exp(log_var / 2).max() + 0.02)
    np.testing.assert_allclose(drawn.std(0), np.exp(log_var / 2), rtol=0.05)


def test_wrong_shapes_are_named():
    model = held("couae.py", "digits")
    with pytest.raises(ValueError, match=r"data of shape \(n, 8, 8, 1\), not \(3, 8, 8\)"):
        model.encode(np.zeros((3, 8, 8)))
    with pytest.raises(ValueError, match=r"codes of shape \(n, 8\), not \(3, 2\)"):
        model.decode(np.zeros((3, 2)))


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"holds a model\.json"):
        load(tmp_path)
