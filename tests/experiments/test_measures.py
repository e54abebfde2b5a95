"""The numbers of a run, on models whose numbers are known."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from ml_collections import ConfigDict

from coulomb_jax import mmd
from coulomb_jax.data import digits, grid
from coulomb_jax.data.source import Source
from coulomb_jax.family import MmdLoss
from coulomb_jax.metrics import frechet
from experiments import evaluation, features, measures, subject
from experiments.settings import EVAL
from tests.experiments.known_models import OPTIONS, Black, Counted, Perfect


def numbers(model, source, options=OPTIONS):
    ((values,), _) = evaluation.Evaluation([model], [source], options, [0]).run({}, 1)
    return values


def test_a_perfect_model_reaches_the_ceiling_and_no_more():
    source = grid.load(test_points=3000)
    values = numbers(Perfect(), source)
    limits = evaluation.ceiling(source)
    assert limits["log_likelihood_bound"] == pytest.approx(-3.754, abs=5e-4)
    assert values["log_likelihood"] == pytest.approx(limits["log_likelihood_ceiling"], abs=0.05)
    assert values["log_likelihood"] < limits["log_likelihood_bound"]
    assert values["reconstruction_error"] == 0.0
    assert abs(values["latent_mmd2"]) < 4 * values["latent_mmd2_error"]


def test_errors_are_sums_over_coordinates_and_shifted_codes_are_seen():
    values = numbers(Perfect(shift=0.5), grid.load(test_points=3000))
    assert values["reconstruction_error"] == pytest.approx(2 * 0.25, rel=1e-3)
    assert values["reconstruction_error_max"] == pytest.approx(2 * 0.25, rel=1e-3)
    assert values["latent_mmd2"] > 4 * values["latent_mmd2_error"]


def test_xi_and_the_deviation_of_theorem_2_are_in_the_unit_of_the_loss():
    source = grid.load(test_points=3000)
    loss = MmdLoss(mmd.gaussian(1.0), weight=5.0, recon_scale=0.1)
    values = numbers(Perfect(shift=0.5, mmd_loss=loss), source)
    xi = values["reconstruction_error_max"] * 0.1
    assert values["xi"] == pytest.approx(xi, rel=1e-6)
    # Hoeffding's inequality, each of four terms a quarter of 0.05; K = 1, and the cross term in [0, 2].
    n, log = 500, np.log(8 / 0.05)
    t, v, s = xi * np.sqrt(log / (2 * n)), 2 * np.sqrt(log / (2 * n)), np.sqrt(log / (2 * (n // 2)))
    assert values["deviation_bound"] == pytest.approx(t + 5.0 * (2 * s + v), rel=1e-6)
    unbounded = MmdLoss(mmd.coulomb(2), weight=5.0, recon_scale=0.1)
    assert "deviation_bound" not in numbers(Perfect(mmd_loss=unbounded), source)


def test_images_are_compared_in_their_range():
    class Black:
        pixel_range = (-1.0, 1.0)

        def reconstruct(self, x):
            return np.full(x.shape, -1.0, np.float32)

    images = np.zeros((3, 2, 2, 1), np.uint8)
    images[0] = 255
    source = Source("mine", images, images, (-1.0, 1.0), "")
    errors = subject.Subject(Black(), source, OPTIONS, 0).errors(images)
    assert errors.tolist() == pytest.approx([4 * 2.0**2, 0.0, 0.0])


def test_pictures_are_kept_as_a_file_would_keep_them():
    x = np.array([-1.2, -1.0, 0.0, 0.5, 1.0, 7.0], np.float32)
    assert subject.stored(x, (-1.0, 1.0)).tolist() == [0, 0, 128, 191, 255, 255]
    assert subject.stored(x, None) is x


def test_each_picture_is_stretched_on_its_own_in_the_legacy_distance():
    images = np.array([[10, 20, 30], [0, 255, 51], [7, 7, 7]], np.uint8).reshape(3, 3, 1, 1)
    assert subject.stretched(images).reshape(3, 3).tolist() == [[0, 128, 255], [0, 255, 51], [0, 0, 0]]


def test_what_is_drawn_for_one_purpose_does_not_depend_on_what_else_is_measured():
    source = grid.load(test_points=500)
    few = numbers(Perfect(), source, ConfigDict(OPTIONS.to_dict() | {"metrics": ("log_likelihood",)}))
    more = numbers(Perfect(), source, ConfigDict(OPTIONS.to_dict() | {"metrics": ("auto", "memorisation")}))
    assert set(few) < set(more)
    assert all(more[name] == value for name, value in few.items())


def test_a_set_of_unknown_law_has_no_ceiling():
    images = np.zeros((2, 2, 2, 1), np.uint8)
    assert evaluation.ceiling(Source("mine", images, images, (0.0, 1.0), "")) == {}


@pytest.mark.parametrize("name", subject.KERNELS)
def test_every_kernel_that_may_be_named_is_one(name):
    assert subject.kernel(name, 3)(np.float32(1.0)).shape == ()


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (("fit",), "did you mean fid"),
        (("fid",), "takes pictures, which grid has not"),
        (("clustering",), "takes labels, which grid has not"),
    ],
)
def test_a_measure_that_cannot_be_is_refused_in_a_sentence(names, sentence):
    with pytest.raises(ValueError, match=sentence):
        measures.chosen(names, grid.load(test_points=50)._replace(test_labels=None))


def test_all_measures_of_a_set_are_those_it_allows():
    assert set(measures.chosen(("all",), digits.load())) == set(measures.MEASURES)
    of_vectors = measures.chosen(("auto", "all"), grid.load(test_points=50)._replace(test_labels=None))
    assert not {"fid", "sharpness", "clustering"} & set(of_vectors)
    assert len(of_vectors) == len(set(of_vectors))


def measured(monkeypatch, name, **options):
    """The numbers and the protocol of one measure of digits, by features that are drawn."""
    monkeypatch.setattr(evaluation.features, "open_store", lambda options, source: Counted(2))
    options = ConfigDict(OPTIONS.to_dict() | options | {"metrics": (name,)})
    (values,), protocols = evaluation.Evaluation([Black()], [digits.load()], options, [0]).run({}, 1)
    (protocol,) = protocols.values()
    return values, protocol


def test_the_interval_of_the_distance_counts_the_error_of_the_test_set(monkeypatch):
    values, protocol = measured(monkeypatch, "fid_interval", samples=3000)
    assert protocol["resamples"] == 100
    assert measures.resamples(SimpleNamespace(features=Counted(2048))) == 20
    # 296 test examples are ten times fewer than samples: nearly all of the error is theirs.
    store, source = Counted(2), digits.load()
    generated, test = store(source.test[:1].repeat(3000, 0)), store(source.test)
    alone = frechet.frechet_interval(0, test, frechet.statistics(generated), resamples=400).standard_error
    assert values["fid_standard_error_drawn"] == pytest.approx(alone, rel=0.4)


def test_as_many_samples_as_test_examples_are_compared_by_their_neighbours(monkeypatch):
    values, protocol = measured(monkeypatch, "coverage")
    assert protocol["compared"] == 296
    # For one law and n = m = 296, k = 5: 1 - (n-1)...(n-k) / (2n-1)...(2n-k), whose deviation is about 0.02;
    # 3,000 samples would cover all.
    expected = 1 - math.prod((296 - i) / (592 - i) for i in range(1, 6))
    assert values["coverage_drawn"] == pytest.approx(expected, abs=0.03)
    assert values["coverage_drawn"] < 1


@pytest.mark.parametrize(
    ("name", "numbers"),
    [
        ("latent_mmd2", {"codes": 296}),
        ("latent_test", {"codes": 296, "permutations": 199}),
        ("latent_dimensions", {"codes": 296}),
        ("prd", {"compared": 296, "samples": 3000, "test": 296}),
        ("features_mmd", {"compared_samples": 1000, "compared_test": 296, "permutations": 199}),
        ("reconstruction", {"test": 296, "train": 296}),
        ("memorisation", {"samples": 3000, "test": 296, "train": 1501}),
        ("features_memorisation", {"samples": 3000, "test": 296, "train": 1501}),
        ("clustering", {"test": 296}),
    ],
)
def test_a_protocol_tells_the_numbers_that_were_used(name, numbers, monkeypatch):
    monkeypatch.setitem(measures.MEASURES, name, measures.MEASURES[name]._replace(run=lambda s: {"one": 1.0}))
    _, protocol = measured(monkeypatch, name, codes=1000)
    assert numbers.items() <= protocol.items()
    assert name != "latent_dimensions" or "samples" not in protocol


@pytest.mark.parametrize(
    ("kind", "published", "told"), [("inception", False, 1), ("inception", True, 0), ("lenet", False, 0)]
)
def test_weights_that_are_not_those_of_fid_are_told(kind, published, told, monkeypatch, capsys, tmp_path):
    protocol = {"weights_published": published, "weights_sha256": "abcdef"}
    net = SimpleNamespace(name="fid", dim=2, protocol=protocol)
    monkeypatch.setattr(features.nets, "load", lambda kind, weights: net)
    options = ConfigDict(EVAL | {"features": kind, "weights": str(tmp_path / f"{kind}{published}.npz")})
    features.open_store(options, digits.load())
    shown = capsys.readouterr().err
    assert shown.count("warning") == shown.count("abcdef") == told
