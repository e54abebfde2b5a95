"""Optimizers from plain options."""

from __future__ import annotations

import numpy as np
import optax

from coulomb_jax.naming import nearest

OPTIMIZERS = ("adam", "sgd")
SCHEDULES = ("constant", "cosine", "exponential", "piecewise", "plateau")


def rate(
    schedule: str,
    learning_rate: float,
    steps: int,
    *,
    final: float = 0.0,
    at: tuple[float, ...] = (),
    factors: tuple[float, ...] = (),
) -> optax.Schedule:
    """The learning rate by step; the arguments are those of `make`."""
    if schedule in ("constant", "plateau"):
        return optax.constant_schedule(learning_rate)
    if schedule == "cosine":
        return optax.cosine_decay_schedule(learning_rate, max(steps, 1), alpha=final)
    if schedule == "exponential":
        if not final > 0:
            raise ValueError(f"an exponential schedule ends at a positive factor, not {final}; set final > 0")
        return optax.exponential_decay(learning_rate, max(steps, 1), final)
    if schedule == "piecewise":
        if len(at) != len(factors):
            raise ValueError(
                f"a piecewise schedule has a factor for each place, not {len(factors)} factors for "
                f"{len(at)} places; make `at` and `factors` equally long"
            )
        places = (round(fraction * steps) for fraction in at)
        return optax.piecewise_constant_schedule(learning_rate, dict(zip(places, factors)))
    raise ValueError(nearest("schedule", schedule, SCHEDULES))


def make(
    name: str,
    learning_rate: float,
    steps: int,
    *,
    schedule: str = "constant",
    final: float = 0.0,
    at: tuple[float, ...] = (),
    factors: tuple[float, ...] = (),
    b1: float = 0.9,
    b2: float = 0.999,
    patience: int = 5,
    clip: float = 0.0,
    look: int = 0,
) -> optax.GradientTransformation:
    """An optimizer with a schedule over `steps` moves, for any move of any family.

    Args:
      name: "adam" [kingma2015], or "sgd" without momentum.
      learning_rate: at the start, > 0.
      steps: moves that the schedule runs over.
      schedule: "constant"; "cosine", down to `final` times the rate; "exponential", the same
        geometrically; "piecewise", times `factors[i]` from the fraction `at[i]` of the steps on; "plateau",
        times `factors[0]`, the only one, whenever `patience` looks at held-out examples in a row have not
        found a lower loss than the lowest before.
      final: the last rate over the first, in [0, 1]; of a plateau, the least one.
      at: fractions of the steps, in (0, 1), increasing.
      factors: one for each of `at`; they multiply up.
      b1: adam's decay of the first moment, in [0, 1).
      b2: adam's decay of the second moment, in [0, 1).
      patience: of a plateau, at least 1.
      clip: largest norm of the gradient, of all nets of the move together; 0 for none.
      look: moves between two looks at held-out examples, 0 for none.

    Raises:
      ValueError: an unknown name, or a rate or factor out of its range.
    """
    if name not in OPTIMIZERS:
        raise ValueError(nearest("optimizer", name, OPTIMIZERS))
    if not learning_rate > 0:
        raise ValueError(f"a learning rate is positive, not {learning_rate}; choose one above 0")
    if clip < 0:
        raise ValueError(f"gradients are clipped to a positive norm, or not at all with 0, not to {clip}")
    by_step = rate(schedule, learning_rate, steps, final=final, at=at, factors=factors)
    made = optax.sgd(by_step) if name == "sgd" else optax.adam(by_step, b1=b1, b2=b2)
    if clip:
        made = optax.chain(optax.clip_by_global_norm(clip), made)
    if schedule == "plateau":
        made = optax.chain(made, _plateau(factors, patience, look, final))
    return made


def _plateau(factors, patience, look, final) -> optax.GradientTransformationExtraArgs:
    """The factor on each step; every move between two looks is told the last loss, and counts."""
    if not look:
        raise ValueError("a plateau is of the loss of held-out examples; set --config.validation.examples")
    if len(factors) != 1 or not 0 < factors[0] < 1 or patience < 1:
        raise ValueError(
            "a plateau has one factor between 0 and 1 and a patience of at least 1, not "
            f"{tuple(factors)} and {patience}; change `factors` or `patience`"
        )
    # A tolerance relative to the loss would be none where it is negative; optax refuses to have none at all.
    tolerance = {"rtol": 0.0, "atol": float(np.finfo(np.float32).tiny)}
    return optax.contrib.reduce_on_plateau(factors[0], patience * look, min_scale=final, **tolerance)
