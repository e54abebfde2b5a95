"""The same function over many tasks, in several processes that import as little as they can."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import types
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing.connection import wait
from typing import Any

from coulomb_jax.data.source import DataError

_work: Callable[..., Any]


def run(work: Callable[..., Any], tasks: Sequence[tuple], workers: int) -> Iterator[Any]:
    """The results of `work(*task)` for every task, as they come.

    Args:
      work: a function of a module, or an object that can be pickled; sent once to each process.
      tasks: arguments.
      workers: how many processes; 0 for one a core, 1 for this very process.

    Raises:
      DataError: a process was killed.
      Whatever `work` raises first; tasks that are not begun are dropped.
    """
    workers = min(workers or cores(), len(tasks))
    if workers <= 1:
        yield from (work(*task) for task in tasks)
        return
    # Spawned, as a fork of a process with jax' threads can hang.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(work,))
    try:
        with _no_main_module():  # every process starts at a submission
            running = [pool.submit(_one, task) for task in tasks]
        for future in as_completed(running):
            yield future.result()
    except BrokenProcessPool as error:
        raise DataError(
            f"{workers} processes must compute side by side, but one was killed, perhaps for want of memory; "
            "what they finished is kept: start again, with fewer workers"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _no_main_module() -> Iterator[None]:
    """Keeps spawned processes from running the program's own file.

    They would import all that it imports, jax among it, and without the guard of `__name__` start
    the program over again. What they run is of this package, so that they can do without.
    """
    main = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _begin(work: Callable[..., Any]) -> None:
    global _work
    _work = work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to answer
    # A process that outlives a killed parent would wait for tasks for ever.
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    wait([multiprocessing.parent_process().sentinel])
    os._exit(1)


def _one(task: tuple) -> Any:
    return _work(*task)
