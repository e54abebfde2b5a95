"""Runs of every config, and what a config can ask of the loop."""

import json

import numpy as np
import pytest

from coulomb_jax.data import digits
from experiments import command, features, files, preparation, run


def trained(folder, *flags):
    """The results and the lines of metrics of a run on the digits."""
    results = run.train(command.parse("digits", [*flags, "--config.devices=1"]).config, folder)
    return results, [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize("name", files.names())
def test_every_config_runs_on_the_digits(name, tmp_path):
    results, _ = trained(tmp_path, f"--config={name}:tiny")
    assert results["metrics"]["reconstruction_error"] > 0
    assert results["metrics"]["latent_mmd2_error"] > 0
    for figure in ("samples", "reconstructions", "codes", "curves"):
        assert (tmp_path / "figures" / f"{figure}.png").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["wae_mmd", "wae_gan"])
def test_a_stage_that_an_option_adds_has_its_own_steps_and_costs(name, tmp_path, capsys):
    flags = (f"--config={name}.py:tiny", "--config.family.pretrain=True", "--config.steps.pretrain=7")
    results, lines = trained(tmp_path, *flags, "--config.repetitions=2")
    assert results["step"] == 7 + 60
    assert sum("pretrain/loss" in line for line in lines) == 7
    assert set(results["timing"]["steps_per_second"]) == {"pretrain", "train"}
    # Encoder alone, 64-256-256-8, forwards and back but for the gradient in the data; both stages told.
    # Covariances of the codes and of the draws, and two products back.
    weights, first, moments = 64 * 256 + 256 * 256 + 256 * 8, 64 * 256, 4 * 8 * 8
    count = 2 * (2 * 100 * (3 * weights - first + moments)) / 1e6
    said = capsys.readouterr().out
    assert f"pretrain: {count:.3g} MFLOP" in said
    assert "train: " in said.replace("pretrain: ", "")


@pytest.mark.slow
def test_what_is_fitted_at_the_end_is_fitted_for_a_look_during_training_too(tmp_path):
    flags = ("--config=wae_mmd.py:tiny", "--config.sampler.name=bank", "--config.eval.every=20")
    results, lines = trained(tmp_path, *flags)
    looks = {line["step"]: line for line in lines if "eval/latent_mmd2" in line}
    assert sorted(looks) == [20, 40, 60]
    for look in looks.values():  # stored codes follow the codes' law; zeros, as the arrays begin, do not
        assert abs(look["eval/latent_mmd2"][0]) < 4 * look["eval/latent_mmd2_error"][0]
    assert looks[60]["eval/latent_mmd2"] == [results["metrics"]["latent_mmd2"]]


@pytest.mark.slow
def test_what_is_held_out_is_looked_at_every_epoch_and_halves_the_rate(tmp_path):
    flags = ["--config=vae.py:tiny", "--config.validation.examples=200", "--config.average=0.5"]
    plateau = {"schedule": "plateau", "factors": "(0.5,)", "patience": 2, "name": "sgd"}
    flags += [f"--config.optimizers.elbo.{key}={value}" for key, value in plateau.items()]
    _, lines = trained(tmp_path, *flags)
    looks = [line["step"] for line in lines if "train/validation" in line]
    # 1,301 digits are left, in batches of 100.
    assert looks == [0, 13, 26, 39, 52, 60]
    config = command.parse("digits", [*flags, "--config.devices=1"]).config
    sgd = preparation.prepare(config, tmp_path).optimizers["elbo"]
    slope, steps = np.float32(1.0), []
    state = sgd.init(slope)
    for _ in range(3 * 13):
        step, state = sgd.update(slope, state, slope, value=np.float32(7.0))
        steps.append(float(step))
    assert steps.index(steps[-1]) == 2 * 13
    assert steps[-1] == pytest.approx(0.5 * steps[0])


def test_the_last_training_examples_are_held_out_and_no_others_change():
    plain = command.parse("digits", ["--config=vae.py", "--config.validation.examples=200"]).config.to_dict()
    whole, (source,) = digits.load(), preparation.load_sources(plain)
    np.testing.assert_array_equal(source.validation, whole.train[-200:])
    np.testing.assert_array_equal(source.train, whole.train[:-200])
    np.testing.assert_array_equal(source.train_labels, whole.train_labels[:-200])
    np.testing.assert_array_equal(source.test, whole.test)
    np.testing.assert_array_equal(source.test_labels, whole.test_labels)


def test_a_subset_is_of_what_is_not_held_out_and_its_net_of_features_that_of_the_whole(monkeypatch, tmp_path):
    flags = ["--config=vae.py", "--config.validation.examples=200", "--config.subset.examples=150"]
    (whole,) = preparation.load_sources(command.parse("digits", flags[:2]).config.to_dict())
    plain = command.parse("digits", [*flags, "--config.subset.seed=4"]).config.to_dict()
    (few,) = preparation.load_sources(plain)
    np.testing.assert_array_equal(few.train, whole.subset(150, 4).train)
    np.testing.assert_array_equal(few.validation, whole.validation)
    np.testing.assert_array_equal(few.test, whole.test)
    monkeypatch.setattr(features.cache, "default_root", lambda: tmp_path)
    monkeypatch.setattr(
        features.classifier, "train_lenet", lambda file, x, labels: np.save(file.open("wb"), x)
    )
    kept = features.learned(few)
    np.testing.assert_array_equal(np.load(kept), whole.train)
    assert features.learned(whole) == kept


def test_a_run_folder_tells_the_subset_and_takes_no_other(tmp_path):
    flags = ["--config=vae.py:tiny", "--config.devices=1", "--config.subset.examples=150"]

    def run_of(*more):
        return preparation.prepare(command.parse("digits", [*flags, *more]).config, tmp_path)

    assert run_of().description["examples"] == 150
    told = json.loads((tmp_path / "config.json").read_text())
    assert told["subset"] == {"examples": 150, "seed": 0}
    assert told["data"]["fingerprints"] == [digits.load().subset(150, 0).fingerprint]
    with pytest.raises(ValueError, match=r"subset\.seed: 0 in the folder, 5 now"):
        run_of("--config.subset.seed=5")
