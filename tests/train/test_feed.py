"""Transports: every device gets its rows of every batch, wherever the examples lie."""

import jax
import numpy as np
import pytest

from coulomb_jax.data.batches import BatchOrder
from coulomb_jax.nets.bound import AXIS
from coulomb_jax.train import feed

# 37: no number of devices divides it.
EXAMPLES = np.random.default_rng(0).integers(0, 256, (37, 3, 2), np.uint8)


def fetched(transport, devices, *, repetitions=1, moves=2, chunks=((0, 3), (3, 2))):
    """What each device gets, put together again: `[(repetitions) steps moves batch 3 2]`."""
    devices = jax.local_devices()[:devices]
    orders = [BatchOrder(len(EXAMPLES), 8, seed) for seed in range(repetitions)]
    repeated = repetitions > 1
    examples = feed.make(transport, EXAMPLES, orders, devices, repeated=repeated)

    def look(held, entries):
        each_step = jax.vmap(examples.rows, in_axes=(None, 0))
        return (jax.vmap(each_step, in_axes=(None, 0)) if repeated else each_step)(held, entries)

    run = jax.pmap(look, AXIS, in_axes=(examples.held_axis, 0), devices=devices)
    parts = [np.asarray(run(examples.held, e)) for e in examples.entries(moves, chunks)]
    return np.concatenate([np.concatenate(list(part), axis=-3) for part in parts], axis=-5)


@pytest.mark.parametrize("devices", [1, 2, 8])
@pytest.mark.parametrize("transport", feed.TRANSPORTS)
@pytest.mark.parametrize("repetitions", [1, 2])
def test_every_transport_gives_the_examples_of_the_order(transport, devices, repetitions):
    got = fetched(transport, devices, repetitions=repetitions)
    for seed in range(repetitions):
        order = BatchOrder(len(EXAMPLES), 8, seed)
        expected = EXAMPLES[order.indices(0, 10)].reshape(5, 2, 8, 3, 2)
        np.testing.assert_array_equal(got[seed] if repetitions > 1 else got, expected)
        assert got.dtype == np.uint8


def test_a_stream_reads_a_file_as_it_lies_on_disk(tmp_path):
    np.save(tmp_path / "examples.npy", EXAMPLES)
    mapped = np.load(tmp_path / "examples.npy", mmap_mode="r")
    order = BatchOrder(len(mapped), 5, 3)
    examples = feed.make("stream", mapped, [order], jax.local_devices()[:1])
    assert examples.held is None
    for (at, steps), entry in zip([(2, 2), (4, 1)], examples.entries(1, [(2, 2), (4, 1)]), strict=True):
        np.testing.assert_array_equal(entry[0, :, 0], EXAMPLES[order.indices(at, steps)])


def test_parts_hold_an_eighth_on_each_of_eight_devices():
    examples = feed.make("parts", EXAMPLES, [BatchOrder(37, 8, 0)], jax.local_devices())
    assert {shard.data.shape for shard in examples.held.addressable_shards} == {(1, 5, 3, 2)}


def test_what_fits_is_held_whole_then_in_parts_then_streamed():
    class Device:
        platform, process_index = "gpu", 0

        def memory_stats(self):
            return {"bytes_limit": 1000}

    def chosen(size, devices):
        return feed.fitting(np.zeros(size, np.uint8), [Device()] * devices)

    assert [chosen(400, 1), chosen(401, 1), chosen(800, 2), chosen(801, 2)] == [
        "whole",
        "stream",
        "parts",
        "stream",
    ]
    assert feed.fitting(EXAMPLES, jax.local_devices()) == "whole"


def test_unknown_transports_are_refused_with_the_nearest_name():
    orders = [BatchOrder(37, 8, 0)]
    with pytest.raises(ValueError, match="whole"):
        feed.make("hole", EXAMPLES, orders, jax.local_devices()[:1])
    with pytest.raises(ValueError, match="own"):
        feed.make("stream", EXAMPLES[None], orders, jax.local_devices()[:1], repeated=True, own_data=True)


def test_places_are_shared_out_in_order():
    places = np.arange(24).reshape(2, 1, 12)  # [steps, moves, b]
    shared = feed.split(places, 3)
    assert shared.shape == (3, 2, 1, 4)
    np.testing.assert_array_equal(np.concatenate(list(shared), axis=-1), places)
