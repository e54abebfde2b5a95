"""What a run tells while it trains: a progress bar, `metrics.jsonl`, TensorBoard events."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from tensorboardX import SummaryWriter
from tqdm import tqdm


class Log:
    """The metrics of a run, to the screen and to files.

    Args:
      folder: of the run, or None for a silent log. `metrics.jsonl` gets a line a call, its values numbers,
        or lists of one a repetition; TensorBoard events get means over repetitions.
      quiet: no progress bar.

    Attributes:
      played: by stage the steps after its first call, whose time is mostly compilation, and their seconds.
    """

    def __init__(self, folder: str | Path | None, *, quiet: bool = False):
        self._folder = None if folder is None else Path(folder)
        self._quiet = quiet or folder is None
        self.played: dict[str, tuple[int, float]] = {}

    def begin(self, step: int, total: int) -> None:
        """Opens the files at a step, forgetting lines of a cut-off run beyond it."""
        self._step, self._stage, self._compiled = step, "", False
        self._bar = tqdm(
            total=total,
            initial=step,
            unit="step",
            desc="compiling",
            disable=self._quiet,
            dynamic_ncols=True,
            smoothing=0.1,
            mininterval=0.2 if sys.stderr.isatty() else 15.0,
            bar_format="{desc} {percentage:3.0f}%|{bar:20}| {n_fmt}/{total_fmt} "
            "[{elapsed}<{remaining}, {rate_fmt}{postfix}]",
        )
        self._lines = self._events = None
        if self._folder is not None:
            path = self._folder / "metrics.jsonl"
            kept = [record for record in read(path) if record["step"] <= step]
            path.write_text("".join(json.dumps(record) + "\n" for record in kept))
            self._lines = path.open("a")
            self._events = SummaryWriter(str(self._folder / "events"), purge_step=step + 1)
        self._since = time.perf_counter()

    def write(self, step: int, metrics: dict[str, np.ndarray]) -> None:
        """Logs the means over the steps since the last call.

        Args:
          step: the last step of them, counted from 1.
          metrics: `[(repetitions,) steps]` by name.
        """
        now = time.perf_counter()
        rate = (step - self._step) / max(now - self._since, 1e-9)
        if self._compiled:
            steps, seconds = self.played.get(self._stage, (0, 0.0))
            self.played[self._stage] = steps + step - self._step, seconds + now - self._since
        else:
            self._compiled = True
            self._bar.set_description_str("training", refresh=False)
        values = {name: np.mean(v, axis=-1) for name, v in metrics.items()}
        if self._lines is not None:
            line = {"step": step, "steps_per_second": round(rate, 2)}
            line |= {k: v.tolist() for k, v in values.items()}
            self._lines.write(json.dumps(line) + "\n")
            self._lines.flush()
            for name, value in values.items():
                self._events.add_scalar(name, float(np.mean(value)), step)
        terms = {k.split("/")[-1]: f"{np.mean(v):.4g}" for k, v in values.items()}
        self._bar.set_postfix(terms, refresh=False)
        self._bar.update(step - self._step)
        self._step, self._since = step, now

    def note(self, step: int, values: Mapping[str, float | Sequence[float]]) -> None:
        """Logs what was measured of the state at a step, numbers or one a repetition by name."""
        self._since = time.perf_counter()  # measuring is no training
        if self._lines is None:
            return
        plain = {name: np.asarray(value, float).tolist() for name, value in values.items()}
        self._lines.write(json.dumps({"step": step} | plain) + "\n")
        self._lines.flush()
        for name, value in plain.items():
            self._events.add_scalar(name, float(np.mean(value)), step)

    def enter(self, stage: str) -> None:
        """What is written from here on is of this stage, whose program is compiled in its first call."""
        self._stage, self._compiled = stage, False
        self._since = time.perf_counter()

    def skip(self, step: int) -> None:
        """The steps up to this one are not played: their stage has ended early."""
        self._bar.update(step - self._step)
        self._step = step

    def __enter__(self) -> Log:
        return self

    def __exit__(self, *failure) -> None:
        self._bar.update(max(0, self._bar.total - self._bar.n) if failure[0] is None else 0)
        self._bar.close()
        if self._lines is not None:
            self._lines.close()
            self._events.close()


def read(path: Path) -> list[dict]:
    """The records of a `metrics.jsonl`; a last line that a kill tore is left out."""
    lines = path.read_text().splitlines() if path.exists() else []
    records = []
    for place, line in enumerate(lines, start=1):
        try:
            records.append(json.loads(line))
        except json.JSONDecodeError:
            if place < len(lines):
                raise
    return records
