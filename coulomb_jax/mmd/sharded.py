"""The unbiased estimate over several devices: rows stay where they are, columns travel."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float

from coulomb_jax.mmd.eager import compiled
from coulomb_jax.mmd.points import check_kernel, check_same_space, checked_points
from coulomb_jax.mmd.radial import Kernel
from coulomb_jax.mmd.sums import sum_between, sum_distinct


def mmd2_sharded(
    x: Float[Array, "n d"], y: Float[Array, "m d"], kernel: Kernel, *, mesh: Mesh | None = None
) -> Float[Array, ""]:
    """Unbiased MMD², each device evaluating its share of the pairs: `mmd2` to rounding.

    Every device keeps its rows of x and of y. Blocks of columns travel round a ring, one step at
    a time, and each unordered pair of points is evaluated on one device only: half a round is
    enough within a set. The n x n matrix exists nowhere; points that lie on the devices, row by
    row, stay there.

    Args:
        x: n points of d coordinates; at least two a device, and best a multiple of the devices:
            the n mod devices points left over are held by all.
        y: m points of d coordinates, likewise.
        kernel: for points of d coordinates. What is differentiated may be among its parameters, but
            not closed over by a plain function.
        mesh: the devices, along one axis; all of them where None.

    Returns:
        A scalar in float32 (float64 for float64 points), the same on all devices, differentiable
        in x, y and the kernel's parameters.

    Raises:
        TypeError: as `mmd2`.
        ValueError: as `mmd2`, or a mesh of several axes, or fewer than two points a device.

    Source: [gretton2012] eq. 3.

    >>> import jax
    >>> from coulomb_jax.mmd import energy, mmd2, mmd2_sharded
    >>> x, y = jax.random.normal(jax.random.key(0), (2, 64, 3))
    >>> bool(abs(mmd2_sharded(x, y, energy()) - mmd2(x, y, energy())) < 1e-6)
    True
    """
    x, y = checked_points("x", x), checked_points("y", y)
    check_kernel(kernel, check_same_space(x=x, y=y))
    if mesh is None:
        mesh = Mesh(np.array(jax.devices()), "devices")
    if not isinstance(mesh, Mesh):
        raise TypeError(f"mesh must be a jax.sharding.Mesh, got {mesh!r}; leave it out for all devices")
    if len(mesh.axis_names) != 1:
        raise ValueError(
            f"mesh must have one axis, got {mesh.axis_names}; "
            'make one with jax.sharding.Mesh(jax.devices(), "devices")'
        )
    fewest = min(x.shape[0], y.shape[0])
    if fewest < 2 * mesh.size:
        raise ValueError(
            f"x and y must hold at least 2 points for each of {mesh.size} devices, got {fewest}; "
            "use mmd2, or a mesh of fewer devices"
        )
    # The axis of jax.make_mesh is explicit: jax would then ask for the sharding of every array.
    return _sharded(x, y, kernel, mesh=Mesh(mesh.devices, mesh.axis_names))


@compiled
def _sharded(x, y, kernel, *, mesh):
    n, m = x.shape[0], y.shape[0]
    (axis,) = mesh.axis_names
    x, rest_x = jnp.split(x, [n - n % mesh.size])
    y, rest_y = jnp.split(y, [m - m % mesh.size])
    # A kernel that is no pytree, a plain function, is part of the program.
    leaves, tree = jax.tree.flatten(kernel)
    arrays = [leaf for leaf in leaves if not callable(leaf)]

    def local(x, y, rest_x, rest_y, arrays):
        kernel = tree.unflatten(arrays if arrays else leaves)
        ring = _Ring(kernel, axis, mesh.size)
        within_x = ring.distinct(x) + sum_between(x, rest_x, kernel)
        within_y = ring.distinct(y) + sum_between(y, rest_y, kernel)
        across = ring.between(x, y) + sum_between(x, rest_y, kernel) + sum_between(y, rest_x, kernel)
        return jax.lax.psum(jnp.stack([within_x, within_y, across]), axis)

    rows, all_of_it = PartitionSpec(axis), PartitionSpec()
    mapped = jax.shard_map(
        local,
        mesh=mesh,
        in_specs=(rows, rows, all_of_it, all_of_it, all_of_it),
        out_specs=all_of_it,
    )
    # Compiled for a plain function too: step by step, every operation would wait for all devices.
    within_x, within_y, across = jax.jit(mapped)(x, y, rest_x, rest_y, arrays)
    within_x += sum_distinct(rest_x, kernel)
    within_y += sum_distinct(rest_y, kernel)
    across += sum_between(rest_x, rest_y, kernel)
    return within_x * (2 / (n * (n - 1))) + within_y * (2 / (m * (m - 1))) - across * (2 / (n * m))


class _Ring:
    """Sums over pairs of points that lie on the devices of one axis."""

    def __init__(self, kernel, axis, size):
        self.kernel, self.axis, self.size = kernel, axis, size

    def between(self, x, y):
        """Return this device's share of the sum over all pairs of x and y."""
        total, _ = self.travel(sum_between(x, y, self.kernel), x, y, self.size - 1)
        return total

    def distinct(self, x):
        """Return this device's share of the sum over the distinct pairs of x."""
        total, other = self.travel(sum_distinct(x, self.kernel), x, x, (self.size - 1) // 2)
        if self.size % 2 == 0:
            total += self.opposite(x, self.passed_on(other))
        return total

    def travel(self, total, x, columns, steps):
        """Add to the total the sums of x with the columns of the devices before this one."""

        def step(carry, _):
            total, columns = carry
            columns = self.passed_on(columns)
            return (total + sum_between(x, columns, self.kernel), columns), None

        carry, _ = jax.lax.scan(step, (total, columns), None, length=steps)
        return carry

    def passed_on(self, points):
        """Return the points of the device before this one."""
        return jax.lax.ppermute(points, self.axis, [(i, (i + 1) % self.size) for i in range(self.size)])

    def opposite(self, x, other):
        """Return half of the pairs with the device across the ring, which takes the other half."""
        first = jax.lax.axis_index(self.axis) < self.size // 2
        rows, columns = jnp.where(first, x, other), jnp.where(first, other, x)
        half, odd = divmod(x.shape[0], 2)
        mine = jnp.where(first, rows[:half], rows[half + odd :])
        total = sum_between(mine, columns, self.kernel)
        if odd:  # both take the row in the middle
            total += sum_between(rows[half : half + 1], columns, self.kernel) / 2
        return total
