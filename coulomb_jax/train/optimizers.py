"""Optimizers from plain options."""

from __future__ import annotations

import optax

from coulomb_jax.naming import nearest

OPTIMIZERS = ("adam", "sgd")
SCHEDULES = ("constant", "cosine", "exponential", "piecewise")


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
    if schedule == "constant":
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
) -> optax.GradientTransformation:
    """An optimizer with a schedule over `steps` moves.

    Args:
      name: "adam" [kingma2015], or "sgd" without momentum.
      learning_rate: at the start, > 0.
      steps: moves that the schedule runs over.
      schedule: "constant"; "cosine", down to `final` times the rate; "exponential", the same
        geometrically; "piecewise", times `factors[i]` from the fraction `at[i]` of the steps on.
      final: the last rate over the first, in [0, 1].
      at: fractions of the steps, in (0, 1), increasing.
      factors: one for each of `at`; they multiply up.
      b1: adam's decay of the first moment, in [0, 1).
      b2: adam's decay of the second moment, in [0, 1).

    Raises:
      ValueError: an unknown name, or a rate or factor out of its range.
    """
    if name not in OPTIMIZERS:
        raise ValueError(nearest("optimizer", name, OPTIMIZERS))
    if not learning_rate > 0:
        raise ValueError(f"a learning rate is positive, not {learning_rate}; choose one above 0")
    by_step = rate(schedule, learning_rate, steps, final=final, at=at, factors=factors)
    return optax.sgd(by_step) if name == "sgd" else optax.adam(by_step, b1=b1, b2=b2)
