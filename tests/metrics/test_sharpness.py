import numpy as np
import pytest
import scipy.ndimage

from coulomb_jax.metrics.sharpness import sharpness

FILTER = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]])


def by_scipy(image):
    image = image.astype(np.float64)
    grey = image[..., 0] if image.shape[-1] == 1 else image @ [0.2989, 0.587, 0.114]
    return np.var(scipy.ndimage.convolve(grey, FILTER)[1:-1, 1:-1])


@pytest.mark.parametrize("shape", [(5, 9, 7, 3), (300, 6, 6, 1), (2, 3, 4, 3)])
def test_sharpness_is_scipys(shape):
    images = np.random.default_rng(0).uniform(-1, 1, shape).astype(np.float32)
    np.testing.assert_allclose(sharpness(images), [by_scipy(image) for image in images], rtol=2e-5, atol=1e-7)


def test_bytes_are_taken_to_the_unit_interval():
    images = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
    expected = [by_scipy(image / 255) for image in images]
    np.testing.assert_allclose(sharpness(images), expected, rtol=2e-5)


def test_ramps_have_none_and_noise_has_twenty_variances():
    ramp = np.broadcast_to(np.arange(20.0)[None, :, None, None], (1, 20, 20, 1))
    np.testing.assert_allclose(sharpness(ramp), 0.0, atol=1e-9)
    noise = 0.3 * np.random.default_rng(0).normal(size=(100, 64, 64, 1))
    assert sharpness(noise).mean() == pytest.approx(20 * 0.09, rel=0.01)


def test_blur_lowers_it():
    image = np.random.default_rng(0).uniform(size=(1, 32, 32, 1))
    blurred = scipy.ndimage.gaussian_filter(image, (0, 1, 1, 0))
    assert sharpness(blurred)[0] < 0.05 * sharpness(image)[0]


def test_bad_images_are_refused():
    for shape in ((4, 8, 8), (4, 8, 8, 2), (4, 2, 8, 1), (0, 8, 8, 1)):
        with pytest.raises(ValueError, match="at least 3 pixels a side"):
            sharpness(np.ones(shape))
    with pytest.raises(TypeError, match="uint8 or floating, but their dtype is int64"):
        sharpness(np.ones((1, 4, 4, 1), np.int64))
