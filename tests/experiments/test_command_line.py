"""The commands as a user types them: real processes, real files."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import coulomb_jax

ROOT = Path(__file__).parents[2]
CPU = {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}


def command(*arguments, cwd, **environment):
    """Runs `python -m experiments....` and returns the finished process."""
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=cwd,
        env=os.environ | CPU | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.mark.slow
def test_the_main_job_from_any_folder_and_the_same_command_again(tmp_path):
    line = ("experiments.grid", "--config=couae.py:tiny")
    run = command(*line, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    for words in ("log_likelihood_bound", "-3.754", "log_likelihood [sansone2019]", "-4.3 +- 0.1", "step/s"):
        assert words in run.stdout + run.stderr, words
    folder = tmp_path / "runs" / "grid-couae-tiny"
    results = json.loads((folder / "results.json").read_text())
    assert abs(results["references"]["log_likelihood_ceiling"] - -3.80) < 0.03
    for name in ("samples", "codes", "curves"):
        assert (folder / "figures" / f"{name}.png").read_bytes()[:4] == b"\x89PNG"
    assert (folder / "config.json").is_file()
    assert list((folder / "events").iterdir())

    again = command(*line, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    repeated = json.loads((folder / "results.json").read_text())
    assert repeated == results

    model = coulomb_jax.load(folder)
    assert model.sample(0, 5).shape == (5, 2)


@pytest.mark.slow
def test_repetitions_train_side_by_side(tmp_path):
    run = command(
        "experiments.grid",
        "--config=couae.py:tiny",
        "--config.repetitions=3",
        "--config.family.prior=sampled",
        "--workdir=out",
        cwd=tmp_path,
        XLA_FLAGS="--xla_force_host_platform_device_count=4",
    )
    assert run.returncode == 0, run.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    each = [r["log_likelihood"] for r in results["repetitions"]]
    assert len(set(each)) == 3
    assert results["metrics"]["log_likelihood"] == pytest.approx(np.mean(each))
    assert results["standard_deviations"]["log_likelihood"] == pytest.approx(np.std(each, ddof=1))
    assert len(set(results["protocol"]["fingerprints"])) == 3
    models = [coulomb_jax.load(tmp_path / "out", repetition=r) for r in (0, 2)]
    assert not np.array_equal(models[0].sample(0, 4), models[1].sample(0, 4))
    with pytest.raises(ValueError, match="one of 0 to 2"):
        coulomb_jax.load(tmp_path / "out", repetition=3)


@pytest.mark.slow
def test_ones_own_pictures_with_ones_own_config_and_preset(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (60, 12, 12, 3), np.uint8)
    np.savez(tmp_path / "mine.npz", images=pictures)
    (tmp_path / "mine.py").write_text(
        "from experiments.configs import base\n"
        "SETTINGS = {'images:small': {'steps': 4, 'batch': 10, 'arch.hidden': (8,), 'data.size': 8,"
        " 'family.weight': 7.0}}\n"
        "def get_config(setting):\n    return base.get(setting, 'couae', SETTINGS)\n"
    )
    run = command(
        "experiments.images",
        "--config=mine.py:small",
        "--config.data.dir=mine.npz",
        "--config.family.beta=1.5",
        cwd=tmp_path,
    )
    assert run.returncode == 0, run.stderr
    folder = tmp_path / "runs" / "images-mine-small"
    config = json.loads((folder / "config.json").read_text())
    assert config["family"]["weight"] == 7.0
    assert config["family"]["beta"] == 1.5
    assert coulomb_jax.load(folder).sample(0, 2).shape == (2, 8, 8, 3)


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_as_if_nothing_had_happened(tmp_path):
    line = ["--config=couae.py:tiny", "--config.steps.train=3000", "--config.checkpoint.every=200"]
    whole = command("experiments.grid", *line, "--workdir=whole", cwd=tmp_path)
    assert whole.returncode == 0, whole.stderr
    run = subprocess.Popen(
        [sys.executable, "-m", "experiments.grid", *line, "--workdir=killed"],
        cwd=tmp_path,
        env=os.environ | CPU,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    checkpoints = tmp_path / "killed" / "checkpoints"
    until = time.monotonic() + 120
    while not any(p.name.isdigit() for p in checkpoints.glob("*")) and time.monotonic() < until:
        time.sleep(0.02)
    run.send_signal(signal.SIGKILL)
    run.wait()
    assert not (tmp_path / "killed" / "results.json").exists()
    again = command("experiments.grid", *line, "--workdir=killed", cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    a, b = (json.loads((tmp_path / w / "results.json").read_text()) for w in ("whole", "killed"))
    assert a["metrics"] == b["metrics"]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_has_saved_when_it_ends_and_says_so_in_a_line(number, tmp_path):
    line = [sys.executable, "-m", "experiments.grid", "--config=couae.py:tiny", "--workdir=out"]
    run = subprocess.Popen(
        [*line, "--config.steps.train=1000000"],
        cwd=tmp_path,
        env=os.environ | CPU,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    metrics, until = tmp_path / "out" / "metrics.jsonl", time.monotonic() + 120
    while not (metrics.exists() and metrics.read_text().count("\n") > 3) and time.monotonic() < until:
        time.sleep(0.05)
    run.send_signal(number)
    _, told = run.communicate(timeout=120)
    assert run.returncode == 130
    assert "Traceback" not in told
    stopped_at = told.split("stopped after step ")[1].split(";")[0]
    assert (tmp_path / "out" / "checkpoints" / stopped_at).is_dir()
    assert coulomb_jax.load(tmp_path / "out").sample(0, 3).shape == (3, 2)


@pytest.mark.slow
def test_an_unfinished_run_does_not_draw_with_a_sampler_that_is_not_fitted(tmp_path):
    line = ["experiments.grid", "--config=autoencoder.py:tiny", "--workdir=out"]
    run = command(*line, "--config.checkpoint.every=100", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    assert coulomb_jax.load(tmp_path / "out").sample(0, 3).shape == (3, 2)
    shutil.rmtree(tmp_path / "out" / "checkpoints" / "301")
    with pytest.raises(ValueError, match="fitted when its run of 301 steps ends, and it is at step 300"):
        coulomb_jax.load(tmp_path / "out")


@pytest.mark.slow
@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
def test_pictures_from_the_original_files(dataset, tmp_path):
    random = np.random.default_rng(0)
    for part, n in (("train", 60_000), ("t10k", 10_000)):
        for kind, magic, shape in (("images-idx3", 2051, (n, 28, 28)), ("labels-idx1", 2049, (n,))):
            header = np.array([magic, *shape], ">u4").tobytes()
            body = random.integers(0, 10, shape, np.uint8).tobytes()
            with gzip.open(tmp_path / f"{part}-{kind}-ubyte.gz", "wb", compresslevel=1) as file:
                file.write(header + body)
    line = [f"experiments.{dataset}", "--config=couae.py:tiny", "--config.data.dir=."]
    run = command(*line, "--workdir=out", cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    results = json.loads((tmp_path / "out" / "results.json").read_text())
    assert results["protocol"]["train"] == 60_000


@pytest.mark.slow
def test_a_run_that_diverges_names_the_term_and_exits_with_one(tmp_path):
    line = ("experiments.grid", "--config=vae.py:tiny", "--config.optimizers.elbo.learning_rate=1e6")
    run = command(*line, cwd=tmp_path)
    assert run.returncode == 1
    assert "Traceback" not in run.stderr
    assert "elbo/" in run.stderr
    assert " at step " in run.stderr


REFUSED = [
    (["--config=couea.py"], "did you mean couae.py"),
    (["--config=couae.py:tinny"], "no preset of grid 'tinny'; did you mean tiny"),
    ([], "needs --config"),
    (["--config=couae.py", "--config.family.wieght=3"], "weight"),
    (["--config=couae.py", "--config.famly.weight=3"], "family"),
    (["--config=couae.py", "--config.seed=x"], "config.seed=x"),
    (["--config=couae.py", "--config.family.name=coua"], "did you mean couae"),
    (["--config=couae.py", "--config.data.name=gird"], "did you mean grid"),
    (["--config=couae.py", "--config.eval.kernel=colomb"], "did you mean coulomb"),
    (["--config=couae.py", "--config.sampler.name=gausian"], "did you mean gaussian"),
    (["--config=couae.py", "--config.batch=501"], "batch is 501 and there are 500 examples"),
    (["--config=couae.py", "--config.batch=0"], "batch is at least 1"),
    (["--config=couae.py", "--config.arch.z_dim=0"], "z_dim must be at least 1"),
    (["--config=couae.py", "--config.arch.hidden=(-3,)"], "every entry of hidden"),
    (["--config=couae.py", "--config.arch.name=dcgan"], "dcgan nets take square images"),
    (["--config=couae.py", "--config.family.prior=exat"], "did you mean exact"),
    (["--config=couae.py", "--config.family.reduction=summ"], "did you mean sum"),
    (["--config=couae.py", "--config.family.weight=-1"], "at least 0"),
    (["--config=autoencoder.py", "--config.family.name=vae"], "that family's own --config"),
    (["--config=couae.py", "--config.batch=1", "--config.devices=1"], "at least 2 points"),
    (["--config=couae.py", "--config.steps.train=0"], "steps.train is at least 1"),
    (["--config=couae.py", "--config.repetitions=0"], "repetitions is at least 1"),
    (["--config=couae.py", "--config.checkpoint.every=0"], "checkpoint.every is at least 1"),
    (["--config=couae.py", "--config.eval.samples=1"], "eval.samples is at least 2"),
    (["--config=couae.py", "--config.data.test_points=1"], "at least 4 test examples"),
    (["--config=couae.py", "--config.seed=-1"], "seed lies in"),
    (["--config=couae.py", "--config.average=1"], "a share in [0, 1), not 1"),
    (["--config=couae.py", "--config.validation.examples=9"], "at least a batch of 100"),
    (["--config=couae.py", "--config.validation.patience=9"], "nothing is held out to be looked at"),
    (["--config=couae.py", "--config.validation.examples=401"], "leaves as many, but 401 of 500"),
    (["--config=couae.py", "--config.subset.examples=501"], "has 1 to 500 of them, not 501"),
    (["--config=couae.py", "--config.subset.seed=-1"], "subset.seed is at least 0"),
    (
        ["--config=couae.py", "--config.optimizers.autoencoder.schedule=plateau"],
        "set --config.validation.examples",
    ),
    (["--config=full/thesis.py"], "is not Python"),
    (["--config=couae.py", "--config.devices=1", "--workdir=full/thesis.tex/run"], "leads through a file"),
    (["--config=couae.py", "--config.devices=99"], "devices is 0 (all)"),
    (["--config=couae.py", "--config.data.points=501"], "501"),
    (["--config=couae.py", "--config.devices=1", "--workdir=full"], "holds other files"),
    (["--config=couae.py", "extra"], "flags only, not extra"),
    (["--config=couae.py", "--wrkdir=x"], "workdir"),
]


@pytest.mark.parametrize(
    ("arguments", "sentence"), REFUSED, ids=lambda a: " ".join(a) if isinstance(a, list) else ""
)
def test_bad_input_is_refused_in_a_sentence_before_any_work(
    arguments, sentence, tmp_path, monkeypatch, capsys
):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").write_text("precious")
    (tmp_path / "full" / "thesis.py").write_text("def get_config(:")
    monkeypatch.chdir(tmp_path)
    said = any("devices" in word for word in arguments)
    monkeypatch.setattr(sys, "argv", ["grid", *arguments, *([] if said else ["--config.devices=1"])])
    from experiments import run

    with pytest.raises(SystemExit) as refused:
        run.main("grid")
    told = capsys.readouterr().err
    assert refused.value.code == 2
    assert sentence in told
    assert "Traceback" not in told
    assert not (tmp_path / "runs").exists()
    assert {p.name for p in tmp_path.rglob("*")} == {"full", "thesis.tex", "thesis.py"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("dataset", "options", "sentence"),
    [
        ("grid", ["--config=couae.py", "--config.arch.z_dim=0"], "error: z_dim"),
        ("mnist", ["--config=couae.py", "--config.data.dir=nowhere"], "train-images-idx3-ubyte"),
    ],
)
def test_a_refusal_of_the_real_command_has_no_traceback_and_exits_with_two(
    dataset, options, sentence, tmp_path
):
    run = command(f"experiments.{dataset}", *options, cwd=tmp_path)
    assert run.returncode == 2
    assert "Traceback" not in run.stderr
    assert sentence in run.stderr


def test_a_changed_config_is_refused_with_the_difference(tmp_path):
    from experiments import folder

    config = {"seed": 0, "family": {"weight": 100.0, "scales": (1.0, 2.0)}, "eval": {"samples": 10}}
    folder.claim(tmp_path / "run", config)
    folder.claim(tmp_path / "run", config | {"eval": {"samples": 20}})
    changed = config | {"family": {"weight": 3.0, "scales": (1.0, 2.0)}}
    with pytest.raises(ValueError, match=r"family\.weight: 100\.0 in the folder, 3\.0 now"):
        folder.claim(tmp_path / "run", changed)
    kept = json.loads((tmp_path / "run" / "config.json").read_text())
    assert kept["family"]["weight"] == 100.0
