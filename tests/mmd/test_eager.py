import jax
import numpy as np
import pytest

from coulomb_jax import mmd

CALLS = {
    "mmd2": lambda x, y: mmd.mmd2(x, y, mmd.energy()),
    "mmd2 in blocks": lambda x, y: mmd.mmd2(x, y, mmd.energy(), block_size=7),
    "mmd2_with_error": lambda x, y: mmd.mmd2_with_error(x, y, mmd.energy())[1],
    "mmd2_to_normal": lambda x, y: mmd.mmd2_to_normal(x, mmd.gaussian(1.0)),
    "mmd2_sharded": lambda x, y: mmd.mmd2_sharded(x, y, mmd.gaussian(1.0)),
    "witness": lambda x, y: mmd.witness(x, x, y, mmd.energy()),
    "sliced_energy": lambda x, y: mmd.sliced_energy(jax.random.key(0), x, y, projections=4),
    "two_sample_test": lambda x, y: (
        mmd.two_sample_test(jax.random.key(0), x, y, mmd.energy(), permutations=19).p_value
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_second_call_compiles_nothing(name, caplog):
    x, y = np.random.default_rng(0).normal(size=(2, 40, 3)).astype(np.float32)
    first = np.asarray(CALLS[name](x, y))
    with jax.log_compiles(), caplog.at_level("WARNING"):
        jax.jit(lambda x: x + 1.25)(x)
        seen = [record for record in caplog.records if "ompil" in record.message]
        assert seen  # the log does tell of a compilation
        caplog.clear()
        second = np.asarray(CALLS[name](x, y))
    assert not [record.message for record in caplog.records if "ompil" in record.message]
    np.testing.assert_array_equal(first, second)
