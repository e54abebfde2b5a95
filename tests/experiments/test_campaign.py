"""What takes minutes: learning at the default presets, and kills at random moments."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import coulomb_jax
from tests.experiments import scores

ROOT = Path(__file__).parents[2]
ENVIRONMENT = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}

# "slow" too, so that -m "not slow" leaves them out.
pytestmark = [pytest.mark.campaign, pytest.mark.slow]


def trained(folder, dataset, *flags):
    line = [sys.executable, "-m", f"experiments.{dataset}", *flags, f"--workdir={folder}"]
    subprocess.run(line, env=ENVIRONMENT, check=True, capture_output=True, timeout=1200)
    return json.loads((folder / "results.json").read_text())


def test_the_default_couae_reaches_the_goal_on_the_grid_over_three_seeds(tmp_path):
    results = trained(tmp_path / "run", "grid", "--config=couae.py", "--config.repetitions=3")
    assert results["metrics"]["log_likelihood"] >= -4.6
    # No model beats the bound by more than the score's sampling error.
    assert max(r["log_likelihood_best_on_test"] for r in results["repetitions"]) < -3.7


@pytest.mark.parametrize("name", ["couae.py", "wae_mmd.py", "vae.py", "autoencoder.py"])
def test_every_family_learns_the_digits(name, tmp_path):
    few = ("--config.steps.train=3000", f"--config={name}")
    trained(tmp_path / "run", "digits", *few)
    ours, normal = (
        scores.of_samples(coulomb_jax.load(tmp_path / "run").sample(0, 2000)),
        scores.of_a_normal_law(),
    )
    assert ours > normal + 0.5, (ours, normal)


def test_a_run_killed_at_random_moments_ends_bit_for_bit_the_same(tmp_path):
    flags = ["--config=couae.py", "--config.steps.train=20000", "--config.dispatch=500"]
    flags += ["--config.checkpoint.every=1000", "--config.eval.samples=1000"]
    whole = trained(tmp_path / "whole", "grid", *flags)
    line = [sys.executable, "-m", "experiments.grid", *flags, f"--workdir={tmp_path / 'killed'}"]
    moments = random.Random(0)
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT):
        run = subprocess.Popen(line, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        time.sleep(moments.uniform(5.0, 9.0))
        run.send_signal(number)
        run.communicate(timeout=120)
    killed = trained(tmp_path / "killed", "grid", *flags)
    assert killed["metrics"] == whole["metrics"]
    a, b = (coulomb_jax.load(tmp_path / name).params for name in ("whole", "killed"))
    for net in a:
        for layer in a[net]:
            np.testing.assert_array_equal(a[net][layer]["kernel"], b[net][layer]["kernel"])
