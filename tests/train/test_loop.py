"""The loop: equivalence of launches, resuming, stopping, and what it refuses."""

import json
import os
import signal

import chex
import jax
import numpy as np
import optax
import pytest

from coulomb_jax.data import grid
from coulomb_jax.density import gaussian
from coulomb_jax.train.checkpoint import Checkpoints
from coulomb_jax.train.finite import Diverged
from coulomb_jax.train.log import Log
from coulomb_jax.train.loop import Plan, steps_a_call, train
from coulomb_jax.train.signals import Interrupted
from tests.families import table

POINTS = grid.load(seed=0).train
PIXELS = np.random.default_rng(0).integers(0, 256, (120, 8, 8, 1), np.uint8)


def run(row, *, data=POINTS, steps=12, devices=1, seeds=(0,), dispatch=5, save_every=1000, **more):
    stages = {s.name: steps for s in row.family.stages if hasattr(s, "updates")}
    plan = Plan(stages, 40, seeds, dispatch, save_every)
    more = {"pixel_range": row.x_range} | more
    return train(row.family, row.optimizers, data, plan, devices=jax.local_devices()[:devices], **more)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "devices", "transport"), [("couae.py", 8, "parts"), ("vae.py", 2, "stream")]
)
def test_devices_share_the_batch_and_give_the_result_of_one(name, devices, transport):
    # Batch statistics, the MMD and the noise are all those of the whole batch.
    row = table.row(name, "digits", net="dcgan", optimizer="sgd")
    start, one = run(row, data=PIXELS, steps=0), run(row, data=PIXELS, steps=3)
    many = run(row, data=PIXELS, steps=3, devices=devices, transport=transport)
    table.assert_same_training(start, one, many)


def test_the_number_of_steps_a_call_does_not_matter():
    row = table.row("couae.py", "grid", optimizer="sgd")
    table.assert_same_training(run(row, steps=0), run(row, dispatch=12), run(row, dispatch=3))


@pytest.mark.parametrize(
    ("config", "net", "steps"),
    [
        ("couae.py", "mlp", 100),
        ("vamp_vae.py", "mlp", 100),
        ("couae.py", "dcgan", 1),
        ("flex_ae.py:smoothing", "mlp", 1),
    ],
)
def test_convolutions_of_any_net_are_kept_out_of_loops_on_a_cpu_alone(config, net, steps):
    family = table.row(config, "digits", net=net).family
    assert steps_a_call(family, "cpu") == steps
    assert steps_a_call(family, "gpu") == 100


def test_every_transport_gives_the_identical_run():
    # To the last bit: what differs is how the same bytes reach the same program.
    row = table.row("vae.py", "digits")
    whole, *others = (run(row, data=PIXELS, transport=way) for way in ("whole", "parts", "stream"))
    for other in others:
        chex.assert_trees_all_equal(jax.tree.map(np.asarray, whole), jax.tree.map(np.asarray, other))


@pytest.mark.slow
@pytest.mark.parametrize("own_data", [False, True])
def test_a_repetition_is_the_run_of_its_own_seed(own_data):
    row = table.row("couae.py", "grid", optimizer="sgd")
    sets = [grid.load(seed=seed).train if own_data else POINTS for seed in (3, 4)]
    both = run(row, data=np.stack(sets) if own_data else POINTS, seeds=(3, 4))
    for r, seed in enumerate((3, 4)):
        start, alone = (run(row, data=sets[r], seeds=(seed,), steps=steps) for steps in (0, 12))
        table.assert_same_training(start, alone, jax.tree.map(lambda a, r=r: np.asarray(a)[r], both))


@pytest.mark.parametrize("name", ["couae.py", "autoencoder.py"])
def test_a_run_that_is_cut_off_and_resumed_ends_bit_for_bit_the_same(name, tmp_path):
    row = table.row(name, "grid")
    whole = run(row, steps=20)

    class Cut(Exception):
        pass

    class CutLog(Log):
        def write(self, step, metrics):
            if step > 12:
                raise Cut

    checkpoints = Checkpoints(tmp_path / "checkpoints")
    with pytest.raises(Cut):
        run(row, steps=20, save_every=10, checkpoints=checkpoints, log=CutLog(None))
    checkpoints.close()
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    assert checkpoints.latest() == 10
    resumed = run(row, steps=20, save_every=10, checkpoints=checkpoints)
    chex.assert_trees_all_equal(jax.tree.map(np.asarray, whole), jax.tree.map(np.asarray, resumed))
    last = 21 if name == "autoencoder.py" else 20
    assert checkpoints.latest() == last
    checkpoints.close()


