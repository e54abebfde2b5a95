"""How a step is launched: what the compiled program is made of."""

import jax
import numpy as np
import pytest

from coulomb_jax.data.batches import BatchOrder
from coulomb_jax.train import feed
from coulomb_jax.train.launch import launch


@pytest.mark.parametrize(("steps", "loops"), [(1, False), (4, True)])
def test_one_step_a_call_is_no_loop(steps, loops):
    # XLA on a CPU runs a convolution's gradient many times slower inside a loop, one of a single turn too.
    def step(state, batches, key):
        return state + batches.mean(), {"a": state}

    devices = jax.local_devices()[:1]
    examples = feed.make("whole", np.ones((3, 2), np.float32), [BatchOrder(3, 2, 0)], devices)
    run = launch(step, examples, devices=devices, pixel_range=None, repeated=False, own_data=False)
    (places,) = examples.entries(1, [(0, steps)])
    program = run.lower(np.float32(0.0), examples.held, places, jax.random.key(0))
    assert ("while" in program.as_text()) == loops
