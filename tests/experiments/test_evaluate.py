"""The numbers of a run, on models whose numbers are known, and the command that takes more of them."""

import json
import math
import sys
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from coulomb_jax import mmd
from coulomb_jax.data import digits, grid
from coulomb_jax.data.source import Source
from coulomb_jax.family import MmdLoss
from coulomb_jax.metrics import frechet
from experiments import evaluate, evaluation, features, gallery, measures, run, subject, table
from experiments.configs import couae
from experiments.settings import EVAL

OPTIONS = ConfigDict(EVAL | {"samples": 3000, "codes": 400})


class Perfect:
    """Encodes to the prior, decodes to the truth: what no training reaches."""

    pixel_range = None

    def __init__(self, shift=0.0, mmd_loss=None):
        self.shift, self.family = shift, SimpleNamespace(mmd_loss=mmd_loss, cluster=None)

    def encode(self, x, *, key=None):
        return np.asarray(jax.random.normal(jax.random.key(11), (len(x), 2))) + np.float32(self.shift)

    def draw(self, key, n):
        return np.asarray(jax.random.normal(key, (n, 2)))

    def decode(self, z):
        return grid.sample(int(1000 * abs(z[0, 0])), len(z))

    def reconstruct(self, x):
        return x + np.float32(self.shift)


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


def measured_by(monkeypatch, net, before):
    """What an evaluation by the features of a net leaves behind what was there, and how often it measured."""
    calls = []

    def fid(s):
        calls.append(s)
        return {"fid": float(len(net))}

    store = SimpleNamespace(suffix=f"_{net}", protocol={"net": net})
    monkeypatch.setattr(evaluation.features, "open_store", lambda options, source: store)
    monkeypatch.setitem(measures.MEASURES, "fid", measures.MEASURES["fid"]._replace(run=fid))
    options = ConfigDict(OPTIONS.to_dict() | {"metrics": ("fid",)})
    evaluated = evaluation.Evaluation([Perfect()], [digits.load()], options, [0], {"gmm": [Perfect()]})
    per_model, protocols = evaluated.run(before, 1)
    return {"step": 1, "repetitions": per_model, "protocols": protocols}, len(calls)


class Counted:
    """Features of pictures that are drawn, as many as they are asked for."""

    suffix, protocol = "_drawn", {"net": "drawn"}

    def __init__(self, dim):
        self.dim = dim

    def __call__(self, images):
        return np.random.default_rng(len(images)).normal(size=(len(images), self.dim))

    def kept(self, source, split, images):
        return self(images)


class Black(Perfect):
    """A model of digits that paints them all black."""

    pixel_range = (0.0, 1.0)

    def decode(self, z):
        return np.zeros((len(z), 8, 8, 1), np.float32)


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
        ("latent_test", {"codes": 296}),
        ("latent_dimensions", {"codes": 296}),
        ("prd", {"compared": 296, "samples": 3000, "test": 296}),
        ("features_mmd", {"compared_samples": 1000, "compared_test": 296}),
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


def test_each_net_of_features_keeps_the_protocol_of_its_numbers(monkeypatch):
    old = {"step": 1, "repetitions": [{"fid_lenet": 9.0}], "protocols": {"fid": {"net": "lenet"}}}
    first, calls = measured_by(monkeypatch, "lenet", old)
    assert calls == 2
    assert set(first["protocols"]) == {"fid_lenet", "fid_lenet/gmm"}
    second, calls = measured_by(monkeypatch, "resnet20", first)
    assert calls == 2
    assert second["repetitions"] == [
        {"fid_lenet": 5.0, "fid_lenet/gmm": 5.0, "fid_resnet20": 8.0, "fid_resnet20/gmm": 8.0}
    ]
    assert {key: p["net"] for key, p in second["protocols"].items()} == {
        "fid_lenet": "lenet",
        "fid_lenet/gmm": "lenet",
        "fid_resnet20": "resnet20",
        "fid_resnet20/gmm": "resnet20",
    }
    assert second["protocols"]["fid_lenet/gmm"]["numbers"] == ["fid_lenet/gmm"]
    assert measured_by(monkeypatch, "lenet", second) == (second, 0)


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


