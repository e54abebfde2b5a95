import hashlib

import numpy as np
import pytest

from coulomb_jax.data import DataError, fingerprint


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
