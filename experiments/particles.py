"""`python -m experiments.particles`: Figure 1 of the Coulomb autoencoder, and Theorem 1 by counting."""

from __future__ import annotations

import functools
import itertools
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import flags
from jaxtyping import Array, Bool, Float

from coulomb_jax import mmd
from experiments import figures, folder
from experiments.charges import FIRST, FIXED, LAST, PLACES, flow, landed, landscape, minima, spacing

USAGE = """usage: python -m experiments.particles [--particles=8] [--starts=100] [--steps=10000] [--seed=0]
                                       [--workdir=DIR]

  --particles=8    targets, and as many free particles, in three dimensions
  --starts=100     draws of targets and starting places; every kernel gets the same
  --steps=10000    moves of every particle, a multiple of 4
  --seed=0         of the draws
  --workdir=DIR    where results and figures go; runs/particles where not said
"""
DEFAULTS = {"particles": 8, "starts": 100, "steps": 10_000, "seed": 0}
LEAST = {"particles": 2, "starts": 1, "steps": 4, "seed": 0}

IN_LINE = {
    "Gaussian": mmd.gaussian(1.0),
    "inverse multiquadratic": mmd.inverse_multiquadratic(1.0),
    "Coulomb": mmd.coulomb(1),
}
"""The kernels of Figure 1."""

ALONE = {"coulomb": mmd.coulomb(3, epsilon=1e-3), "energy": mmd.energy()}
WIDE = {
    "gaussian": mmd.gaussian,
    "inverse_multiquadratic": lambda width: mmd.inverse_multiquadratic(width**2),
}
WIDTHS = (1.0, 0.5, 0.25, 0.125)
"""Kernels in three dimensions, without a bandwidth and with one, in units of the median distance."""

CASES = [*((name, None) for name in ALONE), *itertools.product(WIDE, WIDTHS)]
DRAWN = [("coulomb", None), ("gaussian", 0.25), ("inverse_multiquadratic", 0.25)]

EXACT = 0.01  # radius around a target, in standard deviations of a coordinate
REST = 0.02  # a particle at rest moves less in the last quarter, in which it could move ten times that


class Ends(NamedTuple):
    """Where the flow from every start went."""

    points: Float[Array, "s n 3"]
    landed: Bool[Array, "s"]  # one particle within half the least spacing of every target
    exact: Bool[Array, "s"]  # one particle within EXACT of every target
    resting: Bool[Array, "s"]
    force: Float[Array, "s"]  # the largest that is left, in units of the largest at the start


def draws(particles: int, starts: int, seed: int) -> Float[Array, "2 s n 3"]:
    """Starting places and targets, from N(0, I)."""
    return jax.random.normal(jax.random.key(seed), (2, starts, particles, 3))


def made(name: str, width: float | None, start: Array, targets: Array) -> mmd.Kernel:
    """A kernel of ALONE, or one of WIDE whose width is in units of the median distance of all points."""
    return ALONE[name] if width is None else WIDE[name](width * mmd.median_heuristic(start, targets))


def ends(name: str, width: float | None, *, particles: int, starts: int, steps: int, seed: int) -> Ends:
    """Flows under one kernel from many starts, each with targets of its own.

    Args:
      name: of the kernel, as for `made`.
      width: of the kernel, as for `made`.
      particles: targets, and as many free ones.
      starts: draws.
      steps: moves of a particle, a multiple of 4.
      seed: of the draws.
    """
    start, targets = draws(particles, starts, seed)
    kernels = jax.vmap(functools.partial(made, name, width))(start, targets)
    return _ends(start, targets, kernels, steps)


def counts(flows: Ends) -> dict[str, int | float | None]:
    """How many starts ended how, and the force left (the median) where they rest on no permutation."""
    hit, resting = np.asarray(flows.landed), np.asarray(flows.resting)
    stuck = resting & ~hit
    return {
        "landed": int(hit.sum()),
        "exact": int(np.sum(flows.exact)),
        "stuck": int(stuck.sum()),
        "moving": int(np.sum(~resting & ~hit)),
        "force_left": float(np.median(np.asarray(flows.force)[stuck])) if stuck.any() else None,
    }


