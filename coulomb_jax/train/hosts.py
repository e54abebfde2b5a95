"""Several processes as one run: how they meet, who writes, and what they must agree on.

Every process plays the same steps on its own devices. The first one alone reads and writes the run
folder. With one process everything here does nothing.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import sys

import jax
import numpy as np
from jax.experimental import multihost_utils


def meet(coordinator: str | None, processes: int | None, process: int | None) -> None:
    """Joins the processes of a run, before anything else is asked of jax.

    With none of the three, it looks for Slurm, Open MPI or a TPU pod, whose processes find each other;
    elsewhere the process stays alone.

    Args:
      coordinator: address and port of the first process, as "10.0.0.1:1234".
      processes: how many there are.
      process: which of them this is, from 0.

    Raises:
      ValueError: one of the three is missing, or out of its range; or several processes were started,
        and jax cannot find the others.
    """
    given = (coordinator, processes, process)
    if all(value is None for value in given):
        if (several := _started_together()) is not False:
            _find_the_others(sure=several is True)
        return
    if any(value is None for value in given):
        raise ValueError(
            "several processes take --coordinator=HOST:PORT, --processes=N and --process=I, all three; "
            "give the missing ones"
        )
    if not 0 <= process < processes:
        raise ValueError(f"a process is one of 0 to {processes - 1}, not {process}; change --process")
    jax.distributed.initialize(coordinator, processes, process)


def first() -> bool:
    """Whether this process is the one that reads, writes and speaks."""
    return jax.process_index() == 0


def from_first(tree):
    """The first process's arrays, in every process; all give trees of the same shapes."""
    return tree if jax.process_count() == 1 else multihost_utils.broadcast_one_to_all(tree)


def in_any(flag: bool) -> bool:
    """Whether it holds in any process."""
    return bool(in_any_soon(flag))


def in_any_soon(flag: bool) -> bool | jax.Array:
    """The same, as an array that is known when the devices get to it: asking does not wait for them."""
    if jax.process_count() == 1:
        return flag
    return _largest()(np.full(jax.local_device_count(), flag, np.int32))


def wait() -> None:
    """Waits until every process is here."""
    if jax.process_count() > 1:
        multihost_utils.sync_global_devices("coulomb_jax")


@functools.cache
def _largest():
    return jax.pmap(lambda flag: jax.lax.pmax(flag, "everywhere"), "everywhere", out_axes=None)


def _find_the_others(*, sure: bool) -> None:
    try:
        jax.distributed.initialize()
    except (OSError, RuntimeError, ValueError) as error:  # of the variables, the network, the metadata server
        if not sure:
            print(f"no other process is found, and this one trains alone: {error}", file=sys.stderr)
            return
        raise ValueError(
            f"this looks like one of several processes, but jax cannot find the others: {error}; start them "
            "with srun, or give each --coordinator=HOST:PORT --processes=N --process=I, which with "
            "--processes=1 --process=0 also tells a process that it is alone"
        ) from error


def _started_together() -> bool | None:
    """Whether this is one of several processes that jax can find by itself; None where it alone can tell."""
    # Not SLURM_NTASKS: sbatch and salloc set it too, around a command that srun did not start.
    sizes = ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")
    if any(int(os.environ.get(name, "1")) > 1 for name in sizes):
        return True
    if importlib.util.find_spec("libtpu") is None:
        return False
    # On Kubernetes. One host in them is alone, and may bear a name that leads nowhere.
    for name in ("TPU_PROCESS_ADDRESSES", "TPU_WORKER_HOSTNAMES"):
        if hosts := os.environ.get(name):
            return "," in hosts
    # Where there is no TPU, importing jax sets it. On Google Cloud only the metadata server
    # knows whether there are others; one alone meets itself.
    return False if "TPU_SKIP_MDS_QUERY" in os.environ else None