def test_an_evaluation_that_is_stopped_keeps_what_it_has_measured(monkeypatch, tmp_path):
    def stopped(s):
        raise KeyboardInterrupt

    def clustered(s):
        return {"clustering_hungarian": 50.0}

    measure = measures.MEASURES["clustering"]
    monkeypatch.setitem(measures.MEASURES, "clustering", measure._replace(run=stopped))
    monkeypatch.setattr(gallery, "draw", lambda *a, **k: [])
    config = {"seed": 0, "repetitions": 1, "family": {"name": "couae"}, "sampler": {"name": "prior"}}
    config["data"] = {"name": "digits"}
    options = ConfigDict(OPTIONS.to_dict() | {"metrics": ("latent_mmd2", "clustering")})
    arguments = (tmp_path, config, options, [Black()], [digits.load()])
    with pytest.raises(KeyboardInterrupt):
        evaluation.conclude(*arguments, step=1, title="a")
    kept = json.loads((tmp_path / "results.json").read_text())
    assert (
        set(kept["metrics"])
        == {"latent_mmd2", "latent_mmd2_error"}
        == set(kept["protocols"]["latent_mmd2"]["numbers"])
    )
    monkeypatch.setitem(measures.MEASURES, "clustering", measure._replace(run=clustered))
    monkeypatch.setitem(
        measures.MEASURES, "latent_mmd2", measures.MEASURES["latent_mmd2"]._replace(run=stopped)
    )
    both = evaluation.conclude(*arguments, step=1, title="a")
    assert both["metrics"] == kept["metrics"] | {"clustering_hungarian": 50.0}


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


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run on the digits that has trained a little, and its results."""
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    config = couae.get_config("digits:tiny")
    config.update_from_flattened_dict({"devices": 1, "eval.every": 20, "eval.codes": 50})
    return folder, run.train(config, folder)


@pytest.mark.slow
def test_a_run_is_measured_while_it_trains(trained):
    folder, results = trained
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    during = {line["step"]: line for line in lines if "eval/reconstruction_error" in line}
    assert sorted(during) == [20, 40, 60]
    assert during[60]["eval/reconstruction_error"] == [results["metrics"]["reconstruction_error"]]
    assert during[60]["eval/reconstruction_error"] < during[20]["eval/reconstruction_error"]


@pytest.mark.slow
def test_more_is_measured_later_and_nothing_again(trained, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("COULOMB_CACHE", str(tmp_path))
    folder, before = trained
    asked = [f"--workdir={folder}", "--metrics=auto,prd,clustering", "--samplers=prior,gaussian"]
    asked += ["--config.eval.features=lenet", "--config.eval.codes=50"]
    evaluate.main(asked)
    after = json.loads((folder / "results.json").read_text())
    assert before["metrics"].items() <= after["metrics"].items()
    new = set(after["metrics"]) - set(before["metrics"])
    assert {"prd_f8_recall_lenet", "prd_f8_recall_lenet/gaussian", "clustering_hungarian"} <= new
    assert "latent_mmd2/gaussian" in new
    assert after["protocols"]["prd_lenet"]["net"] == "lenet"
    assert after["timing"]["train_seconds"] == before["timing"]["train_seconds"]
    for name in ("samples-gaussian", "precision-recall", "interpolations", "neighbours", "attributes"):
        assert (folder / "figures" / f"{name}.png").is_file()
    assert len(table.rows(folder)) == 2
    shown = []
    monkeypatch.setattr(gallery.figures, "precision_recall_curves", lambda path, *a, **k: shown.append(a))
    evaluate.main([word.replace("gaussian", "bank") for word in asked])
    (((curves, scores),)) = shown
    assert list(curves) == list(scores) == ["prior", "bank"]
    assert scores["prior"][0] == after["metrics"]["prd_f8_recall_lenet"]
    after = json.loads((folder / "results.json").read_text())
    # A measure that is asked for again by the same protocol would fail here.
    monkeypatch.setattr(subject.Subject, "precision_recall", None)
    evaluate.main(asked)
    assert json.loads((folder / "results.json").read_text())["metrics"] == after["metrics"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "needs --workdir"),
        (["--workdir=nowhere"], "holds a config.json"),
        (["--workdir=RUN", "--metrics=fdi"], "did you mean fid"),
        (["--workdir=RUN", "--samplers=gaussain"], "did you mean gaussian"),
        (["--workdir=RUN", "--metrics=fid"], "pt_inception-2015-12-05-6726825d.pth"),
        (["--workdir=RUN", "--metrics=fid", "--config.eval.weights=none.pth"], "no file of weights none.pth"),
        (["--workdir=RUN", "--config.family.weight=3"], "family.weight"),
        (["--workdir=RUN", "--config.eval.kernel=colomb"], "did you mean coulomb"),
        (["--workdir=RUN", "--config.eval.interpolation=round"], "valid names: linear"),
        (["--workdir=RUN", "fid"], "flags only"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(trained, arguments, sentence, capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    results = (trained[0] / "results.json").read_text()
    with pytest.raises(SystemExit) as refused:
        evaluate.main([word.replace("RUN", str(trained[0])) for word in arguments])
    assert refused.value.code == 2
    assert sentence in capsys.readouterr().err
    assert (trained[0] / "results.json").read_text() == results


def test_the_command_tells_what_can_be_measured(capsys, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["evaluate"])
    evaluate.main(["--help"])
    told = capsys.readouterr().out
    for word in ("--workdir", "prd", "gmm", "interpolation"):
        assert word in told


def test_points_in_space_are_seen_along_their_principal_axes():
    random = np.random.default_rng(0)
    turned = np.linalg.qr(random.standard_normal((6, 6)))[0]
    flat = random.standard_normal((400, 6)) * [9.0, 4.0, 0.1, 0.1, 0.1, 0.1]
    true, generated = gallery.in_plane(flat @ turned, 2.0 * flat[:5] @ turned)
    np.testing.assert_allclose(np.abs(true), np.abs(flat[:, :2]), atol=0.5)
    np.testing.assert_allclose(generated, 2.0 * true[:5], atol=1e-9)
    in_two = gallery.in_plane(flat[:, :2], flat[:5, :2])
    np.testing.assert_array_equal(in_two[0], flat[:, :2])