def test_a_finished_run_is_restored_and_not_trained_again(tmp_path):
    row = table.row("autoencoder.py", "grid")
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    done = run(row, checkpoints=checkpoints)
    checkpoints.close()
    log = Log(tmp_path, quiet=True)
    again = run(row, checkpoints=Checkpoints(tmp_path / "checkpoints"), log=log)
    chex.assert_trees_all_equal(jax.tree.map(np.asarray, done), jax.tree.map(np.asarray, again))
    assert (tmp_path / "metrics.jsonl").read_text() == ""


def test_a_fit_is_made_from_the_codes_of_the_training_set():
    row = table.row("autoencoder.py", "grid")
    state = run(row)
    from coulomb_jax.model import Model

    z = Model(row.family, state.params, state.stats).encode(POINTS)
    fitted = state.params["gaussian"]
    np.testing.assert_allclose(fitted["mean"], z.mean(0), rtol=1e-4, atol=1e-5)
    covariance = np.cov(z.T.astype(np.float64), bias=True)
    np.testing.assert_allclose(fitted["factor"] @ fitted["factor"].T, covariance, rtol=1e-3, atol=1e-4)
    drawn = gaussian.sample(jax.random.key(0), 200_000, **fitted)
    np.testing.assert_allclose(np.cov(drawn.T), covariance, rtol=0.03, atol=0.03)


def test_a_term_that_is_not_finite_stops_the_run_and_is_named(tmp_path):
    row = table.row("couae.py", "grid")
    data = POINTS.copy()
    data[:] = 1e30  # its square overflows float32
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(Diverged, match=r"autoencoder/reconstruction is inf at step 1 \(seed 0\)"):
        run(row, data=data, save_every=1, checkpoints=checkpoints)
    assert checkpoints.latest() is None


def test_parameters_that_are_not_finite_are_not_saved(tmp_path):
    # The loss of the only step is finite; what it does to the parameters is not.
    row = table.row("couae.py", "grid")
    row = row._replace(optimizers={"autoencoder": optax.sgd(3e38)})
    with Checkpoints(tmp_path) as checkpoints:
        with pytest.raises(Diverged, match=r"parameters of (encoder|decoder) are not finite after step 1"):
            run(row, steps=1, checkpoints=checkpoints)
        assert checkpoints.latest() is None


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_saves_and_stops(number, tmp_path):
    row = table.row("couae.py", "grid")

    class Signal(Log):
        def write(self, step, metrics):
            if step == 5:
                os.kill(os.getpid(), number)

    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(Interrupted, match="stopped after step 10"):
        run(row, steps=50, checkpoints=checkpoints, log=Signal(None))
    assert checkpoints.latest() == 10
    checkpoints.close()
    whole = run(row, steps=50)
    resumed = run(row, steps=50, checkpoints=Checkpoints(tmp_path))
    chex.assert_trees_all_equal(jax.tree.map(np.asarray, whole), jax.tree.map(np.asarray, resumed))


def test_the_log_forgets_what_lies_beyond_the_checkpoint(tmp_path):
    path = tmp_path / "metrics.jsonl"
    torn = '{"step": 20, "a/lo'
    path.write_text("".join(json.dumps({"step": s}) + "\n" for s in (5, 10, 15)) + torn)
    log = Log(tmp_path, quiet=True)
    log.begin(10, 20)
    with log:
        log.write(15, {"a/loss": np.full((2, 5), [[1.0], [3.0]], np.float32)})
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["step"] for line in lines] == [5, 10, 15]
    assert lines[-1]["a/loss"] == [1.0, 3.0]
    assert list((tmp_path / "events").iterdir())


def test_a_batch_that_the_devices_cannot_share_is_refused():
    with pytest.raises(ValueError, match="shared among 3 devices"):
        run(table.row("couae.py", "grid"), devices=3)


def test_a_state_is_measured_every_so_many_steps_and_trains_on_as_if_it_were_not(tmp_path):
    row, seen = table.row("couae.py", "grid", optimizer="sgd"), []

    def check(state, step):
        seen.append((step, int(state.step)))
        return {"eval/answer": 42.0}

    def once(folder, **more):
        folder.mkdir()
        plan = Plan({"train": 23}, 40, (0,), 5, 1000, more.pop("check_every", 0))
        with_log = {"log": Log(folder, quiet=True), "devices": jax.local_devices()[:1]}
        return train(row.family, row.optimizers, POINTS, plan, **with_log, **more)

    plain = once(tmp_path / "plain")
    checked = once(tmp_path / "checked", check=check, check_every=10)
    assert seen == [(10, 10), (20, 20)]
    chex.assert_trees_all_equal(jax.device_get(plain.params), jax.device_get(checked.params))
    lines = [json.loads(line) for line in (tmp_path / "checked" / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if line.get("eval/answer") == 42.0] == [10, 20]
    assert len([line for line in lines if "autoencoder/loss" in line]) == 5
