import doctest
import importlib

import pytest

from coulomb_jax import mmd

MODULES = [
    "bandwidths",
    "bounds",
    "coulomb",
    "estimators",
    "kernels",
    "matern",
    "normal_prior",
    "sharded",
    "sliced",
    "standard_error",
    "two_sample",
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_print_what_they_say(name):
    module = importlib.import_module(f"coulomb_jax.mmd.{name}")
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_every_public_function_has_an_example():
    for name in mmd.__all__:
        if not isinstance(getattr(mmd, name), type):
            assert ">>> " in getattr(mmd, name).__doc__, name
