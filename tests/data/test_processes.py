"""Several processes: what they import, what a kill leaves, and two first starts at once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from coulomb_jax.data import DataError, cache, celeba, processes
from tests.data import celeba_miniature as mini

ROOT = Path(__file__).parents[2]
COUNT = 600
# No guard of __name__, and an import of jax: what spawned processes must not run again.
PROGRAM = """
import sys
print("started", flush=True)
import jax
from coulomb_jax.data import cache, celeba
cache.CHUNK = 8
source = celeba.load(dir=sys.argv[1], cache=sys.argv[2], workers=2)
print(source.fingerprint, len(source.train) + len(source.test))
"""
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("celeba")
    contents = list(mini.jpegs().values())
    mini.write_zip(folder / "img_align_celeba.zip", {n: contents[n % 24] for n in range(1, COUNT + 1)})
    return folder


@pytest.fixture(scope="module")
def expected(folder, tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "CHUNK", 8)
        return celeba.load(dir=folder, cache=tmp_path_factory.mktemp("expected"), workers=1)


def start(folder, place, tmp_path):
    """The program, with a jax that notes the processes that import it."""
    (tmp_path / "jax.py").write_text(
        f"import os\nopen({str(tmp_path / 'imports')!r}, 'a').write(f'{{os.getpid()}}\\n')"
    )
    (tmp_path / "program.py").write_text(PROGRAM)
    return subprocess.Popen(
        [sys.executable, tmp_path / "program.py", folder, place],
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def children(pid):
    return [int(line) for line in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_the_program_is_not_run_again_and_jax_not_imported(folder, expected, tmp_path):
    program = start(folder, tmp_path / "cache", tmp_path)
    output, errors = program.communicate(timeout=120)
    assert output.split() == ["started", expected.fingerprint, str(COUNT)], errors
    assert (tmp_path / "imports").read_text() == f"{program.pid}\n"
    assert f"{COUNT}/{COUNT}" in errors


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="processes are looked up in /proc")
def test_a_killed_build_resumes_and_leaves_no_process_behind(folder, expected, tmp_path):
    place = tmp_path / "cache"
    program = start(folder, place, tmp_path)
    while not any(path.read_text().count("\n") >= 3 for path in place.glob("*/progress.jsonl")):
        assert program.poll() is None, program.communicate()
        time.sleep(0.002)
    started = children(program.pid)
    program.send_signal(signal.SIGKILL)
    program.wait()
    assert len(started) >= 2
    (progress,) = place.glob("*/progress.jsonl")
    finished = progress.read_text().count("\n")
    assert 3 <= finished < COUNT // 8
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() for pid in started):
        assert time.monotonic() < deadline, "processes outlive their killed parent"
        time.sleep(0.01)

    decoded = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "CHUNK", 8)
        patch.setattr(
            processes,
            "run",
            lambda work, tasks, workers: decoded.extend(tasks) or (work(*task) for task in tasks),
        )
        source = celeba.load(dir=folder, cache=place)
    assert len(decoded) == COUNT // 8 - finished
    assert source.fingerprint == expected.fingerprint
    np.testing.assert_array_equal(source.train, expected.train)
    np.testing.assert_array_equal(source.test, expected.test)


def test_two_first_starts_at_once_give_one_whole_cache(folder, expected, tmp_path):
    place = tmp_path / "cache"
    both = [start(folder, place, tmp_path) for _ in range(2)]
    outputs = [program.communicate(timeout=120) for program in both]
    assert [output.split()[1:] for output, _ in outputs] == [[expected.fingerprint, str(COUNT)]] * 2
    # One of them decodes; the other waits and shows no progress.
    assert sum(f"{COUNT}/{COUNT}" in errors for _, errors in outputs) == 1
    (folder,) = place.iterdir()
    np.testing.assert_array_equal(np.load(folder / "images.npy"), [*expected.train, *expected.test])


def test_an_error_in_a_process_arrives_as_it_is(tmp_path):
    contents = mini.jpegs()
    mini.write_zip(tmp_path / "img_align_celeba.zip", contents | {5: contents[5][:2000]})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache, "CHUNK", 4)
        with pytest.raises(DataError, match=r"000005.jpg in .* decoding it failed: .*truncated"):
            celeba.load(dir=tmp_path, cache=tmp_path / "cache", workers=2)


def test_a_killed_process_is_reported():
    with pytest.raises(DataError, match=r"2 processes must compute .* one was killed, .* fewer workers"):
        list(processes.run(os._exit, [(1,), (1,)], 2))


def test_results_of_all_tasks_come():
    assert sorted(processes.run(divmod, [(7, 2), (9, 2), (1, 2)], 2)) == [(0, 1), (3, 1), (4, 1)]
    assert list(processes.run(divmod, [(7, 2)], 0)) == [(3, 1)]
    assert list(processes.run(divmod, [], 0)) == []
