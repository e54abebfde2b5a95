"""What the figures of an evaluation show."""

import jax
import numpy as np
import pytest

from coulomb_jax.data import digits, grid
from experiments import gallery, subject
from tests.experiments.known_models import OPTIONS, Black, Counted, Perfect


def test_figures_say_what_drew_their_pictures(monkeypatch, tmp_path):
    class Recorder:
        def __getattr__(self, name):
            return lambda path, *a, **look: drawn.__setitem__(path.stem, (a, look))

    drawn = {}
    monkeypatch.setattr(gallery, "figures", Recorder())
    (tmp_path / "metrics.jsonl").touch()
    one = subject.Subject(Black(), digits.load(), OPTIONS, 0)
    other = {"gmm": one.drawing(Black())}
    gallery.draw(one, tmp_path / "figures", "vae on digits", {}, sampler="bank", others=other)
    titles = {name: look["title"] for name, (_, look) in drawn.items()}
    assert titles["samples"] == titles["neighbours"] == "vae on digits, sampler bank"
    assert titles["samples-gmm"] == "vae on digits, sampler gmm"
    assert titles["interpolations"] == "vae on digits, between reconstructions"
    assert drawn["covariance"][1]["of"] == "posterior means"
    assert drawn["neighbours"][1]["unit"] == "8-bit levels"
    assert "neighbours-drawn" not in drawn  # nothing was measured by features
    assert drawn["attributes"][0][1] == [f"towards class {k}" for k in range(10)]


def test_neighbours_by_features_are_shown_where_they_have_been_measured(monkeypatch, tmp_path):
    class Means(Counted):
        def __call__(self, images):
            return images.reshape(len(images), -1).mean(1, keepdims=True, dtype=np.float32)

    drawn = {}
    monkeypatch.setattr(
        gallery.figures, "neighbour_grid", lambda path, *a, **look: drawn.__setitem__(path.stem, (a, look))
    )
    one = subject.Subject(Black(), digits.load(), OPTIONS, 0, Means(1))
    values = {"features_memorisation_ratio_drawn": 1.0}
    gallery._pictures(one, lambda name: tmp_path / name, "a", "prior", values)
    (queries, pictures, distances), look = drawn["neighbours-drawn"]
    assert look["unit"] == "features of drawn"
    darkest = np.argsort(digits.load().train.mean((1, 2, 3)), kind="stable")[:4]
    train = digits.load().train / np.float32(255)
    np.testing.assert_allclose(np.sort(pictures[0].sum((1, 2, 3))), np.sort(train[darkest].sum((1, 2, 3))))
    np.testing.assert_allclose(distances[0], 255 * train[darkest].mean((1, 2, 3)), rtol=1e-5)
    assert not queries.any()


def test_the_page_of_codes_shows_draws_and_as_many_of_the_prior(monkeypatch, tmp_path):
    class Posterior(Perfect):
        def encode(self, x, *, key=None):
            means = np.zeros((len(x), 2), np.float32)
            return means if key is None else means + np.asarray(jax.random.normal(key, means.shape))

    class Shown(Exception):
        pass

    def shown(path, codes, prior, **look):
        raise Shown(codes, prior)

    monkeypatch.setattr(gallery.figures, "codes_and_prior", shown)
    one = subject.Subject(Posterior(), grid.load(test_points=700), OPTIONS, 0)
    with pytest.raises(Shown) as seen:
        gallery.draw(one, tmp_path, "a", {}, sampler="prior", others={})
    codes, prior = seen.value.args
    assert len(codes) == len(prior) == 700
    np.testing.assert_allclose(codes.std(0), 1, atol=0.1)  # a deviation over 700 draws errs by 0.027


def test_points_in_space_are_seen_along_their_principal_axes():
    random = np.random.default_rng(0)
    turned = np.linalg.qr(random.standard_normal((6, 6)))[0]
    flat = random.standard_normal((400, 6)) * [9.0, 4.0, 0.1, 0.1, 0.1, 0.1]
    true, generated = gallery.in_plane(flat @ turned, 2.0 * flat[:5] @ turned)
    np.testing.assert_allclose(np.abs(true), np.abs(flat[:, :2]), atol=0.5)
    np.testing.assert_allclose(generated, 2.0 * true[:5], atol=1e-9)
    in_two = gallery.in_plane(flat[:, :2], flat[:5, :2])
    np.testing.assert_array_equal(in_two[0], flat[:, :2])
