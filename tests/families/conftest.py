"""Inside families a NaN is an error where it appears, not where it is seen."""

import jax
import pytest


@pytest.fixture(autouse=True)
def _nan_is_an_error():
    with jax.debug_nans(True):
        yield
