"""Tables of runs beside what was published."""

import csv
import json

import pytest

from experiments import against, table
from experiments.published import RECORDS, find
from experiments.results import Figure, report, summary


def run(
    folder, *, data="celeba", name="celeba", family="wae_mmd", z=64, metrics, spread=None, protocols=None
):
    folder.mkdir(parents=True)
    config = {"family": {"name": family}, "sampler": {"name": "prior"}, "data": {"name": name}}
    config |= {"arch": {"name": "mlp", "z_dim": z, "hidden": [8]}, "remat": True}
    (folder / "config.json").write_text(json.dumps(config))
    results = {"metrics": metrics, "standard_deviations": spread or {}, "references": {}}
    results |= {"protocol": {"data": data}, "protocols": protocols or {}}
    (folder / "results.json").write_text(json.dumps(results))
    return folder


# Numbers as printed in the papers' tables, a sample from each.
PRINTED = [
    ("grid", "couae", "prior", "log_likelihood", [(-4.3, 0.1)]),
    ("celeba", "couae", "prior", "fid", [(47.0, None)]),
    ("celeba", "wae_mmd", "prior", "fid", [(55.0, None), (62.9, None), (58.91, None)]),
    ("celeba", "vae", "second_vae", "fid", [(44.4, None), (37.85, None), (53.12, None)]),
    ("cifar10", "rae", "gmm", "fid", [(70.97, None), (69.24, None)]),
    ("cifar10", "rae", "gmm", "fid_reconstructions", [(41.45, None), (40.48, None)]),
    ("svhn", "gmm_dae", "gmm", "fid", [(36.46, None)]),
    ("svhn", "gmm_dae", "prior", "fid_interpolations", [(24.87, None)]),
    ("mnist", "gmm_dae", "prior", "clustering_hungarian", [(85.53, None)]),
    ("fashion_mnist", "joint_vae", "prior", "clustering_hungarian", [(51.51, None)]),
]


@pytest.mark.parametrize(("dataset", "system", "sampler", "metric", "values"), PRINTED)
def test_the_published_numbers_are_those_printed(dataset, system, sampler, metric, values):
    assert [(p.value, p.deviation) for p in find(dataset, system, sampler, metric)] == values


def test_nothing_printed_was_lost():
    # CouAE alone, two tables of the slides, the poster (no GMM for its two-stage VAE), four accuracies
    # (its CascadeVAE is not here).
    assert len(RECORDS) == 6 + 8 * 4 + 13 * 3 * 2 + 3 * (5 * 4 + 3) + 4
    assert not find("celeba", "vae", "gmm", "fid_interpolations")


def test_ours_stands_beside_the_published_with_the_difference(tmp_path):
    protocols = {"fid": {"samples": 10_000, "net": "inception", "numbers": ["fid"]}}
    folder = run(
        tmp_path / "a",
        metrics={"fid": 57.0, "fid/gmm": 48.17, "other": 1.0},
        spread={"fid": 1.25, "fid/gmm": 0.5},
        protocols=protocols,
    )
    lines = table.rows(folder)
    assert [(line.sampler, line.values["fid"]) for line in lines] == [
        ("prior", Figure(57.0, 1.25)),
        ("gmm", Figure(48.17, 0.5)),
    ]
    header, cells = table.table(lines)
    assert header == ["data", "system", "sampler", "fid", "published", "difference"]
    assert cells[0][3] == "57 +- 1.2"
    assert cells[0][4] == "55 [sansone2019]; 62.9 [prathosh2021]; 58.91 [saseendran2021]"
    assert cells[0][5] == "+2; -5.9; -1.91"
    assert cells[1][3:] == ["48.17 +- 0.5", "49.17 [saseendran2021]", "-1"]
    assert table.protocols(lines, header) == "- fid: samples 10000, net inception"


