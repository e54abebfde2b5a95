import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coulomb_jax.data.batches import BatchOrder

MASK = 2**64 - 1


def philox(counter, key):
    """Philox4x64-10 of one block, in Python integers, from its published definition."""
    (a, b, c, d), (k0, k1) = counter, key
    for _ in range(10):
        low, high = 0xD2E7470EE14C6C93 * a, 0xCA5A826395121157 * c
        a, b, c, d = (high >> 64) ^ b ^ k0, high & MASK, (low >> 64) ^ d ^ k1, low & MASK
        k0, k1 = (k0 + 0x9E3779B97F4A7C15) & MASK, (k1 + 0xBB67AE8584CAA73B) & MASK
    return [a, b, c, d]


def test_the_reference_gives_the_known_answer():
    # The all-zero vector of Random123's known-answer tests.
    assert philox((0, 0, 0, 0), (0, 0)) == [
        0x16554D9ECA36314C,
        0xDB20FE9D672D0FDC,
        0xD7E772CEE186176B,
        0x7E68B68AEC7BA23B,
    ]


@pytest.mark.parametrize(("seed", "epoch"), [(0, 0), (0, 1), (7, 3), (2**64 - 1, 1000)])
def test_an_epoch_sorts_the_output_of_philox_keyed_by_seed_and_epoch(seed, epoch):
    blocks = [philox((block, 0, 0, 0), (seed, epoch)) for block in range(1, 5)]
    bits = [value for block in blocks for value in block][:14]
    expected = sorted(range(14), key=bits.__getitem__)
    order = BatchOrder(14, 7, seed).indices(2 * epoch, 2)
    assert order.dtype == np.int32
    assert order.ravel().tolist() == expected


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_any_start_is_a_slice_of_the_whole(draw):
    n = draw.draw(st.integers(1, 12))
    batch, seed = draw.draw(st.integers(1, n)), draw.draw(st.integers(0, 2**64 - 1))
    start, steps = draw.draw(st.integers(0, 30)), draw.draw(st.integers(0, 30))
    order = BatchOrder(n, batch, seed)
    part = order.indices(start, steps)
    np.testing.assert_array_equal(part, BatchOrder(n, batch, seed).indices(0, 60)[start:][:steps])
    np.testing.assert_array_equal(part, order.indices(start, steps))
    assert part.shape == (steps, batch)


def test_steps_are_the_same_in_any_order_of_asking():
    order = BatchOrder(10, 3, 5)
    whole = order.indices(0, 30)
    for step in [29, 0, 3, 2, 3, 17]:
        np.testing.assert_array_equal(order.indices(step, 1)[0], whole[step])


def test_an_epoch_holds_no_example_twice():
    order = BatchOrder(10, 3, 0)
    assert order.steps_per_epoch == 3
    for epoch in range(50):
        drawn = order.indices(3 * epoch, 3).ravel()
        assert len(set(drawn.tolist())) == 9
        assert set(drawn.tolist()) <= set(range(10))


def test_every_example_gets_its_turn_equally_often():
    epochs = 4000
    drawn = BatchOrder(10, 3, 1).indices(0, 3 * epochs).reshape(-1)
    counts = np.bincount(drawn, minlength=10)
    # Each epoch leaves one of ten out: binomial(4000, 0.9), standard deviation 19.
    assert np.abs(counts - 0.9 * epochs).max() < 5 * np.sqrt(epochs * 0.09)


def test_places_and_neighbours_are_uniform():
    drawn = BatchOrder(5, 5, 3).indices(0, 20_000)
    pairs = np.bincount(5 * drawn[:, 0] + drawn[:, 1], minlength=25).reshape(5, 5)
    expected = 20_000 / 20 * (1 - np.eye(5))
    assert np.abs(pairs - expected).max() < 5 * np.sqrt(1000)
    assert np.all(np.diag(pairs) == 0)


def test_seeds_and_epochs_differ():
    orders = [tuple(BatchOrder(20, 20, seed).indices(e, 1)[0]) for seed in (0, 1) for e in (0, 1)]
    assert len(set(orders)) == 4


def test_the_whole_set_may_be_one_batch():
    np.testing.assert_array_equal(np.sort(BatchOrder(6, 6, 0).indices(11, 1)), [np.arange(6)])


def test_bad_sizes_are_refused():
    with pytest.raises(ValueError, match=r"batch is 101 and there are 100 .*at most 100"):
        BatchOrder(100, 101, 0)
    with pytest.raises(ValueError, match="at least 1 example, but batch is 0"):
        BatchOrder(100, 0, 0)
    with pytest.raises(ValueError, match="seed must lie"):
        BatchOrder(100, 10, -1)
    with pytest.raises(ValueError, match="from step -1"):
        BatchOrder(100, 10, 0).indices(-1, 2)
