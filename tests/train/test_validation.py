"""Held-out examples, averages and early ends, against runs of every length and their losses in numpy."""

import functools
import json

import chex
import jax
import numpy as np
import optax
import pytest

from coulomb_jax.data import grid
from coulomb_jax.model import Model
from coulomb_jax.train.checkpoint import Checkpoints
from coulomb_jax.train.finite import Diverged
from coulomb_jax.train.log import Log
from coulomb_jax.train.loop import Plan, _chunks, train
from coulomb_jax.train.state import weights
from coulomb_jax.train.validation import Validation
from tests.families import table

POINTS = grid.load(seed=0).train
HELD = grid.load(seed=1).train[:50]
ROW = table.row("autoencoder.py", "grid")
(STAGE, FIT) = ROW.family.stages


def run(rounds, *, rate=0.1, family=ROW.family, seeds=(0,), dispatch=1, average=0.0, held=None, **more):
    """The state after so many rounds of batches of 20; `held` are the options of a `Validation` on HELD."""
    plan = Plan({"train": rounds}, 20, seeds, dispatch, 7, 1, average)
    optimizer = {"autoencoder": optax.adam(rate) if isinstance(rate, float) else rate}
    validation = None if held is None else Validation(HELD, **held)
    more = {"devices": jax.local_devices()[:1], "validation": validation} | more
    return jax.tree.map(np.asarray, train(family, optimizer, POINTS, plan, **more))


@functools.cache
def history(seeds=(0,)):
    """The states after 0, 1, 2, ... 32 rounds of a run that looks at nothing."""
    states = [run(0, seeds=seeds)]

    def keep(state, step):
        states.append(jax.tree.map(np.asarray, state))
        return {}

    run(32, seeds=seeds, check=keep)
    return states


def loss(state):
    """Of the two whole batches of HELD, by numpy."""
    x = HELD[:40]
    rebuilt = Model(ROW.family, state.params, state.stats).reconstruct(x)
    return np.mean(np.sum((np.float64(x) - rebuilt) ** 2, axis=1))


def nets_of(state):
    return {name: state.params[name] for name in ROW.family.nets}


def test_a_stage_ends_on_the_weights_that_did_best_on_what_is_held_out():
    each = history()[::4]
    best = int(np.argmin([loss(state) for state in each]))
    found = run(32, dispatch=4, held={"every": 4})
    assert 0 < best < len(each) - 1  # or the last would do
    chex.assert_trees_all_close(nets_of(found), nets_of(each[best]), rtol=1e-5, atol=1e-6)
    # The law of the codes is fitted to those of the weights that were kept.
    codes = Model(ROW.family, found.params, found.stats).encode(POINTS)
    np.testing.assert_allclose(found.params["gaussian"]["mean"], codes.mean(0), rtol=1e-4, atol=1e-4)


def test_looks_are_logged_with_the_loss_of_the_weights(tmp_path):
    run(10, held={"every": 4}, log=Log(tmp_path, quiet=True))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    looked = {line["step"]: line["train/validation"] for line in lines if "train/validation" in line}
    assert list(looked) == [0, 4, 8, 10]
    for rounds, value in looked.items():
        assert value == pytest.approx(loss(history()[rounds]), rel=1e-5)


def test_a_look_sees_the_objective_of_the_last_round():
    def growing(nets, x, key):
        value, metrics = STAGE.updates[0].objective(nets, x, key)
        return value + 100.0 * nets.step, metrics

    seen = {}

    class Notes(Log):
        def note(self, step, values):
            seen[step] = values["train/validation"]

    stage = STAGE._replace(updates=(STAGE.updates[0]._replace(objective=growing),))
    run(6, family=ROW.family._replace(stages=(stage, FIT)), held={"every": 3}, log=Notes(None))
    assert seen[0] == pytest.approx(loss(history()[0]) + 500.0, rel=1e-5)


def test_patience_ends_a_stage_after_looks_that_bring_nothing(tmp_path):
    still = run(30, rate=optax.sgd(0.0), held={"every": 3, "patience": 2}, log=Log(tmp_path, quiet=True))
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines[-1]["step"] == 6
    assert still.step == 31  # the rest is skipped, and the law is fitted
    assert np.any(still.params["gaussian"]["factor"])


def test_patience_waits_for_every_repetition():
    def looked(**held):
        """The losses at every look, `[looks, repetitions]`."""
        seen = []

        class Notes(Log):
            def note(self, step, values):
                seen.append(np.asarray(values["train/validation"]))

        run(32, seeds=(3, 4), held={"every": 1} | held, log=Notes(None))
        return np.stack(seen)

    losses = looked()
    best, stalls, both, either = np.full(2, np.inf), np.zeros(2, int), None, None
    for at, now in enumerate(losses):
        stalls = np.where(now < best, 0, stalls + 1)
        best = np.minimum(best, now)
        either = at if either is None and stalls.max() >= 2 else either
        both = at if both is None and stalls.min() >= 2 else both
    assert either < both < 32
    np.testing.assert_array_equal(looked(patience=2), losses[: both + 1])


def test_the_best_averages_are_what_is_left_and_not_the_last():
    found = run(32, average=0.3, held={"every": 4})
    assert found.best["stalls"] > 0
    assert loss(found) == pytest.approx(float(found.best["loss"]), rel=1e-5)
    params, stats = weights(found)
    chex.assert_trees_all_equal((params, stats), (found.params, found.stats))


def test_a_stage_does_not_end_for_want_of_patience_before_a_round():
    still = {"rate": optax.sgd(0.0), "check": lambda state, step: steps.append(step) or {}}
    steps = []
    run(40, held={"every": 3, "patience": 2, "after": 13}, **still)
    assert steps[-1] == 40  # where it was skipped to
    assert steps[-2] == 14  # the look at 15 ended it


