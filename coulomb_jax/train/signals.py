"""Signals that ask a run to stop."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager


class Interrupted(Exception):
    """Training was asked to stop (SIGINT or SIGTERM) and has saved what it had."""


@contextmanager
def stop_signals():
    """Turns SIGINT and SIGTERM into a question asked between calls; a second SIGINT interrupts."""
    seen = []
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return

    def remember(number, frame):
        if seen and number == signal.SIGINT:
            raise KeyboardInterrupt
        seen.append(number)

    before = {s: signal.signal(s, remember) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(seen)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
