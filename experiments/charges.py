"""Free charges that descend the MMD² to fixed ones: what they see, and where they end."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float
from scipy import ndimage

from coulomb_jax import mmd

FIXED = np.array([-4.0, 0.0, 4.0])
PLACES = np.linspace(-8.0, 8.0, 129)
"""Figure 1 of [sansone2019]: the charges of one sign, and where those of the other are put."""

FIRST, LAST = 0.02, 1e-5
"""The pace of a flow at its start and at its end."""


def regularizer(free: Float[Array, "n"], kernel: mmd.Kernel) -> Float[Array, ""]:
    """MMD² between free charges and the fixed ones on a line, both of total charge one.

    The second addend of [sansone2019] eq. 1. Its densities have mass one; with three unit charges
    against two, the pair of minima of the paper would be a plateau.
    """
    places = jnp.concatenate([free, jnp.asarray(FIXED, free.dtype)])
    charges = jnp.concatenate([jnp.full(len(free), -1 / len(free)), jnp.full(len(FIXED), 1 / len(FIXED))])
    return charges @ kernel((places[:, None] - places[None, :]) ** 2) @ charges


def landscape(kernel: mmd.Kernel, charges: int) -> Float[np.ndarray, "..."]:
    """The regularizer at all PLACES of so many free charges, an axis for each."""
    free = np.stack(np.meshgrid(*[PLACES] * charges, indexing="ij"), -1).astype(np.float32)
    values = jax.jit(jax.vmap(lambda places: regularizer(places, kernel)))(free.reshape(-1, charges))
    return np.asarray(values).reshape(free.shape[:-1])


def minima(values: Float[np.ndarray, "..."]) -> Float[np.ndarray, "k c"]:
    """Places of the local minima of a landscape: none of the neighbours, diagonal ones too, is lower."""
    lowest = values == ndimage.minimum_filter(values, 3, mode="constant", cval=-np.inf)
    groups, count = ndimage.label(lowest, np.ones((3,) * values.ndim))
    centres = ndimage.center_of_mass(lowest, groups, np.arange(1, count + 1))
    return np.interp(np.reshape(centres, (count, values.ndim)), np.arange(len(PLACES)), PLACES)


def flow(
    start: Float[Array, "n d"],
    targets: Float[Array, "n d"],
    kernel: mmd.Kernel,
    *,
    steps: int = 10_000,
    frames: int = 1,
) -> Float[Array, "f n d"]:
    """The way of free particles down the unbiased MMD² to fixed targets, [sansone2019] eq. 2.

    In a step a particle moves along its own force, its fastest coordinate by the pace times its
    reach: its distance from the targets' centre plus their standard deviation. The pace shrinks
    from 2 % to 0.001 %. So the force gives the direction alone: that of a Coulomb kernel has no bound,
    that in the tails of the others is next to nothing, and they should not lose for being slow.

    Args:
      start: where the particles begin.
      targets: fixed, as many as particles.
      kernel: for points of d coordinates.
      steps: a multiple of frames.
      frames: how many places of every particle to return, after equal numbers of steps.
    """
    centre, spread = jnp.mean(targets, 0), jnp.std(targets)
    slope = jax.grad(lambda x: mmd.mmd2(x, targets, kernel))

    def move(x, pace):
        force = -slope(x)
        # A norm would square it, and the square of a weak force is 0.
        largest = jnp.max(jnp.abs(force), -1, keepdims=True)
        reach = spread + jnp.linalg.norm(x - centre[None, :], axis=-1, keepdims=True)
        return x + pace * reach * force / jnp.where(largest > 0.0, largest, 1.0), None

    def frame(x, paces):
        x, _ = jax.lax.scan(move, x, paces)
        return x, x

    return jax.lax.scan(frame, start, jnp.geomspace(FIRST, LAST, steps).reshape(frames, -1))[1]


def landed(points: Float[Array, "n d"], targets: Float[Array, "n d"], radius: float) -> Bool[Array, ""]:
    """Whether the points are a permutation of the targets: within the radius of each lies exactly one."""
    near = distances(points, targets) < radius
    return jnp.all(jnp.sum(near, 0) == 1) & jnp.all(jnp.sum(near, 1) == 1)


def spacing(targets: Float[Array, "n d"]) -> Float[Array, ""]:
    """The least distance between two of the targets."""
    return jnp.min(distances(targets, targets) + jnp.diag(jnp.full(len(targets), jnp.inf)))


def distances(x: Float[Array, "n d"], y: Float[Array, "m d"]) -> Float[Array, "n m"]:
    """Those between the points of two sets."""
    return jnp.linalg.norm(x[:, None] - y[None, :], axis=-1)