def test_measures_of_one_protocol_share_a_line_and_those_of_no_column_have_none(tmp_path):
    net = {"net": "lenet", "weights_sha256": "0123456789abcdef" * 4}
    fid, kid = {"numbers": ["fid_lenet", "fid_interpolations_lenet"]}, {"numbers": ["kid_lenet", "kid_error"]}
    one = {"fid_lenet": net | fid, "fid_lenet/gmm": net | {"numbers": ["fid_lenet/gmm"]}}
    one |= {"kid_lenet": net | kid, "clustering": {"numbers": ["clustering_hungarian"]}}
    one |= {"latent_test": {"codes": 5, "numbers": ["latent_p_value"]}}
    two = {"fid_lenet": net | fid, "kid_lenet": net | {"net": "other"} | kid}
    lines = table.rows(run(tmp_path / "a", metrics={"fid_lenet": 1.0}, protocols=one))
    lines += table.rows(run(tmp_path / "b", metrics={"fid_lenet": 1.0}, protocols=two))
    a, b, digits = tmp_path / "a", tmp_path / "b", "weights_sha256 0123456789ab"
    columns = ["data", "fid_lenet", "kid_lenet", "latent_p_value", "clustering_hungarian"]
    assert table.protocols(lines, columns).splitlines() == [
        f"- fid_lenet: net lenet, {digits}",
        f"- kid_lenet: net lenet, {digits} ({a})",
        f"- latent_test: codes 5 ({a})",
        f"- kid_lenet: net other, {digits} ({b})",
    ]
    assert table.protocols(lines[:1], columns[:3]) == f"- fid_lenet, kid_lenet: net lenet, {digits}"
    assert table.protocols(lines, columns[:2]) == f"- fid_lenet: net lenet, {digits}"


def test_runs_of_one_system_are_told_apart_by_their_folders(tmp_path):
    a, b, c = (run(tmp_path / name, metrics={"other": 1.0}) for name in ("x/a", "x/b", "y/a"))
    other = run(tmp_path / "d", family="vae", metrics={"other": 1.0})

    def named(*folders):
        header, cells = table.table([line for one in folders for line in table.rows(one)], ["other"])
        return header[0], [row[0] for row in cells]

    assert named(a, b, other) == ("run", ["a", "b", "d"])
    assert named(a, c) == ("run", [str(a), str(c)])
    assert named(a, other) == ("data", ["celeba", "celeba"])


def test_a_subset_is_set_beside_nothing(tmp_path):
    header, cells = table.table(table.rows(run(tmp_path / "a", data="celeba subset", metrics={"fid": 57.0})))
    assert (header, cells) == (
        ["data", "system", "sampler", "fid"],
        [["celeba subset", "wae_mmd", "prior", "57"]],
    )


def test_the_command_prints_and_writes_the_same_table(tmp_path, capsys):
    one = run(tmp_path / "a", metrics={"fid": 57.0, "kid": 0.01})
    two = run(tmp_path / "b", family="couae", metrics={"fid": 50.0})
    table.main([str(one), str(two), "--out", str(tmp_path / "t" / "table")])
    shown = capsys.readouterr().out
    assert (tmp_path / "t" / "table.md").read_text() == shown
    lines = list(csv.reader((tmp_path / "t" / "table.csv").open()))
    assert lines[0] == ["data", "system", "sampler", "fid", "published", "difference", "kid"]
    assert lines[2] == ["celeba", "couae", "prior", "50", "47 [sansone2019]", "+3", ""]
    widths = {len(line) for line in shown.splitlines() if line.startswith("|")}
    assert len(widths) == 1
    assert "+3" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [(["nowhere"], "let its run end"), (["a", "--metrics=fit"], "no run has the metric fit; they have fid")],
)
def test_what_cannot_be_is_refused_in_a_sentence(arguments, sentence, tmp_path, monkeypatch, capsys):
    run(tmp_path / "a", metrics={"fid": 57.0})
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as refused:
        table.main(arguments)
    assert refused.value.code == 2
    assert sentence in capsys.readouterr().err


@pytest.fixture
def drawn(monkeypatch):
    """What the figures are given, by the names of their files."""
    found = {}

    def record(path, curves, xlabel, ylabel, *, title, highest):
        plain = {k: [c.tolist() for c in v] for k, v in curves.items()}
        found[str(path)] = (plain, xlabel, ylabel, title, highest)

    monkeypatch.setattr(against.figures, "value_against_size", record)
    return found


