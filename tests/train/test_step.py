"""A round of moves: who learns, in which order, how often, on which batch."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from coulomb_jax.family import Family, Net, Stage, Update
from coulomb_jax.nets.bound import AXIS
from coulomb_jax.train.state import init
from coulomb_jax.train.step import play


class Number(nn.Module):
    """One parameter, given back."""

    @nn.compact
    def __call__(self, *, train):
        return self.param("value", nn.initializers.ones, ())


def two_players():
    """The critic moves twice by the batch's mean, then the generator follows the critic."""

    def critic(nets, x, key):
        return -nets.critic() * jnp.mean(x) + 0.0 * nets.generator(), {"x": jnp.mean(x)}

    def generator(nets, x, key):
        return -nets.critic() * nets.generator(), {"critic": nets.critic(), "x": jnp.mean(x)}

    updates = (
        Update("critic", critic, ("critic",), repeat=2),
        Update("generator", generator, ("generator",)),
    )
    nets = dict.fromkeys(("critic", "generator", "bystander"), Net(Number(), None))
    return Family(nets, (Stage("train", updates),), None, None, None)


def test_moves_are_played_in_order_each_on_its_own_batch_and_change_their_own_net():
    family = two_players()
    rates = {"critic": optax.sgd(1.0), "generator": optax.sgd(0.5)}
    start = init(family, rates, KEY)
    step = jax.vmap(play(family, family.stages[0], rates), in_axes=(None, 1, None), axis_name=AXIS)
    batches = jnp.array([[[2.0, 4.0]], [[10.0, 20.0]]])  # [moves, devices, b]
    state, metrics = jax.tree.map(lambda a: a[0], step(start, batches, KEY))
    # The critic: 1 + 3 on the first batch, + 15 on the second; the generator sees 19 and the first batch.
    np.testing.assert_allclose(state.params["critic"]["value"], 19.0)
    np.testing.assert_allclose(metrics["critic/x"], 15.0)
    np.testing.assert_allclose(metrics["generator/critic"], 19.0)
    np.testing.assert_allclose(metrics["generator/x"], 3.0)
    np.testing.assert_allclose(state.params["generator"]["value"], 1.0 + 0.5 * 19.0)
    np.testing.assert_allclose(state.params["bystander"]["value"], 1.0)
    assert int(state.step) == 1


def test_rounds_count_from_the_start_of_their_stage():
    def objective(nets, x, key):
        return 0.0 * nets.critic(), {"round": jnp.asarray(nets.step, jnp.float32)}

    family = two_players()._replace(stages=(Stage("late", (Update("u", objective, ("critic",)),)),))
    start = init(family, {"u": optax.sgd(1.0)}, KEY)
    step = play(family, family.stages[0], {"u": optax.sgd(1.0)}, start=7)
    run = jax.vmap(step, in_axes=(None, 1, None), axis_name=AXIS)
    _, metrics = run(start._replace(step=jnp.int32(9)), jnp.zeros((1, 1, 2)), KEY)
    np.testing.assert_allclose(metrics["u/round"], [2.0])


KEY = jax.random.key(0)
