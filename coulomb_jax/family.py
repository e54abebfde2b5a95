"""The five types that every system is made of.

A `Family` is data plus small functions: the nets it trains, the stages it trains them in, and how it
encodes, decodes and draws. `coulomb_jax.train` plays any family; no family has a loop of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple


class Net(NamedTuple):
    """A network and what it takes.

    Attributes:
      module: a flax module called as `module(x, train=...)`.
      takes: shape of one example of its input, without the batch axis; None where it takes nothing
        (pseudo-inputs, a mask).
      remat: training forgets what is inside the net and computes it again for the gradient: less memory,
        about a third more work.
    """

    module: Any
    takes: tuple[int, ...] | None
    remat: bool = False


class Update(NamedTuple):
    """One player's move: a gradient step on some of the nets.

    Attributes:
      name: the move's name; its optimizer is `optimizers[name]`, its metrics are `name/quantity`.
      objective: pure function `(nets, x, key) -> (loss, {quantity: scalar})`. `nets` is a
        `coulomb_jax.nets.bound.Bound`, `x` this device's part of a batch.
      learns: the only nets whose parameters and batch statistics the move may change.
      repeat: moves in a round, each with its own batch and key.
    """

    name: str
    objective: Callable
    learns: tuple[str, ...]
    repeat: int = 1


class Stage(NamedTuple):
    """Rounds of moves, played in order; each move sees what the one before it did.

    Attributes:
      name: of the stage; its rounds are `steps[name]`.
      updates: its moves.
      until: a metric, "update/quantity", and a value: the stage ends after the first round in which the
        metric is below it (in every repetition), or after its rounds.
    """

    name: str
    updates: tuple[Update, ...]
    until: tuple[str, float] | None = None


class Fit(NamedTuple):
    """Parameters found in closed form, not by gradient, from the codes of the training set.

    Attributes:
      name: the parameters are kept as `params[name]`, and are `nets.<name>` from then on.
      fit: pure function `(z, key) -> arrays`, with `z` the codes `[n d]`.
    """

    name: str
    fit: Callable


class MmdLoss(NamedTuple):
    """The loss recon_scale * squared error + weight * MMD² to the prior, for the bounds of its theorem 2.

    Attributes:
      kernel: of `coulomb_jax.mmd`.
      weight: of MMD².
      recon_scale: of the squared error summed over coordinates.
    """

    kernel: Callable
    weight: float
    recon_scale: float


class Family(NamedTuple):
    """A generative autoencoder.

    Attributes:
      nets: the nets by role (`encoder`, `decoder`, `critic`, ...).
      stages: what training does, in order.
      encode: `(nets, x, key) -> z`; a key of None asks for the posterior's mean.
      decode: `(nets, z) -> x`.
      draw: `(nets, key, n) -> z`, codes to decode into samples. A sampler maps a Family to a Family
        with another `draw`.
      cluster: `z -> integers`, the component of the prior that a code belongs to; None where the
        prior has no components.
      mmd_loss: what the loss is made of where it is that of [sansone2019]; else None.
    """

    nets: Mapping[str, Net]
    stages: tuple[Stage | Fit, ...]
    encode: Callable
    decode: Callable
    draw: Callable
    cluster: Callable | None = None
    mmd_loss: MmdLoss | None = None
