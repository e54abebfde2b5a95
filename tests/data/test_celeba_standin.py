"""CelebA's rendered stand-in."""

import sys
import types

import numpy as np
import pytest

from coulomb_jax import data
from coulomb_jax.data import faces
from tests.data.celeba_miniature import load

pytestmark = pytest.mark.usefixtures("own_places")


@pytest.fixture
def renderer(monkeypatch):
    """In the place of the real one: pictures as grey as their one factor."""

    def render(n, size, seed, *, first=0):
        factors = np.random.default_rng((seed, first)).integers(0, 256, (n, 1)).astype(np.float32)
        return (
            np.broadcast_to(factors[..., None, None], (n, size, size, 3)).astype(np.uint8),
            factors,
            ("light",),
        )

    faces = types.ModuleType("coulomb_jax.data.faces")
    faces.render = render
    monkeypatch.setitem(sys.modules, "coulomb_jax.data.faces", faces)
    monkeypatch.setattr(data, "faces", faces, raising=False)


def test_the_stand_in_is_rendered_and_says_so(renderer, tmp_path):
    source = load(None, source="standin", limit=1500, size=8)
    assert source.name == "celeba stand-in"
    assert source.details["source"] == "stand-in"
    assert source.train.shape == (1500, 8, 8, 3)
    assert source.test.shape == (150, 8, 8, 3)
    assert source.attribute_names == ("light",)
    light = source.train[:, 0, 0, 0].astype(float)
    np.testing.assert_array_equal(source.train_attributes[:, 0], light > np.median(light))
    np.testing.assert_array_equal(source.test_attributes[:, 0], source.test[:, 0, 0, 0] > np.median(light))
    assert len(np.unique(light[:1024])) > 200
    assert not np.array_equal(light[:476], light[1024:])  # no chunk repeats another
    again = load(None, source="standin", limit=1500, size=8, cache=tmp_path / "other")
    assert again.fingerprint == source.fingerprint


def test_its_pictures_are_those_of_the_renderer():
    source = load(None, source="standin", limit=40, size=32)
    images, factors, names = faces.render(56, 32, 0)
    np.testing.assert_array_equal(source.train, images[:40])
    np.testing.assert_array_equal(source.test, images[40:])
    assert source.attribute_names == names
    np.testing.assert_array_equal(source.train_attributes, factors[:40] > np.median(factors[:40], 0))


def test_it_has_20000_pictures_unless_told(renderer):
    source = load(None, source="standin", size=2)
    assert (len(source.train), len(source.test)) == (20_000, 2_000)
