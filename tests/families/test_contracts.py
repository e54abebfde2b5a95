"""What every family promises, over the table of all configs."""

import inspect
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import families
from coulomb_jax.family import Fit
from coulomb_jax.model import Model
from coulomb_jax.nets.bound import AXIS, Bound
from coulomb_jax.train.state import init
from coulomb_jax.train.step import play
from tests.families import table

EVERY = [(name, dataset) for name in table.CONFIGS for dataset in table.SETS]


COMPILED = {}


def compiled(row):
    """What `fresh` gives of a row of the table, made once."""
    if id(row) not in COMPILED:
        COMPILED[id(row)] = row, fresh(row)  # the row too: an id is another's when its object is gone
    return COMPILED[id(row)][1]


def fresh(row):
    """A compiled round of every stage, called with `[moves, devices, b, ...]` batches, and its moves."""
    return [
        (
            jax.jit(
                jax.vmap(
                    play(row.family, stage, row.optimizers),
                    axis_name=AXIS,
                    in_axes=(None, 1, None),
                    out_axes=None,
                )
            ),
            max(update.repeat for update in stage.updates),
        )
        for stage in row.family.stages
        if not isinstance(stage, Fit)
    ]


def played(row, rounds=3, devices=1, seed=0, programs=compiled):
    """The state at the start and after some rounds of every stage, and the metrics of each round."""
    key = jax.random.key(seed)
    start, seen = init(row.family, row.optimizers, key), []
    state = start
    for step, moves in programs(row):
        for r in range(rounds):
            x = table.batch(row, moves * 16, seed=r)
            state, metrics = step(state, x.reshape(moves, devices, 16 // devices, *x.shape[1:]), key)
            seen.append(metrics)
    return start, state, seen


@pytest.mark.parametrize(("name", "dataset"), EVERY)
def test_three_steps_are_finite_and_change_exactly_what_learns(name, dataset):
    row = table.row(name, dataset)
    before, after, seen = played(row)
    chex.assert_tree_all_finite((after, seen))
    learns = {n for s in row.family.stages if not isinstance(s, Fit) for u in s.updates for n in u.learns}
    for net in before.params:
        same = all(
            np.array_equal(a, b)
            for a, b in zip(jax.tree.leaves(before.params[net]), jax.tree.leaves(after.params[net]))
        )
        assert same == (net not in learns), net


@pytest.mark.parametrize(("name", "dataset"), EVERY)
def test_each_update_changes_every_net_that_it_learns_and_no_other(name, dataset):
    row = table.row(name, dataset)
    for stage in (s for s in row.family.stages if not isinstance(s, Fit)):
        for update in stage.updates:
            alone = row._replace(family=row.family._replace(stages=(stage._replace(updates=(update,)),)))
            # Not kept: a process has no room for the programs of every move of every config.
            before, after, _ = played(alone, rounds=1, programs=fresh)
            for net in row.family.nets:
                pairs = zip(
                    jax.tree.leaves(before.params[net]), jax.tree.leaves(after.params[net]), strict=True
                )
                assert any(not np.array_equal(a, b) for a, b in pairs) == (net in update.learns), net
                if net not in update.learns:
                    chex.assert_trees_all_equal(before.stats[net], after.stats[net])


@pytest.mark.slow
@pytest.mark.parametrize("name", table.CONFIGS)
def test_four_devices_are_one_device(name):
    row = table.row(name, "digits", net="dcgan", optimizer="sgd")
    start, one, seen_by_one = played(row, devices=1, programs=fresh)
    _, four, seen_by_four = played(row, devices=4, programs=fresh)
    chex.assert_trees_all_close(seen_by_one, seen_by_four, rtol=2e-4, atol=1e-5)
    table.assert_same_training(start, one, four)


@pytest.mark.parametrize("name", table.CONFIGS)
def test_the_same_seed_gives_the_same_bits_and_another_does_not(name):
    row = table.row(name, "digits")
    first, again, other = played(row), played(row), played(row, seed=1)
    chex.assert_trees_all_equal(first, again)
    assert not np.array_equal(*(jax.tree.leaves(t[1].params["encoder"])[1] for t in (first, other)))


@pytest.mark.parametrize(("name", "dataset"), EVERY)
def test_what_is_drawn_and_decoded_has_the_shape_and_range_of_the_data(name, dataset):
    row = table.row(name, dataset)
    _, state, _ = played(row, rounds=1)
    fits = {s.name: s.fit for s in row.family.stages if isinstance(s, Fit)}
    codes = jax.random.normal(jax.random.key(3), (50, row.config.arch.z_dim))
    params = state.params | {n: fit(codes, jax.random.key(4)) for n, fit in fits.items()}
    model = Model(row.family, params, state.stats, pixel_range=row.x_range)
    x = model.sample(jax.random.key(5), 7)
    assert x.shape == (7, *row.x_shape)
    assert np.isfinite(x).all()
    if row.x_range is not None:
        assert x.min() >= row.x_range[0]
        assert x.max() <= row.x_range[1]
    z = model.encode(np.asarray(table.batch(row, 3)))
    assert z.shape == (3, row.config.arch.z_dim)


@pytest.mark.parametrize("name", families.names())
def test_a_family_reads_beside_its_paper(name):
    assert len(Path(inspect.getfile(families.function(name))).read_text().splitlines()) <= 120


def test_held_nets_keep_their_statistics_even_when_they_are_called():
    row = table.row("couae.py", "digits", net="dcgan")
    state = init(row.family, row.optimizers, jax.random.key(0))
    nets = Bound(row.family.nets, state.params, state.stats, learns=("decoder",))
    nets.encoder(table.batch(row, 8))
    assert nets.recorded == {}


def test_a_net_that_is_called_twice_records_both_batches():
    row = table.row("couae.py", "digits", net="dcgan")
    state = init(row.family, row.optimizers, jax.random.key(0))

    def run(x):
        nets = Bound(row.family.nets, state.params, state.stats, learns=("encoder",))
        nets.encoder(x)
        once = nets.recorded["encoder"]
        nets.encoder(x)
        return once, nets.recorded["encoder"]

    once, twice = jax.vmap(run, axis_name=AXIS)(table.batch(row, 8)[None])
    mean = once["batch_stats"]["BatchNorm_0"]["mean"]
    # Running means start at 0 with decay 0.9: 0.1 m, then 0.9 * 0.1 m + 0.1 m.
    np.testing.assert_allclose(twice["batch_stats"]["BatchNorm_0"]["mean"], 1.9 * mean, rtol=1e-5)


def test_an_unknown_net_is_named():
    nets, name = Bound({}, {"encoder": jnp.zeros(1)}, {}), "critic"
    with pytest.raises(AttributeError, match="no net 'critic'; it has \\['encoder'\\]"):
        getattr(nets, name)
