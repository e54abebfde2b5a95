"""When processes look for one another, and what is said where they cannot find each other."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import jax
import pytest

import coulomb_jax
from coulomb_jax.train import hosts

OF_A_CLUSTER = ("SLURM_", "OMPI_", "TPU_", "JAX_COORDINATOR")
STEP = {"SLURM_JOB_ID": "7", "SLURM_STEP_NODELIST": "n1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}
TPU = {"libtpu": "installed"}


@pytest.fixture
def environment(monkeypatch):
    def change(variables):
        for name in [name for name in os.environ if name.startswith(OF_A_CLUSTER)]:
            monkeypatch.delenv(name)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        found = object() if "libtpu" in variables else None
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)

    return change


@pytest.mark.parametrize(
    ("variables", "several"),
    [
        ({}, False),
        ({"SLURM_JOB_ID": "7", "SLURM_NTASKS": "4"}, False),
        (STEP | {"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "1"}, False),
        (STEP | {"SLURM_NTASKS": "4", "SLURM_STEP_NUM_TASKS": "4"}, True),
        ({"OMPI_COMM_WORLD_SIZE": "1"}, False),
        ({"OMPI_COMM_WORLD_SIZE": "2"}, True),
        ({"TPU_WORKER_HOSTNAMES": "a,b"}, False),
        ({"TPU_SKIP_MDS_QUERY": "1"}, False),
        (TPU | {"TPU_SKIP_MDS_QUERY": "1"}, False),
        (TPU, True),
        (TPU | {"TPU_WORKER_HOSTNAMES": "a"}, False),
        (TPU | {"TPU_WORKER_HOSTNAMES": "a,b", "TPU_SKIP_MDS_QUERY": "1"}, True),
        (TPU | {"TPU_PROCESS_ADDRESSES": "local"}, False),
        (TPU | {"TPU_PROCESS_ADDRESSES": "a:1,b:1", "TPU_SKIP_MDS_QUERY": "1"}, True),
        # jax asks the first of them first.
        (TPU | {"TPU_PROCESS_ADDRESSES": "local", "TPU_WORKER_HOSTNAMES": "a,b"}, False),
    ],
    ids=str,
)
def test_jax_looks_for_others_where_several_were_started(variables, several, environment, monkeypatch):
    asked = []
    monkeypatch.setattr(jax.distributed, "initialize", lambda: asked.append(True))
    environment(variables)
    hosts.meet(None, None, None)
    assert asked == [True] * several


@pytest.mark.parametrize(
    "failure", [ValueError("none is defined"), RuntimeError("timed out"), OSError("no metadata")], ids=repr
)
def test_others_that_jax_cannot_find_are_explained(failure, environment, monkeypatch):
    def initialize():
        raise failure

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    environment({"OMPI_COMM_WORLD_SIZE": "2"})
    expected = (
        rf"cannot find the others: {failure}; .* srun, .*--coordinator=HOST:PORT --processes=N --process=I"
    )
    with pytest.raises(ValueError, match=expected):
        hosts.meet(None, None, None)


def test_a_tpu_whose_metadata_tell_of_nobody_trains_alone(environment, monkeypatch, capsys):
    def initialize():
        raise RuntimeError("no metadata server")

    monkeypatch.setattr(jax.distributed, "initialize", initialize)
    environment(TPU)
    hosts.meet(None, None, None)
    assert "trains alone: no metadata server" in capsys.readouterr().err


def test_open_mpi_5_is_told_what_to_give(tmp_path):
    root = str(Path(coulomb_jax.__file__).parent.parent)
    ours = {name: value for name, value in os.environ.items() if not name.startswith(OF_A_CLUSTER)}
    run = subprocess.run(
        [sys.executable, "-m", "experiments.grid", "--config=couae.py:tiny"],
        cwd=tmp_path,
        env=ours | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": root, "OMPI_COMM_WORLD_SIZE": "2"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 2
    assert "give each --coordinator=HOST:PORT --processes=N --process=I" in run.stderr
    assert "Traceback" not in run.stderr
