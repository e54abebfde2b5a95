"""The share of time in which a device waits for the host: `python benchmarks/gaps.py runs/<run>/profile`.

Reads the newest trace that `--config.profile=True` wrote into the folder and prints, for every device, how
much of the time between its first and its last operation nothing ran on it, and the longest such gaps. What
counts as running: on a GPU the kernels of its compute streams (a step that waits for a copy from the host is
a gap), on a TPU its operations, on a CPU what XLA's executor runs, on whatever thread.
"""

from __future__ import annotations

import argparse
import gzip
import json
from collections import defaultdict
from pathlib import Path

Interval = tuple[float, float]


def newest(folder: Path) -> Path:
    """The trace of a folder that was written last."""
    traces = sorted(folder.rglob("*.trace.json.gz"), key=lambda path: path.stat().st_mtime)
    if not traces:
        raise SystemExit(f"{folder} has no *.trace.json.gz in it; train with --config.profile=True")
    return traces[-1]


def running(trace: dict) -> dict[str, list[Interval]]:
    """Start and end in microseconds of what ran, by device."""
    events = trace["traceEvents"]
    named = [event for event in events if event.get("ph") == "M" and "name" in event.get("args", {})]
    processes = {e["pid"]: e["args"]["name"] for e in named if e["name"] == "process_name"}
    threads = {(e["pid"], e["tid"]): e["args"]["name"] for e in named if e["name"] == "thread_name"}
    found = defaultdict(list)
    for event in events:
        if event.get("ph") != "X":
            continue
        process = processes.get(event["pid"], "")
        thread = threads.get((event["pid"], event["tid"]), "")
        if process.startswith("/device:"):
            # The lines of whole programs and steps reach over the gaps within them.
            counts = thread == "XLA Ops" if ":TPU:" in process else _computes(thread)
        else:
            counts = event["name"].startswith("ThunkExecutor::Execute") or "hlo_op" in event.get("args", {})
        if counts:
            found[process].append((event["ts"], event["ts"] + event["dur"]))
    return dict(found)


def _computes(stream: str) -> bool:
    """Whether a GPU's line is a stream that does more than copy between host and device."""
    return stream.startswith("Stream") and ("Compute" in stream or "Memcpy" not in stream)


def gaps(intervals: list[Interval]) -> tuple[float, list[Interval]]:
    """Time from the first start to the last end, and the parts of it that no interval covers."""
    intervals = sorted(intervals)
    begin = end = intervals[0][0]
    empty = []
    for start, stop in intervals:
        if start > end:
            empty.append((end, start))
        end = max(end, stop)
    return end - begin, empty


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition(":")[0])
    parser.add_argument("folder", type=Path)
    path = newest(parser.parse_args().folder)
    with gzip.open(path) as file:
        found = running(json.load(file))
    if not found:
        raise SystemExit(f"{path} holds no operation of a device; trace more calls")
    print(path)
    for device, intervals in sorted(found.items()):
        span, empty = gaps(intervals)
        lengths = sorted((stop - start for start, stop in empty), reverse=True)
        longest = ", ".join(f"{length:.0f}" for length in lengths[:3]) or "none"
        share = sum(lengths) / span if span else 0.0
        print(
            f"{device}: idle {100 * share:.2f} % of {span / 1e3:.1f} ms, {len(intervals)} operations, "
            f"longest gaps {longest} us"
        )


if __name__ == "__main__":
    main()
