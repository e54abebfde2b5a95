"""The wheel holds everything a user needs, and works away from the sources."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_built_wheel_trains_from_another_folder(tmp_path):
    sources, wheels, site = tmp_path / "sources", tmp_path / "wheels", tmp_path / "site"
    for name in ("coulomb_jax", "experiments"):
        shutil.copytree(ROOT / name, sources / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, sources / name)
    pip = [sys.executable, "-m", "pip", "--quiet"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", wheels, sources], check=True)
    (wheel,) = wheels.glob("coulomb_jax-*.whl")
    subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True)
    assert (site / "coulomb_jax" / "py.typed").is_file()
    assert (site / "experiments" / "configs" / "couae.py").is_file()

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    environment = os.environ | {"PYTHONPATH": str(site), "JAX_PLATFORMS": "cpu"}
    program = "import coulomb_jax, experiments; print(coulomb_jax.__file__, experiments.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", program],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.count(str(site)) == 2
    train = [sys.executable, "-m", "experiments.digits", "--config=vae.py:tiny"]
    run = subprocess.run(train, cwd=elsewhere, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert (elsewhere / "runs" / "digits-vae-tiny" / "results.json").is_file()
