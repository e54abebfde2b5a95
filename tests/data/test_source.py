import hashlib

import numpy as np
import pytest

from coulomb_jax.data import DataError, Source, fingerprint


def test_the_fingerprint_is_the_sha256_of_dtype_shape_and_bytes():
    array = np.array([[1.0, 2.0]], np.float32)
    expected = hashlib.sha256(b"<f4(1, 2);" + b"\x00\x00\x80?\x00\x00\x00@" + b"none;").hexdigest()
    assert fingerprint(array, None) == expected


def test_it_does_not_depend_on_layout_or_byte_order():
    array = np.arange(12, dtype=np.int32).reshape(3, 4)
    assert fingerprint(array) == fingerprint(np.asfortranarray(array))
    assert fingerprint(array) == fingerprint(array.astype(">i4"))
    assert fingerprint(array) == fingerprint(np.repeat(array, 2, axis=0)[::2])


@pytest.mark.parametrize(
    "other",
    [
        np.arange(12, dtype=np.int32).reshape(4, 3),
        np.arange(12, dtype=np.uint32).reshape(3, 4),
        np.arange(1, 13, dtype=np.int32).reshape(3, 4),
    ],
    ids=["shape", "dtype", "values"],
)
def test_it_depends_on_shape_dtype_and_values(other):
    assert fingerprint(np.arange(12, dtype=np.int32).reshape(3, 4)) != fingerprint(other)


def test_order_and_missing_arrays_count():
    a, b = np.zeros(2), np.ones(2)
    assert len({fingerprint(a, b), fingerprint(b, a), fingerprint(a, b, None)}) == 3


def test_a_data_error_is_a_value_error():
    assert issubclass(DataError, ValueError)


def numbered(n):
    """A set whose training examples are their own places, with labels, attributes and no landmarks."""
    places = np.arange(n, dtype=np.float32)[:, None]
    return Source(
        "numbers",
        places,
        -places,
        None,
        fingerprint(places),
        train_labels=places[:, 0],
        train_attributes=places > 3,
    )


def test_a_subset_is_drawn_without_replacement_by_its_seed_and_smaller_ones_lie_in_it():
    source = numbered(1000).hold_out(200)
    large, small, other = source.subset(100, 7), source.subset(10, 7), source.subset(100, 8)
    chosen = large.train[:, 0]
    assert len(set(chosen)) == 100
    assert set(chosen) < set(range(800))
    assert set(small.train[:, 0]) < set(chosen)
    assert len(set(chosen) & set(other.train[:, 0])) < 40  # 12.5 +- 3 of 100 are in both
    assert np.all(np.diff(chosen) > 0)
    np.testing.assert_array_equal(source.subset(100, 7).train, large.train)
    np.testing.assert_array_equal(source.subset(800, 7).train, source.train)


def test_any_example_is_as_likely_as_any_other_in_a_subset():
    source = numbered(20)
    counts = np.bincount(
        np.concatenate([source.subset(5, seed).train_labels for seed in range(2000)]).astype(int),
        minlength=20,
    )
    # Each is in a quarter of the subsets, 500 +- 19 of them.
    assert np.abs(counts - 500).max() < 4.5 * (2000 * 0.25 * 0.75) ** 0.5


def test_what_belongs_to_an_example_stays_with_it_and_the_rest_as_it_is():
    source = numbered(50).hold_out(10)
    few = source.subset(8, 0)
    np.testing.assert_array_equal(few.train_labels, few.train[:, 0])
    np.testing.assert_array_equal(few.train_attributes, few.train > 3)
    assert few.train_landmarks is None
    np.testing.assert_array_equal(few.test, source.test)
    np.testing.assert_array_equal(few.validation, np.arange(40.0, 50.0)[:, None])
    assert few.whole is source


def test_a_subset_says_which_it_is():
    source = numbered(2000)
    few = source.subset(1000, 3)
    assert few.name == "numbers subset of 1,000"
    assert few.details == {"subset": {"examples": 1000, "of": 2000, "seed": 3}}
    assert len({s.fingerprint for s in (source, few, source.subset(1000, 4), source.subset(999, 3))}) == 4
    assert source.subset(1000, 3).fingerprint == few.fingerprint


@pytest.mark.parametrize("examples", [-1, 0, 21])
def test_a_subset_has_some_of_the_examples_there_are(examples):
    with pytest.raises(ValueError, match=f"has 1 to 20 of them, not {examples}"):
        numbered(20).subset(examples, 0)