def test_a_stage_that_ends_early_between_two_looks_keeps_what_it_learned():
    until = STAGE._replace(until=("autoencoder/loss", 1e9))
    options = {"family": ROW.family._replace(stages=(until, FIT)), "rate": 1e-3}
    looked, plain = run(30, held={"every": 20}, **options), run(30, **options)
    chex.assert_trees_all_equal(nets_of(looked), nets_of(plain))
    assert loss(looked) < loss(history()[0])


def test_what_is_looked_at_is_the_move_that_trains_the_decoder():
    seen = {}

    class Notes(Log):
        def note(self, step, values):
            seen[step] = float(values["train/validation"])

    def criticize(nets, x, key):
        return jax.numpy.mean(nets.encoder(x)) - 1e3, {}

    critic = STAGE.updates[0]._replace(name="critic", objective=criticize, learns=("encoder",))
    stage = STAGE._replace(updates=(critic, *STAGE.updates))
    family = ROW.family._replace(stages=(stage, FIT))
    plan = Plan({"train": 1}, 20, (0,), 1, 7)
    still = {"critic": optax.sgd(0.0), "autoencoder": optax.sgd(0.0)}
    train(
        family,
        still,
        POINTS,
        plan,
        devices=jax.local_devices()[:1],
        validation=Validation(HELD, 1),
        log=Notes(None),
    )
    assert seen[0] == pytest.approx(loss(history()[0]), rel=1e-5)


def test_looks_leave_few_lengths_of_calls():
    # Every length is a program of its own to compile.
    for every, dispatch in ((13, 100), (1527, 100), (250, 100), (4, 3)):
        chunks = list(_chunks(0, 20_000, dispatch, every))
        assert len({steps for _, steps in chunks}) <= 3
        starts = [start for start, _ in chunks]
        assert set(range(0, 20_000, every)) <= set(starts)
        # And a run that goes on at the start of any call has the same calls.
        resumed = list(_chunks(starts[7], 20_000, dispatch, every))
        assert resumed == chunks[7:]


@pytest.mark.parametrize("seeds", [(0,), (3, 4)])
def test_a_stage_ends_when_its_metric_is_below_a_value_in_every_repetition(seeds):
    losses = []

    class Losses(Log):
        def write(self, step, metrics):
            losses.append(np.max(metrics["autoencoder/loss"]))

    run(30, seeds=seeds, log=Losses(None))
    least = np.sort(losses)[-25]
    first = int(np.argmax(np.asarray(losses) < least)) + 1
    assert 1 < first < 30
    until = STAGE._replace(until=("autoencoder/loss", least))
    # Whatever the dispatch, every round is looked at.
    early = run(30, seeds=seeds, family=ROW.family._replace(stages=(until, FIT)), dispatch=10)
    chex.assert_trees_all_equal(nets_of(early), nets_of(history(seeds)[first]))
    assert np.all(early.step == 31)


def test_averages_are_those_of_all_rounds():
    each = [nets_of(state) for state in history()[:7]]
    expected = jax.tree.map(np.float64, each[0])
    for t, params in enumerate(each[1:]):
        kept = min(0.3, (1 + t) / (10 + t))
        expected = jax.tree.map(lambda m, p, kept=kept: kept * m + (1 - kept) * p, expected, params)
    chex.assert_trees_all_close(nets_of(run(6, average=0.3)), expected, rtol=1e-5, atol=1e-6)
    # And what is looked at is the average.
    value = []

    class Notes(Log):
        def note(self, step, values):
            value.append(float(values["train/validation"]))

    averaged = run(6, average=0.3, held={"every": 6}, log=Notes(None))
    assert value[-1] == pytest.approx(loss(averaged), rel=1e-5)


def test_a_run_that_looks_and_averages_and_is_cut_off_ends_bit_for_bit_the_same(tmp_path):
    options = {"average": 0.5, "held": {"every": 4, "patience": 3}, "dispatch": 3}
    whole = run(60, **options)
    assert whole.step == 61

    class Cut(Exception):
        pass

    class CutLog(Log):
        def write(self, step, metrics):
            if step > 16:
                raise Cut

    with Checkpoints(tmp_path / "checkpoints") as checkpoints, pytest.raises(Cut):
        run(60, checkpoints=checkpoints, log=CutLog(None), **options)
    with Checkpoints(tmp_path / "checkpoints") as checkpoints:
        assert 0 < checkpoints.latest() <= 16
        resumed = run(60, checkpoints=checkpoints, **options)
    chex.assert_trees_all_equal(whole, resumed)


def test_a_repetition_looks_at_its_own_loss():
    # Few rounds: another order of sums grows tenfold in eight more.
    both = run(8, seeds=(3, 4), held={"every": 4})
    for r, seed in enumerate((3, 4)):
        alone = run(8, seeds=(seed,), held={"every": 4})
        mine = jax.tree.map(lambda a, r=r: a[r], both)
        np.testing.assert_allclose(mine.best["loss"], alone.best["loss"], rtol=1e-5)
        chex.assert_trees_all_close(nets_of(mine), nets_of(alone), rtol=1e-3, atol=1e-4)


def test_a_loss_that_is_not_finite_stops_the_run():
    held = Validation(np.full_like(HELD, np.nan), 4)
    with pytest.raises(Diverged, match=r"held-out examples is nan \(seed 0\)"):
        run(8, validation=held)


def test_devices_share_a_run_that_looks_and_averages():
    options = {"average": 0.5, "held": {"every": 4}, "rate": optax.sgd(1e-5)}
    one, four = run(9, **options), run(9, devices=jax.local_devices()[:4], **options)
    table.assert_same_training(history()[0], one, four)
