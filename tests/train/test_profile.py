"""Traces: when one is taken, and the gaps that `benchmarks/gaps.py` finds in it."""

import gzip
import json
import os
import time

import jax
import jax.numpy as jnp
import pytest

from benchmarks import gaps
from coulomb_jax.train import profile


def trace(processes):
    """A trace of (start, duration, name) by line by process, as the profiler writes it."""
    events = []
    for pid, (process, lines) in enumerate(processes.items()):
        events.append({"ph": "M", "pid": pid, "name": "process_name", "args": {"name": process}})
        events.append({"ph": "M", "pid": pid, "name": "process_sort_index", "args": {"sort_index": 3}})
        for tid, (line, spans) in enumerate(lines.items()):
            events.append({"ph": "M", "pid": pid, "tid": tid, "name": "thread_name", "args": {"name": line}})
            for start, duration, name, *more in spans:
                event = {"ph": "X", "pid": pid, "tid": tid, "ts": start, "dur": duration, "name": name}
                events.append(event | ({"args": more[0]} if more else {}))
    return {"traceEvents": [*events, {}]}


def test_gaps_are_what_no_interval_covers():
    # Overlapping, nested, touching; gaps of 5 and 20 in 0 to 60.
    intervals = [(30.0, 40.0), (0.0, 10.0), (2.0, 4.0), (8.0, 25.0), (60.0, 60.0), (38.0, 40.0)]
    assert gaps.gaps(intervals) == (60.0, [(25.0, 30.0), (40.0, 60.0)])
    assert gaps.gaps([(3.0, 4.0)]) == (1.0, [])


def test_what_counts_as_running_on_each_kind_of_device():
    everything = {
        "/host:CPU": {"python": [(0, 1000, "PjitFunction(step)"), (0, 1000, "call")]},
        "/device:GPU:0": {
            "Stream #1(Compute)": [(10, 10, "gemm"), (40, 10, "conv")],
            "Stream #2(MemcpyH2D)": [(20, 20, "copy")],
            "Stream #3(Compute,MemcpyD2D)": [(15, 10, "relu")],
            "XLA Modules": [(0, 100, "jit_step")],
            "Steps": [(0, 100, "0")],
        },
        "/device:TPU:1": {"XLA Ops": [(5, 5, "fusion")], "XLA Modules": [(0, 50, "jit_step")]},
    }
    found = gaps.running(trace(everything))
    assert set(found) == {"/device:GPU:0", "/device:TPU:1"}
    assert gaps.gaps(found["/device:GPU:0"]) == (40, [(25, 40)])
    assert found["/device:TPU:1"] == [(5, 10)]
    executor = {
        "tf_XLAPjRtCpuClient/1": [
            (0, 10, "ThunkExecutor::Execute"),
            (60, 1e-6, "ThreadpoolListener::Record"),
        ],
        "tf_XLAEigen/2": [(8, 7, "dot", {"hlo_op": "dot"}), (25, 5, "fusion", {"hlo_op": "fusion"})],
    }
    found = gaps.running(trace({"/host:CPU": everything["/host:CPU"] | executor}))
    assert gaps.gaps(found["/host:CPU"]) == (30, [(15, 25)])


def test_the_newest_trace_is_printed(tmp_path, monkeypatch, capsys):
    for age, (name, end) in enumerate([("a", 1000), ("b", 2000)]):
        path = tmp_path / name / "vm.trace.json.gz"
        path.parent.mkdir()
        spans = [(0, 500, "dot"), (end - 500, 500, "dot")]
        content = json.dumps(trace({"/device:TPU:0": {"XLA Ops": spans}}))
        path.write_bytes(gzip.compress(content.encode()))
        os.utime(path, (age, age))
    monkeypatch.setattr("sys.argv", ["gaps.py", str(tmp_path)])
    gaps.main()
    told = "/device:TPU:0: idle 50.00 % of 2.0 ms, 2 operations, longest gaps 1000 us"
    assert told in capsys.readouterr().out
    monkeypatch.setattr("sys.argv", ["gaps.py", str(tmp_path / "a" / "none")])
    with pytest.raises(SystemExit, match=r"--config\.profile=True"):
        gaps.main()


@pytest.mark.slow
def test_a_trace_of_some_calls_shows_the_waiting_between_them(tmp_path):
    waits = 0.05

    @jax.jit
    def step(x):
        return jax.lax.fori_loop(0, 20, lambda _, x: jnp.tanh(x @ x), x)

    x = jnp.eye(300)
    with profile.Profile(tmp_path) as traced:
        for call in range(profile.FIRST + profile.CALLS + 2):
            assert any(tmp_path.rglob("*.trace.json.gz")) == (call >= profile.FIRST + profile.CALLS)
            x = jax.block_until_ready(traced.call(step, x))
            time.sleep(waits)
    with gzip.open(gaps.newest(tmp_path)) as file:
        written = json.load(file)
    calls = [event for event in written["traceEvents"] if event.get("name") == "call"]
    assert [e["args"]["step_num"] for e in calls] == [str(profile.FIRST + i) for i in range(profile.CALLS)]
    span, empty = gaps.gaps(gaps.running(written)["/host:CPU"])
    sleeps = [stop - start for start, stop in empty if stop - start > 0.9e6 * waits]
    assert len(sleeps) == profile.CALLS - 1
    assert sum(sleeps) < span


def test_a_run_that_ends_within_the_trace_writes_it_and_none_is_written_unasked(tmp_path):
    with profile.Profile(tmp_path / "short") as traced:
        for _ in range(profile.FIRST + 1):
            traced.call(jnp.sin, jnp.ones(3))
    assert gaps.newest(tmp_path / "short")
    with profile.Profile(None) as traced:
        assert [float(traced.call(jnp.square, 3.0)) for _ in range(9)] == [9.0] * 9
    assert [path.name for path in tmp_path.iterdir()] == ["short"]


def test_a_run_that_ends_before_the_trace_says_so(tmp_path, capsys):
    with profile.Profile(tmp_path) as traced:
        traced.call(jnp.sin, jnp.ones(3))
    assert "no trace is written" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
