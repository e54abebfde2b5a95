"""Batches that do not fit: what is proposed in their place is compiled, and so is the next one up."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax.data.batches import BatchOrder
from coulomb_jax.train import feed, memory
from coulomb_jax.train.launch import first_call, launch
from coulomb_jax.train.state import init
from coulomb_jax.train.step import play
from tests.families import table


def compiler(devices):
    """Compiles a call of a family for any batch, from shapes alone."""
    row = table.row("vae.py", "digits")
    used = jax.local_devices()[:devices]
    pixels = np.zeros((1000, *row.x_shape), np.uint8)
    run = launch(
        play(row.family, row.family.stages[0], row.optimizers),
        feed.make("whole", pixels, [BatchOrder(1000, devices, 0)], used),
        devices=used,
        pixel_range=row.x_range,
        repeated=False,
        own_data=False,
    )
    key = jax.eval_shape(lambda: jax.random.key(0))
    state = jax.eval_shape(lambda key: init(row.family, row.optimizers, key), key)
    data = jax.ShapeDtypeStruct((1000, *row.x_shape), jnp.uint8)

    def compile_at(batch):
        places = jax.ShapeDtypeStruct((devices, 1, 1, batch // devices), jnp.int32)
        return run.lower(state, data, places, key).compile()

    return compile_at


@pytest.mark.slow
def test_the_batch_proposed_fits_and_the_next_one_does_not():
    devices = 4
    compile_at = compiler(devices)
    room = memory.needed(compile_at, 600) - 1
    error = memory.too_large(4000, compile_at, limit=room, multiple=devices)
    proposed = int(str(error).partition("--config.batch=")[2].split(",")[0])
    assert proposed % devices == 0
    assert 0.8 * 600 < proposed < 600
    assert memory.needed(compile_at, proposed) <= room < memory.needed(compile_at, proposed + devices)


def test_needed_is_the_sum_of_what_is_alive():
    def step(state, x):
        return state + x[0, 0], jnp.sin(x @ x.T) @ x

    def compile_at(n):
        shapes = (jax.ShapeDtypeStruct(s, jnp.float32) for s in ((1000,), (n, 50)))
        return jax.jit(step, donate_argnums=0).lower(*shapes).compile()

    # The state once, since it is donated; the batch, a result of its size, and the product between them.
    least = 4 * (1000 + 2 * 300 * 50 + 300 * 300)
    assert least <= memory.needed(compile_at, 300) < 1.01 * least


@pytest.mark.parametrize("multiple", [1, 8])
@pytest.mark.parametrize(
    "law",
    [
        lambda n: 10_000 + 37 * n,
        lambda n: 500 + 3 * n + n * n // 40,  # an MMD's pairs
        lambda n: 4096 * (1 + n // 100),  # padding
        lambda n: 90_000 if n < 300 else 90_000 + 200 * n,  # another algorithm
        lambda n: 37 * n if n < 2500 else None,  # a compiler that refuses
    ],
)
def test_the_largest_batch_of_a_law(law, multiple):
    for room in (20_000, 95_000, 170_000):
        asked = []

        def needed(n, asked=asked):
            asked.append(n)
            return law(n)

        fit = [n for n in range(multiple, 5000, multiple) if law(n) is not None and law(n) <= room]
        expected = max(fit, default=None)
        if expected == 4999 // multiple * multiple:
            continue
        found = memory.largest(needed, room, below=5000, multiple=multiple)
        assert len(asked) <= memory.TRIES
        assert found == expected or len(asked) == memory.TRIES
        if found is not None:
            assert law(found) <= room
            assert found >= 0.9 * expected


def test_a_linear_law_takes_four_programs():
    asked = []

    def needed(n):
        asked.append(n)
        return 1000 + 10 * n

    assert memory.largest(needed, 3457, below=1000, multiple=4) == 244
    assert asked == [124, 248, 244]


def test_a_refusal_is_explained_and_other_errors_are_left_alone():
    compile_at, devices = compiler(1), jax.local_devices()[:1]
    assert memory.limit(devices) is None  # a CPU does not say
    told = r"batch of 64 does not fit .* needs 0\.\d+ GiB on each; choose"
    with pytest.raises(memory.TooLarge, match=told), memory.explained(64, compile_at, devices):
        jax.block_until_ready(jax.jit(lambda: jnp.zeros((1 << 20, 1 << 20)) + 1.0)())
    with pytest.raises(ZeroDivisionError), memory.explained(64, compile_at, devices):
        raise ZeroDivisionError
    other = jax.errors.JaxRuntimeError("INTERNAL: something else")
    with pytest.raises(jax.errors.JaxRuntimeError, match="else"), memory.explained(64, compile_at, devices):
        raise other


def stub(law):
    """A compiler whose programs need what a law says, and that refuses what has no size."""

    class Compiled:
        def __init__(self, size):
            self.argument_size_in_bytes, self.output_size_in_bytes, self.alias_size_in_bytes = 50, 50, 50
            self.temp_size_in_bytes, self.generated_code_size_in_bytes = size - 50, 0

        def memory_analysis(self):
            return self

    def compile_at(batch):
        if law(batch) is None:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Ran out of memory in memory space hbm.")
        return Compiled(law(batch))

    return compile_at


def test_what_the_message_says():
    gib = 2**30
    said = str(memory.too_large(400, stub(lambda n: n * gib), limit=100 * gib, multiple=8))
    assert "needs 400 GiB on each, where 100 GiB are free to use" in said
    assert "the largest batch that fits is 96: set --config.batch=96" in said
    # A compiler that refuses tells no size.
    said = str(
        memory.too_large(400, stub(lambda n: n * gib if n <= 100 else None), limit=90 * gib, multiple=1)
    )
    assert "of its 1 device(s): where 90 GiB" in said
    assert "--config.batch=90" in said
    # What should have fitted was refused: a tenth is left to whatever took it.
    said = str(memory.too_large(400, stub(lambda n: n * gib), limit=500 * gib, multiple=1))
    assert "--config.batch=360" in said
    said = str(memory.too_large(400, stub(lambda n: 200 * gib), limit=100 * gib, multiple=1))
    assert "no batch fits; set --config.remat=True" in said


def test_a_limit_is_that_of_the_smallest_device():
    class Device:
        def __init__(self, stats):
            self.memory_stats = lambda: stats

    sizes = [{"bytes_limit": 3, "bytes_in_use": 1}, {"bytes_limit": 2}, None, {}]
    assert memory.limit([Device(s) for s in sizes]) == 2
    assert np.all(memory.limit([Device(None)]) is None)


def test_the_first_call_of_a_step_that_does_not_fit_proposes_a_batch(monkeypatch):
    compiled = compiler(1)

    class Refusing:
        def __call__(self, *arguments):
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: out of memory")

        def lower(self, state, held, entries, key):
            assert entries.shape[:3] == (1, 1, 1)
            return Compiles(entries.shape[3])

    class Compiles:
        def __init__(self, batch):
            self.batch = batch

        def compile(self):
            return compiled(self.batch)

    room = memory.needed(compiled, 500)
    monkeypatch.setattr(memory, "limit", lambda devices: room)
    arguments = (np.zeros(3), None, np.zeros((1, 1, 1, 2000), np.int32), jax.random.key(0))
    with pytest.raises(memory.TooLarge, match=r"largest batch that fits is (49\d|50\d)"):
        first_call(Refusing(), arguments, batch=2000, batch_axis=-1, devices=jax.local_devices()[:1])
