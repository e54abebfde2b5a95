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


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"name": "adma"}, "did you mean adam"),
        ({"schedule": "cosin"}, "did you mean cosine"),
        ({"learning_rate": 0.0}, "positive, not 0.0"),
        ({"schedule": "exponential"}, "final > 0"),
        ({"schedule": "piecewise", "at": (0.5,)}, "0 factors for 1 places"),
    ],
)
def test_bad_options_are_refused(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        optimizers.make(**({"name": "adam", "learning_rate": 0.1, "steps": 10} | options))