def test_a_metric_is_drawn_against_a_number_of_the_config(tmp_path, capsys, drawn):
    runs = [
        run(tmp_path / "a", z=32, metrics={"fid": 50.0, "kid": 0.1}, spread={"fid": 2.0, "kid": 0.01}),
        run(tmp_path / "b", z=8, metrics={"fid": 60.0, "kid": 0.2, "fid/gmm": 40.0}, spread={"fid": 1.0}),
        run(tmp_path / "c", z=8, family="vae", metrics={"fid": 70.0}),
    ]
    arguments = [*map(str, runs), "--against=arch.z_dim", "--out", str(tmp_path / "t" / "sizes")]
    table.main(arguments)
    path = str(tmp_path / "t" / "sizes-fid-against-arch.z_dim.png")
    assert f"figure: {path}" in capsys.readouterr().out
    curves, *words = drawn.pop(path)
    assert words == ["arch.z_dim", "fid", "celeba", False]
    assert str(curves) == str(
        {
            "wae_mmd, sampler prior": [[32, 8], [50.0, 60.0], [2.0, 1.0]],
            "wae_mmd, sampler gmm": [[8], [40.0], [float("nan")]],
            "vae, sampler prior": [[8], [70.0], [float("nan")]],
        }
    )
    table.main([*map(str, runs[:2]), "--against=arch.z_dim", "--metrics=kid,fid"])
    assert list(drawn) == ["kid-against-arch.z_dim.png", "fid-against-arch.z_dim.png"]
    curves, *words = drawn["kid-against-arch.z_dim.png"]
    assert str(curves["sampler prior"]) == str([[32, 8], [0.1, 0.2], [0.01, float("nan")]])
    assert words[2:] == ["wae_mmd, celeba", False]


@pytest.mark.parametrize(
    "metric", ["log_likelihood", "prd_f8_recall_lenet", "coverage", "clustering_majority"]
)
def test_of_some_metrics_the_highest_is_best(metric, tmp_path, monkeypatch, drawn):
    monkeypatch.chdir(tmp_path)
    runs = [run(tmp_path / name, z=z, metrics={metric: 0.5}) for name, z in (("a", 8), ("b", 16))]
    table.main([*map(str, runs), "--against=arch.z_dim", f"--metrics={metric}"])
    assert drawn[f"{metric}-against-arch.z_dim.png"][-1] is True


@pytest.mark.parametrize(
    ("names", "key", "sentence"),
    [
        ("ab", "arch.zdim", "there is no number 'arch.zdim'; did you mean arch.z_dim"),
        ("ab", "arch.name", "there is no number 'arch.name'"),
        ("ab", "arch.hidden", "there is no number 'arch.hidden'"),
        ("ab", "remat", "there is no number 'remat'"),
        ("ac", "arch.z_dim", "differ in it, but all have 8"),
        ("abc", "arch.z_dim", "of vae 3 runs have 2 values"),
        ("ad", "arch.z_dim", "fid at two values of arch.z_dim or more"),
        ("ee", "arch.z_dim", "no run has it; name others with --metrics"),
    ],
)
def test_runs_that_make_no_curve_are_refused_in_a_sentence(
    names, key, sentence, tmp_path, capsys, drawn, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    for name, z, family, metric in [
        ("a", 8, "vae", "fid"),
        ("b", 16, "vae", "fid"),
        ("c", 8, "vae", "fid"),
        ("d", 16, "couae", "fid"),
        ("e", 16, "vae", "kid"),
    ]:
        run(tmp_path / name, z=z, family=family, metrics={metric: 1.0})
    with pytest.raises(SystemExit) as refused:
        table.main([*names, f"--against={key}", "--out=t"])
    assert refused.value.code == 2
    assert sentence in capsys.readouterr().err
    assert not drawn
    assert not (tmp_path / "t.md").exists()


def test_means_and_deviations_over_repetitions():
    means, spread = summary([{"a": 1.0}, {"a": 2.0}, {"a": 6.0}])
    assert means == {"a": 3.0}
    assert spread["a"] == pytest.approx(7.0**0.5)
    assert summary([{"a": 1.0}]) == ({"a": 1.0}, {})


def test_the_report_has_every_number_and_what_it_compares_with():
    results = {"metrics": {"fid": 57.25, "kid": 0.5}, "standard_deviations": {"fid": 1.5}}
    told = report(results | {"references": {"bound": -3.754, "fid_published": (55.0, 2.0)}})
    assert [line.split() for line in told.splitlines()] == [
        ["fid", "57.25", "+-", "1.5"],
        ["kid", "0.5"],
        ["bound", "-3.754"],
        ["fid_published", "55", "+-", "2"],
    ]
