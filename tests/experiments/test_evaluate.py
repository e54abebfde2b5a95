"""The numbers of a run, on models whose numbers are known."""

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from coulomb_jax.data import grid
from coulomb_jax.data.source import Source
from experiments import evaluate

OPTIONS = ConfigDict({"samples": 3000, "codes": 400, "kernel": "wae_multiscale"})


class Perfect:
    """Encodes to the prior, decodes to the truth: what no training reaches."""

    pixel_range = None

    def __init__(self, shift=0.0):
        self.shift = shift

    def encode(self, x, *, key=None):
        return np.asarray(jax.random.normal(jax.random.key(11), (len(x), 2))) + np.float32(self.shift)

    def draw(self, key, n):
        return np.asarray(jax.random.normal(key, (n, 2)))

    def sample(self, key, n):
        return grid.sample(5, n)

    def reconstruct(self, x):
        return x + np.float32(self.shift)


def test_a_perfect_model_reaches_the_ceiling_and_no_more():
    source = grid.load(test_points=3000)
    values = evaluate.numbers(Perfect(), source, OPTIONS, seed=0)
    limits = evaluate.ceiling(source)
    assert limits["log_likelihood_bound"] == pytest.approx(-3.754, abs=5e-4)
    assert values["log_likelihood"] == pytest.approx(limits["log_likelihood_ceiling"], abs=0.05)
    assert values["log_likelihood"] < limits["log_likelihood_bound"]
    assert values["reconstruction_error"] == 0.0
    assert abs(values["latent_mmd2"]) < 4 * values["latent_mmd2_error"]


def test_errors_are_sums_over_coordinates_and_shifted_codes_are_seen():
    values = evaluate.numbers(Perfect(shift=0.5), grid.load(test_points=3000), OPTIONS, seed=0)
    assert values["reconstruction_error"] == pytest.approx(2 * 0.25, rel=1e-3)
    assert values["latent_mmd2"] > 4 * values["latent_mmd2_error"]


def test_images_are_compared_in_their_range():
    class Black:
        pixel_range = (-1.0, 1.0)

        def reconstruct(self, x):
            return np.full(x.shape, -1.0, np.float32)

    images = np.zeros((3, 2, 2, 1), np.uint8)
    images[0] = 255
    assert evaluate._reconstruction_error(Black(), images) == pytest.approx(4 * 2.0**2 / 3)


def test_means_and_standard_deviations_over_repetitions():
    means, spread = evaluate.summary([{"a": 1.0}, {"a": 2.0}, {"a": 6.0}])
    assert means == {"a": 3.0}
    assert spread["a"] == pytest.approx(np.std([1.0, 2.0, 6.0], ddof=1))
    assert evaluate.summary([{"a": 1.0}]) == ({"a": 1.0}, {})


def test_a_set_of_unknown_law_has_no_ceiling():
    images = np.zeros((2, 2, 2, 1), np.uint8)
    assert evaluate.ceiling(Source("mine", images, images, (0.0, 1.0), "")) == {}


@pytest.mark.parametrize("name", evaluate.KERNELS)
def test_every_kernel_that_may_be_named_is_one(name):
    assert evaluate.kernel(name, 3)(np.float32(1.0)).shape == ()


def test_points_in_space_are_seen_along_their_principal_axes():
    random = np.random.default_rng(0)
    turned = np.linalg.qr(random.standard_normal((6, 6)))[0]
    flat = random.standard_normal((400, 6)) * [9.0, 4.0, 0.1, 0.1, 0.1, 0.1]
    true, generated = evaluate.in_plane(flat @ turned, 2.0 * flat[:5] @ turned)
    np.testing.assert_allclose(np.abs(true), np.abs(flat[:, :2]), atol=0.5)
    np.testing.assert_allclose(generated, 2.0 * true[:5], atol=1e-9)
    in_two = evaluate.in_plane(flat[:, :2], flat[:5, :2])
    np.testing.assert_array_equal(in_two[0], flat[:, :2])
