"""A trace of a few calls of the device, for `benchmarks/gaps.py` and for Perfetto or XProf."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

FIRST = 1
"""The call at which the trace begins, of those that come here: one warms up what is compiled."""

CALLS = 5
"""How many calls it holds; fewer where the run ends before."""


class Profile:
    """Calls a launched step, and records some of the calls into a folder.

    Args:
      folder: where the trace goes, made when it is written; None for no trace.

    Leave it through `with`, so that a run that ends within the trace writes it all the same.
    """

    def __init__(self, folder: str | Path | None):
        self._folder = folder
        self._calls, self._tracing = 0, False

    def call(self, run: Callable, *arguments) -> Any:
        """What `run(*arguments)` gives; the device is waited for where the trace begins and ends."""
        if self._folder is None:
            return run(*arguments)
        if self._calls == FIRST:
            jax.block_until_ready(arguments)
            options = jax.profiler.ProfileOptions()
            options.python_tracer_level = 0  # the interpreter's own calls would fill the trace
            jax.profiler.start_trace(str(self._folder), profiler_options=options)
            self._tracing = True
        with jax.profiler.StepTraceAnnotation("call", step_num=self._calls):
            results = run(*arguments)
        self._calls += 1
        if self._calls == FIRST + CALLS:
            jax.block_until_ready(results)
            self._stop()
        return results

    def __enter__(self) -> Profile:
        return self

    def __exit__(self, *failure) -> None:
        if self._folder is not None and self._calls <= FIRST and failure[0] is None:
            print(
                f"no trace is written: it begins at the device's call {FIRST + 2}, before which the run has "
                "ended; lower --config.dispatch",
                file=sys.stderr,
            )
        self._stop()

    def _stop(self) -> None:
        if self._tracing:
            jax.profiler.stop_trace()
        self._tracing = False
