"""Schedules against their formulas, and what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax.train import optimizers


@pytest.mark.parametrize(
    ("schedule", "options", "expected"),
    [
        ("constant", {}, [0.1, 0.1, 0.1]),
        ("cosine", {"final": 0.2}, [0.1, 0.1 * (0.2 + 0.8 * 0.5), 0.02]),
        ("exponential", {"final": 0.01}, [0.1, 0.01, 0.001]),
        ("piecewise", {"at": (0.3, 0.8), "factors": (0.5, 0.2)}, [0.1, 0.05, 0.01]),
    ],
)
def test_rates_at_the_start_the_middle_and_the_end(schedule, options, expected):
    rate = optimizers.rate(schedule, 0.1, 100, **options)
    np.testing.assert_allclose([rate(0), rate(50), rate(100)], expected, rtol=1e-5)


def test_adam_takes_the_step_of_its_paper():
    # kingma2015, algorithm 1, in float64.
    gradients = [0.3, -0.2, 0.5]
    optimizer = optimizers.make("adam", 0.01, 10, b1=0.5, b2=0.9)
    parameter, state = jnp.zeros(()), optimizer.init(jnp.zeros(()))
    m = v = expected = 0.0
    for t, g in enumerate(gradients, start=1):
        update, state = optimizer.update(jnp.asarray(g), state, parameter)
        parameter = parameter + update
        m, v = 0.5 * m + 0.5 * g, 0.9 * v + 0.1 * g * g
        expected -= 0.01 * (m / (1 - 0.5**t)) / (np.sqrt(v / (1 - 0.9**t)) + 1e-8)
    np.testing.assert_allclose(parameter, expected, rtol=1e-5)


@pytest.mark.parametrize("shift", [0.0, -10.0])
def test_a_plateau_lowers_the_rate_as_keras_does(shift):
    # A look every 3 moves; 2 looks in a row without a lower loss halve the rate, to 0.1 at the least.
    losses = np.array([5.0, 4.0, 4.0, 4.5, 3.9, 3.95, 3.95, 4.0, 3.9, 3.9, 3.9, 3.9]) + shift
    optimizer = optimizers.make(
        "sgd", 0.4, 100, schedule="plateau", factors=(0.5,), patience=2, look=3, final=0.25
    )
    parameter = jnp.zeros(())
    state, found = optimizer.init(parameter), []
    for loss in losses:
        for _ in range(3):
            update, state = optimizer.update(jnp.ones(()), state, parameter, value=jnp.float32(loss))
            found.append(-float(update))
    rate, best, waited, expected = 0.4, np.inf, 0, []
    for loss in losses:
        waited, best = (0, loss) if loss < best else (waited + 1, best)
        if waited == 2:
            rate, waited = max(0.5 * rate, 0.1), 0
        expected += [rate] * 3
    assert len(set(expected)) == 3
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_gradients_are_clipped_to_a_norm_of_all_nets_together():
    optimizer = optimizers.make("sgd", 1.0, 10, clip=2.0)
    gradients = {"a": jnp.asarray([3.0, 0.0]), "b": jnp.asarray([4.0])}
    update, _ = optimizer.update(gradients, optimizer.init(gradients), gradients)
    np.testing.assert_allclose(update["a"], [-1.2, 0.0], rtol=1e-6)
    np.testing.assert_allclose(update["b"], [-1.6], rtol=1e-6)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "adma"}, "did you mean adam"),
        ({"schedule": "cosin"}, "did you mean cosine"),
        ({"learning_rate": 0.0}, "positive, not 0.0"),
        ({"schedule": "exponential"}, "final > 0"),
        ({"schedule": "piecewise", "at": (0.5,)}, "0 factors for 1 places"),
        ({"schedule": "plateau", "factors": (0.5,)}, "set --config.validation.examples"),
        ({"schedule": "plateau", "factors": (), "look": 5}, "one factor between 0 and 1"),
        ({"schedule": "plateau", "factors": (0.5,), "look": 5, "patience": 0}, "patience of at least 1"),
        ({"clip": -1.0}, "not to -1.0"),
    ],
)
def test_bad_options_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        optimizers.make(**({"name": "adam", "learning_rate": 0.1, "steps": 10} | options))
