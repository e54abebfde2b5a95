"""An evaluation: what is measured when, what is kept of it, and its command."""

import json
import sys
from types import SimpleNamespace

import pytest
from ml_collections import ConfigDict

from coulomb_jax.data import digits
from experiments import evaluate, evaluation, gallery, measures, run, subject, table
from experiments.configs import couae
from tests.experiments.known_models import OPTIONS, Black, Perfect


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
