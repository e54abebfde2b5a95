"""How a step is launched: what the compiled program is made of, and how places are shared out."""

import jax
import numpy as np
import pytest

from coulomb_jax.train import launch


@pytest.mark.parametrize(("steps", "loops"), [(1, False), (4, True)])
def test_one_step_a_call_is_no_loop(steps, loops):
    # XLA on a CPU runs a convolution's gradient many times slower inside a loop, one of a single turn too.
    def step(state, batches, key):
        return state + batches.mean(), {"a": state}

    run = launch.launch(
        step, devices=jax.local_devices()[:1], pixel_range=None, repeated=False, own_data=False
    )
    places = np.zeros((1, steps, 1, 2), np.int32)
    program = run.lower(np.float32(0.0), np.ones((3, 2), np.float32), places, jax.random.key(0))
    assert ("while" in program.as_text()) == loops


def test_places_are_shared_out_in_order():
    places = np.arange(24).reshape(2, 1, 12)  # [steps, moves, b]
    shared = launch.split(places, 3)
    assert shared.shape == (3, 2, 1, 4)
    np.testing.assert_array_equal(np.concatenate(list(shared), axis=-1), places)
