import io

import numpy as np
import pytest
from PIL import Image

from coulomb_jax.data import DataError
from coulomb_jax.data.crops import Crop, size_of

RANDOM = np.random.default_rng(0)
FULL, HALF = (178, 218), (89, 109)


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(np.asarray(pixels, np.uint8)).save(file, "PNG")
    return file.getvalue()


@pytest.mark.parametrize(
    ("crop", "rows", "columns"),
    # Tolstikhin's WAE and RAE; 2-stage VAE; 148 at the centre of 218 and 178.
    [(140, (39, 179), (19, 159)), (128, (45, 173), (25, 153)), (148, (35, 183), (15, 163))],
)
def test_the_square_cut_is_the_published_one(crop, rows, columns):
    pixels = RANDOM.integers(0, 256, (218, 178, 3))
    result = Crop(crop, crop).picture(png(pixels), "x", FULL)
    np.testing.assert_array_equal(result, pixels[slice(*rows), slice(*columns)])


def kernel(name, x):
    x = np.abs(x)
    if name == "box":
        return (x < 0.5).astype(float)
    if name == "bilinear":
        return np.maximum(1 - x, 0)
    if name == "lanczos":
        return np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0)
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2  # Keys' with a = -1/2
    return np.where(x < 1, near, np.where(x < 2, far, 0))


def weights(name, start, length, n, size):
    """Of n pixels on each of `size`, which divide [start, start + length) among them."""
    scale = length / size
    centre = start + (np.arange(size) + 0.5) * scale
    w = kernel(name, (np.arange(n) + 0.5 - centre[:, None]) / max(scale, 1))
    return w / w.sum(1, keepdims=True)


@pytest.mark.parametrize("name", ["lanczos", "bilinear", "bicubic", "box"])
@pytest.mark.parametrize("crop", [128, 140])
def test_filters_are_antialiased_by_their_definition(name, crop):
    # Mild contrasts, as Pillow clips what overshoots after each of its two passes.
    pixels = RANDOM.integers(70, 186, (218, 178, 3))
    result = Crop(crop, 50, name).picture(png(pixels), "x", FULL)
    top, left = (218 - crop) // 2, (178 - crop) // 2
    cut = pixels[top : top + crop, left : left + crop]
    w = weights(name, 0, crop, crop, 50)
    # It rounds to whole levels after each, too.
    assert np.abs(result - np.einsum("iy,yxc,jx->ijc", w, cut, w)).max() < 1.25


def test_half_size_is_cut_between_pixels():
    pixels = RANDOM.integers(0, 256, (109, 89, 3))
    result = Crop(140, 50, "bilinear").picture(png(pixels), "x", HALF)
    # 70 pixels from row 19.5 and column 9.5 on.
    cut = pixels[19:90, 9:80]
    w = weights("bilinear", 0.5, 70, 71, 50)
    assert np.abs(result - np.einsum("iy,yxc,jx->ijc", w, cut, w)).max() < 1.25


def test_full_and_half_size_show_the_same_square():
    rows, columns = np.indices((109, 89))
    half = np.stack([2 * rows, 2 * columns, rows + columns], -1)
    full = half.repeat(2, axis=0).repeat(2, axis=1)
    pair = [
        Crop(140, 64, "bilinear").picture(png(pixels), "x", size).astype(float)
        for pixels, size in ((full, FULL), (half, HALF))
    ]
    # A displacement by half a pixel would make 1 everywhere in two of the channels.
    assert np.abs((pair[0] - pair[1]).mean((0, 1))).max() < 0.1


@pytest.mark.parametrize(("crop", "size"), [(140, 64), (128, 32), (148, 64)])
def test_landmarks_stay_on_what_they_mark(crop, size):
    for x, y in RANDOM.integers(60, 120, (4, 2)):
        pixels = np.zeros((218, 178, 3))
        pixels[y - 3 : y + 4, x - 3 : x + 4] = 255
        seen = Crop(crop, size, "bilinear").picture(png(pixels), "x", FULL)[..., 0].astype(float)
        rows, columns = np.indices(seen.shape)
        centre = np.array([(columns * seen).sum(), (rows * seen).sum()]) / seen.sum()
        np.testing.assert_allclose(Crop(crop, size).points(np.array([x, y])), centre, atol=0.03)


def test_landmarks_by_hand():
    # Eyes of 000001.jpg at (69, 109): (69.5 - 19) * 64 / 140 - 0.5 and (109.5 - 39) * 64 / 140 - 0.5.
    np.testing.assert_allclose(Crop(140, 64).points(np.array([69, 109])), [22.585714, 31.728571], rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"crop": 139}, "crop must be even .* it is 139"),
        ({"crop": 180}, "crop must be even and lie between 2 and 178 pixels, but it is 180"),
        ({"size": 0}, "size must be at least 1 pixel, but it is 0"),
        ({"filter": "lancos"}, "did you mean lanczos"),
    ],
)
def test_bad_values_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Crop(**options).check()


def test_grey_files_become_colour():
    assert np.all(Crop().picture(png(np.full((218, 178), 90)), "x", FULL) == 90)


def test_sizes_are_checked():
    assert size_of(png(np.zeros((109, 89, 3))), "x") == HALF
    with pytest.raises(DataError, match=r"x must be an aligned .* is 64 x 60; take img_align_celeba"):
        size_of(png(np.zeros((60, 64, 3))), "x")
    with pytest.raises(DataError, match="opening it failed"):
        size_of(b"", "x")
    with pytest.raises(DataError, match=r"x must be 178 x 218 pixels as .* but it is 89 x 109"):
        Crop().picture(png(np.zeros((109, 89, 3))), "x", FULL)
    with pytest.raises(DataError, match=r"x must be a picture .* decoding it failed"):
        Crop().picture(png(RANDOM.integers(0, 256, (218, 178, 3)))[:5000], "x", FULL)