def run(workdir: Path, options: dict[str, int]) -> dict[str, Any]:
    """Computes, draws and writes everything, and returns the contents of `results.json`.

    Args:
      workdir: the run folder.
      options: `particles`, `starts`, `steps` and `seed`, as for `ends`.

    Raises:
      ValueError: a number is out of range, or the folder holds something else; nothing was done.
    """
    for name, least in LEAST.items():
        if options[name] < least:
            raise ValueError(f"{name} is at least {least}, not {options[name]}; change --{name}")
    if options["steps"] % 4:
        raise ValueError(f"steps is a multiple of 4, not {options['steps']}; change --steps")
    folder.claim(workdir, options)
    folder.write(workdir / "environment.json", folder.environment())
    began = time.perf_counter()
    lands = {name: [landscape(kernel, charges) for charges in (1, 2)] for name, kernel in IN_LINE.items()}
    lows = {name: [minima(values) for values in pair] for name, pair in lands.items()}
    flows = {case: ends(*case, **options) for case in CASES}
    rows = [{"kernel": name, "width": width} | counts(flows[name, width]) for name, width in CASES]

    shown = workdir / "figures"
    figures.landscapes(shown / "landscapes.png", PLACES, FIXED, lands, lows)
    figures.landings(shown / "landings.png", rows, options["starts"])
    figures.flows_in_plane(shown / "flows.png", *_ways(flows, **options))
    results = {
        "metrics": {
            "minima": {name: {"one": len(one), "two": len(two)} for name, (one, two) in lows.items()},
            "flows": rows,
        },
        "protocol": options | {"exact": EXACT, "rest": REST, "first_pace": FIRST, "last_pace": LAST},
        "timing": {"seconds": round(time.perf_counter() - began, 1)},
    }
    folder.write(workdir / "results.json", results)
    return results


def report(results: dict[str, Any]) -> str:
    """The counts as lines for the screen."""
    lines = ["local minima of MMD² to charges at -4, 0, 4   one charge  two charges"]
    for name, found in results["metrics"]["minima"].items():
        lines.append(f"  {name:<43} {found['one']:>10} {found['two']:>12}")
    starts = results["protocol"]["starts"]
    lines.append(f"{starts} starts   width / median   landed  within {EXACT}   stuck   moving   force left")
    for row in results["metrics"]["flows"]:
        width, left = (f"{row[key]:.3g}" if row[key] else "" for key in ("width", "force_left"))
        told = [row[key] for key in ("landed", "exact", "stuck", "moving")]
        lines.append(
            "  {:<22} {:>6} {:>8} {:>12} {:>7} {:>8} {:>12}".format(row["kernel"], width, *told, left)
        )
    return "\n".join(lines)


def main(arguments: list[str]) -> None:
    """The command."""
    if {"--help", "-h"} & set(arguments):
        print(USAGE)
        return
    values = flags.FlagValues()
    flags.DEFINE_string("workdir", "runs/particles", "The run folder.", flag_values=values)
    for name, default in DEFAULTS.items():
        flags.DEFINE_integer(name, default, "A number.", flag_values=values)
    try:
        left = values(["particles", *arguments])[1:]
    except flags.Error as error:
        raise ValueError(str(error)) from error
    if left:
        raise ValueError(f"the command takes flags only, not {' '.join(left)}")
    workdir = Path(values.workdir).expanduser()
    print(report(run(workdir, {name: values[name].value for name in DEFAULTS})))
    print(f"results: {workdir / 'results.json'}")
    print(f"figures: {workdir / 'figures'}")


# One program for all widths of a kernel: they are its leaves.
@functools.partial(jax.jit, static_argnums=3)
@functools.partial(jax.vmap, in_axes=(0, 0, 0, None))
def _ends(start, targets, kernel, steps):
    *_, late, end = flow(start, targets, kernel, steps=steps, frames=4)
    slope = jax.grad(lambda x: mmd.mmd2(x, targets, kernel))
    before, after = (jnp.max(jnp.linalg.norm(slope(x), axis=-1)) for x in (start, end))
    return Ends(
        points=end,
        landed=landed(end, targets, spacing(targets) / 2),
        exact=landed(end, targets, EXACT),
        resting=jnp.max(jnp.linalg.norm(end - late, axis=-1)) < REST,
        force=after / before,
    )


def _ways(flows, *, particles, starts, steps, seed):
    """Targets and ways of a start at which the kernels of DRAWN differ, or of the first."""
    first, *others = (np.asarray(flows[case].landed) for case in DRAWN)
    chosen = int(np.argmax(first & ~np.any(others, axis=0)))
    start, targets = draws(particles, starts, seed)[:, chosen]
    ways = {}
    for name, width in DRAWN:
        kernel = made(name, width, start, targets)
        way = jax.jit(flow, static_argnames=("steps", "frames"))(
            start, targets, kernel, steps=steps, frames=steps
        )
        title = name.replace("_", " ") + (f", {width:g} median" if width else "")
        ways[title] = np.concatenate([start[None], way])
    return np.asarray(targets), ways


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
