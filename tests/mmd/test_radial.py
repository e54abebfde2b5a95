"""Roots and powers whose slopes stay finite."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import mmd
from coulomb_jax.mmd.radial import finite_power


def test_naive_square_root_still_gives_nan():
    """Why finite_power exists; when this fails, jax has changed and it may go."""
    naive = jax.grad(lambda x: jnp.exp(-jnp.sqrt(jnp.sum(x * x))))(jnp.zeros(2))
    assert np.all(np.isnan(naive))
    ours = jax.grad(lambda x: mmd.laplacian(1.0)(jnp.sum(x * x)))(jnp.zeros(2))
    assert not np.any(ours)


@pytest.mark.parametrize("exponent", [0.5, -0.5, 0.75, -1.5, 0.0, 0.01])
def test_finite_power_is_the_power_with_all_its_derivatives(exponent):
    function, factor = lambda u: finite_power(u, exponent), 1.0
    for order in range(3):
        expected = factor * 2.0 ** (exponent - order)
        assert float(function(2.0)) == pytest.approx(expected, rel=1e-5)
        assert math.isfinite(float(function(0.0)))
        assert math.isfinite(float(function(1e-37)))
        factor *= exponent - order
        function = jax.grad(function)
