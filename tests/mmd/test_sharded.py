import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from coulomb_jax import mmd
from tests.mmd import reference
from tests.mmd.reference import cloud

sharded = jax.jit(mmd.mmd2_sharded, static_argnames="mesh")


def devices(count):
    return Mesh(np.array(jax.devices()[:count]), "i")


@pytest.mark.parametrize(
    ("count", "n", "m"), [(1, 20, 11), (2, 20, 22), (3, 21, 16), (8, 40, 64), (8, 43, 57), (8, 24, 31)]
)
def test_it_matches_the_double_loop(count, n, m):
    kernel, dim, formula = reference.KERNELS["coulomb 3"]
    x, y = cloud(0, n, dim), cloud(1, m, dim, 0.5)
    value = sharded(x, y, kernel, mesh=devices(count))
    assert float(value) == pytest.approx(reference.mmd2(formula, x, y), rel=2e-5)


@pytest.mark.parametrize(("dim", "n"), [(2, 600), (16, 333), (5, 2403)])
def test_value_and_gradients_on_eight_devices_equal_one(dim, n):
    x, y = jnp.asarray(cloud(0, n, dim)), jnp.asarray(cloud(1, n + 5, dim, 0.3))

    def value(estimate, x, y, sigma):
        return estimate(x, y, mmd.gaussian(sigma))

    one = jax.jit(jax.value_and_grad(functools.partial(value, mmd.mmd2), argnums=(0, 1, 2)))
    eight = functools.partial(value, functools.partial(mmd.mmd2_sharded, mesh=devices(8)))
    eight = jax.jit(jax.value_and_grad(eight, argnums=(0, 1, 2)))
    expected, slopes = one(x, y, 1.3)
    found, found_slopes = eight(x, y, 1.3)
    assert float(found) == pytest.approx(float(expected), abs=3e-7)
    for slope, found_slope in zip(slopes[:2], found_slopes):
        np.testing.assert_allclose(found_slope, slope, atol=1e-5 * float(jnp.max(jnp.abs(slope))))
    # What the bandwidth pulls at are three terms of 0.1 to 0.5 that cancel.
    assert float(found_slopes[2]) == pytest.approx(float(slopes[2]), abs=5e-7)


def test_points_that_lie_on_the_devices_stay_there():
    mesh = devices(8)
    rows = NamedSharding(mesh, PartitionSpec("i"))
    x, y = (jax.device_put(cloud(seed, 64, 3), rows) for seed in (0, 1))
    program = sharded.lower(x, y, mmd.energy(), mesh=mesh).compile().as_text()
    assert "collective-permute" in program
    assert "all-gather" not in program
    assert float(sharded(x, y, mmd.energy(), mesh=mesh)) == pytest.approx(
        float(mmd.mmd2(x, y, mmd.energy())), abs=1e-6
    )


def test_each_device_evaluates_an_eighth_of_the_pairs():
    """Counted in the program of one device: the kernel values of each step, times its repetitions."""
    n = 160

    def values(jaxpr, times=1):
        total = 0
        for equation in jaxpr.eqns:
            inner = [p for p in equation.params.values() if hasattr(p, "eqns") or hasattr(p, "jaxpr")]
            repeated = times * equation.params.get("length", 1)
            total += sum(values(getattr(p, "jaxpr", p), repeated) for p in inner)
            if equation.primitive.name == "tanh":
                total += times * equation.outvars[0].aval.size
        return total

    program = jax.make_jaxpr(lambda x, y: mmd.mmd2_sharded(x, y, jnp.tanh, mesh=devices(8)))
    assert values(program(cloud(0, n, 2), cloud(1, n, 2)).jaxpr) == (n * (n - 1) + n * n) // 8


def test_a_learned_bandwidth_inside_a_plain_function():
    x, y = cloud(0, 32, 2), cloud(1, 32, 2, 1.0)

    def value(estimate, width):
        return estimate(x, y, lambda r2: jnp.exp(-r2 / width))

    slope = jax.jit(jax.grad(functools.partial(value, mmd.mmd2_sharded)))(2.0)
    assert float(slope) == pytest.approx(float(jax.grad(functools.partial(value, mmd.mmd2))(2.0)), rel=1e-4)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: mmd.mmd2_sharded(cloud(0, 9, 2), cloud(1, 40, 2), mmd.energy()),
            "at least 2 points for each of 8",
        ),
        (
            lambda: mmd.mmd2_sharded(
                cloud(0, 9, 2),
                cloud(1, 40, 2),
                mmd.energy(),
                mesh=Mesh(np.array(jax.devices()).reshape(2, 4), ("a", "b")),
            ),
            "one axis",
        ),
        (lambda: mmd.mmd2_sharded(cloud(0, 40, 2), cloud(1, 40, 3), mmd.energy()), "same number"),
    ],
)
def test_bad_input_gets_one_clear_sentence(call, words):
    with pytest.raises(ValueError, match=words) as caught:
        call()
    assert "\n" not in str(caught.value)
