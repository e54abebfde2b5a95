import numpy as np
import pytest

from coulomb_jax.data import DataError
from coulomb_jax.data.celeba_split import PICTURES, by_number, split

EVERY = by_number(np.arange(1, PICTURES + 1))


def test_the_official_parts_have_the_published_sizes():
    assert np.bincount(EVERY).tolist() == [162_770, 19_867, 19_962]
    chosen = split("official", EVERY)
    np.testing.assert_array_equal(chosen.train, np.arange(162_770))
    np.testing.assert_array_equal(chosen.test, np.arange(182_637, 202_599))
    assert "19,867 validation pictures left out" in chosen.how


def test_wae_holds_out_20000_of_all_at_random():
    chosen = split("wae", EVERY)
    assert (len(chosen.train), len(chosen.test)) == (182_599, 20_000)
    np.testing.assert_array_equal(np.sort(np.concatenate([*chosen[:2]])), np.arange(PICTURES))
    # Hypergeometric: 16,068 of the 20,000 from the training part are expected, with a deviation of 53.
    assert abs(np.sum(EVERY[chosen.test] == 0) - 16_068) < 4 * 53
    np.testing.assert_array_equal(chosen.test, split("wae", EVERY).test)
    assert "of our own" in chosen.how


def test_a_tenth_of_a_subset_is_held_out():
    first = by_number(np.arange(1, 10_001))
    chosen = split("official", first)
    np.testing.assert_array_equal(chosen.test, np.arange(9000, 10_000))
    np.testing.assert_array_equal(chosen.train, np.arange(9000))
    assert chosen.how.startswith("last tenth")
    assert len(split("wae", first).test) == 1000
    assert split("wae", first).test.max() - split("wae", first).test.min() > 9000


def test_a_subset_with_both_parts_keeps_them():
    chosen = split("official", np.array([0, 2, 1, 0, 2]))
    assert chosen.train.tolist() == [0, 3]
    assert chosen.test.tolist() == [1, 4]


@pytest.mark.parametrize("n", [0, 1, 3])
@pytest.mark.parametrize("kind", ["official", "wae"])
def test_too_few_pictures_are_refused(n, kind):
    with pytest.raises(DataError, match=f"at least 2 pictures each, but there are {n} in all"):
        split(kind, np.zeros(n, int))
