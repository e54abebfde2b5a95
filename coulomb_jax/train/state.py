"""What training changes, and nothing else: the state that a checkpoint holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from coulomb_jax.family import Family, Fit
from coulomb_jax.nets.bound import initialize


class State(NamedTuple):
    """The state of a run; with repetitions every leaf has them as its leading axis.

    Attributes:
      step: rounds played, over all stages; a `Fit` counts as one.
      params: parameters by net and by fit.
      stats: batch statistics by net.
      opt: optimizer states by update.
      average: running averages of `params` and `stats` over the rounds of the stage, or empty.
      best: what validation remembers of the stage (`validation.unseen`), or empty.
    """

    step: jax.Array
    params: dict[str, Any]
    stats: dict[str, Any]
    opt: dict[str, Any]
    average: dict[str, Any]
    best: dict[str, Any]


def copied(state: State) -> dict[str, Any]:
    """Copies of the nets' `params` and `stats`, without those of a `Fit`."""
    nets = {"params": {name: state.params[name] for name in state.stats}, "stats": state.stats}
    return jax.tree.map(jnp.copy, nets)


def weights(state: State) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and statistics to use a state with: their averages where it has them."""
    if not state.average:
        return state.params, state.stats
    return state.params | state.average["params"], state.stats | state.average["stats"]


def updates(family: Family) -> list:
    """The family's moves, over all its stages."""
    return [u for s in family.stages if not isinstance(s, Fit) for u in s.updates]


def init_model(family: Family, key: jax.Array, examples: int = 2) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fresh parameters and batch statistics, those of a `Fit` zeros of the right shape until it is made.

    Args:
      family: what to make.
      key: of the weights.
      examples: in the training set: a `Fit` may keep something for each.
    """
    params, stats = initialize(family.nets, key)
    for fit in (s for s in family.stages if isinstance(s, Fit)):
        codes = jax.ShapeDtypeStruct((examples, *family.nets["decoder"].takes), jnp.float32)
        shapes = jax.eval_shape(fit.fit, codes, key)
        params[fit.name] = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), shapes)
    return params, stats


def init(
    family: Family,
    optimizers: Mapping[str, optax.GradientTransformation],
    key: jax.Array,
    examples: int = 2,
) -> State:
    """A fresh state, for a training set of so many examples."""
    params, stats = init_model(family, key, examples)
    opt = {
        u.name: optimizers[u.name].init({name: params[name] for name in u.learns}) for u in updates(family)
    }
    return State(jnp.zeros((), jnp.int32), params, stats, opt, {}, {})
