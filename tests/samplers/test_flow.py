"""The flow behind an autoencoder: what it is trained on, and what it draws."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

from coulomb_jax import families, samplers
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import AXIS, Bound
from coulomb_jax.train.state import init
from coulomb_jax.train.step import play


def made(**options):
    plain = families.make("autoencoder", Architecture((2,), 2, hidden=(4,)))
    return plain, samplers.apply("flow", plain, **options)


def test_its_loss_is_the_codes_negative_log_likelihood_but_for_the_constants():
    _, family = made()
    moments = {"mean": jnp.asarray([1.0, -2.0]), "deviation": jnp.asarray([0.5, 3.0])}
    nets = SimpleNamespace(
        encoder=lambda x: x, moments=moments, flow=lambda z: (2.0 * z + 1.0, jnp.full(len(z), 2 * np.log(2)))
    )
    x = np.random.default_rng(0).normal(size=(9, 2))
    loss, _ = family.stages[-1].updates[0].objective(nets, jnp.asarray(x, jnp.float32), jax.random.key(0))
    # u = 2 (x - m) / s + 1 is normal: x is N(m - s / 2, (s / 2)^2).
    log_p = stats.norm.logpdf(x, [0.75, -3.5], [0.25, 1.5]).sum(axis=1).mean()
    constants = np.log(2 * np.pi) + np.log(0.5 * 3.0)  # of N(0, I), and of the units of the codes
    np.testing.assert_allclose(loss, -log_p - constants, rtol=1e-5)


def test_it_stands_behind_the_family_and_changes_nothing_of_it():
    plain, family = made()
    assert family.stages[0] is plain.stages[0]
    assert [s.name for s in family.stages] == ["train", "moments", "flow"]
    (update,) = family.stages[-1].updates
    assert update.learns == ("flow",)
    assert family.encode is plain.encode
    assert family.decode is plain.decode


@pytest.mark.slow
def test_it_learns_a_law_of_codes_that_is_far_from_normal():
    # Codes on a parabola: y = x^2 / 2 + noise, x normal. The encoder is made to be the identity.
    plain, _ = made()
    itself = plain._replace(encode=lambda nets, x, key: x)
    family = samplers.apply("flow", itself, hidden=(32, 32))
    stage = family.stages[-1]
    optimizers = {"autoencoder": optax.adam(1e-3), "flow": optax.adam(optax.cosine_decay_schedule(5e-3, 800))}
    state = init(family, optimizers, jax.random.key(0))
    step = jax.jit(
        jax.vmap(play(family, stage, optimizers), axis_name=AXIS, in_axes=(None, 1, None), out_axes=None)
    )
    rng = np.random.default_rng(0)

    def codes(n):
        x = rng.normal(size=n)
        return np.stack([x, x**2 / 2 + 0.1 * rng.normal(size=n)], axis=1).astype(np.float32)

    moments = family.stages[1].fit(jnp.asarray(codes(5000)), jax.random.key(0))
    state = state._replace(params=state.params | {"moments": moments})
    batches = codes(800 * 500).reshape(800, 1, 1, 500, 2)
    state, _ = jax.lax.scan(lambda state, x: step(state, x, jax.random.key(1)), state, batches)
    nets = Bound(family.nets, state.params, state.stats)
    z = np.asarray(jax.jit(lambda key: family.draw(nets, key, 4000))(jax.random.key(2)))
    left = z[:, 1] - z[:, 0] ** 2 / 2
    assert np.median(np.abs(left)) < 0.2  # 0.07 for the law itself; one normal law has 0.6
    assert stats.kstest(z[:, 0], "norm").statistic < 0.06


def test_no_block_is_refused():
    with pytest.raises(ValueError, match="at least 1 block, not 0"):
        made(blocks=0)
