"""What a point cloud must be before an estimator touches it."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float


def wide(values: ArrayLike) -> Array:
    """Return ``values`` in the precision sums are made in: float32, or float64 if they have it.

    bfloat16 keeps three digits: a squared distance or a mean over n² terms made in it is noise.
    """
    values = jnp.asarray(values)
    return values.astype(jnp.promote_types(values.dtype, jnp.float32))


def checked_points(name: str, points: Float[Array, "n d"], least: int = 2) -> Float[Array, "n d"]:
    """Return ``points`` in float32 or float64, or say in one sentence what is wrong with them.

    Args:
        name: what the caller calls them; it opens every message.
        points: n points of d coordinates, any floating dtype.
        least: smallest n allowed.

    Values are checked only where they are known: inside jit, grad and vmap a non-finite
    coordinate passes and shows in the result.

    Raises:
        TypeError: the dtype is not a real floating one.
        ValueError: the rank is not 2, an axis is too short, or a known value is not finite.
    """
    array = points if isinstance(points, jax.Array) else np.asarray(points)
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise TypeError(
            f"{name} must hold real floating-point numbers, got dtype {array.dtype}; "
            f"convert it first, for example {name}.astype('float32')"
        )
    if array.ndim != 2:
        raise ValueError(
            f"{name} must have two axes [points, coordinates], got shape {array.shape}; "
            "reshape it, one row a point"
        )
    if array.shape[0] < least or array.shape[1] < 1:
        raise ValueError(
            f"{name} must hold at least {least} points of at least one coordinate, "
            f"got shape {array.shape}; pass more points"
        )
    if not isinstance(array, jax.core.Tracer) and getattr(array, "is_fully_addressable", True):
        finite = np.isfinite(np.asarray(array))
        if not finite.all():
            raise ValueError(
                f"{name} must be finite, got {np.size(finite) - np.sum(finite)} NaN or infinite "
                f"values in {np.sum(~finite.all(axis=1))} rows; drop or repair those rows"
            )
    return wide(array)


def check_same_space(**clouds: Float[Array, "n d"]) -> int:
    """Return the number of coordinates all the clouds share.

    Raises:
        ValueError: they have different numbers of coordinates.
    """
    dims = {name: points.shape[1] for name, points in clouds.items()}
    if len(set(dims.values())) > 1:
        found = ", ".join(f"{name} has {dim}" for name, dim in dims.items())
        raise ValueError(
            f"all points must have the same number of coordinates, but {found}; "
            "bring them into one space first"
        )
    return next(iter(dims.values()))


def check_kernel(kernel, dim: int) -> None:
    """Refuse what is no kernel, and a kernel made for points of another dimension than ``dim``.

    Raises:
        TypeError: ``kernel`` cannot be called, or its class is not registered.
        ValueError: it was made for another dimension, or holds several kernels.
    """
    if not callable(kernel):
        raise TypeError(
            f"kernel must be a kernel such as gaussian(1.0), got {kernel!r}; "
            "call one of the constructors of coulomb_jax.mmd"
        )
    leaves = jax.tree.leaves(kernel)
    for leaf in leaves:
        if hasattr(leaf, "space_dim"):  # a kernel's leaves are its parameters, never kernels
            raise TypeError(
                f"a class of kernels must be registered, but {type(leaf).__name__} is not; decorate it "
                "with coulomb_jax.mmd.register()"
            )
    if any(getattr(leaf, "ndim", 0) for leaf in leaves):
        raise ValueError(
            f"every parameter of a kernel must be one number, but {kernel!r} has arrays; jax.vmap over it"
        )
    made_for = getattr(kernel, "space_dim", None)
    if made_for is not None and made_for != dim:
        raise ValueError(
            f"{kernel!r} was made for points of {made_for} coordinates, but these have {dim}; "
            f"make the kernel for dimension {dim}"
        )


def checked_key(key: Array) -> Array:
    """Return ``key``, checked to be one random key.

    Raises:
        TypeError: it is no random key.
        ValueError: it holds several.
    """
    kind = getattr(key, "dtype", None)
    if kind is None or not (jnp.issubdtype(kind, jax.dtypes.prng_key) or kind == jnp.uint32):
        raise TypeError(f"key must be a random key, got {key!r}; pass jax.random.key(seed)")
    if key.ndim != (kind == jnp.uint32):
        raise ValueError(
            f"key must be one random key, got shape {key.shape}; pass one of them, or jax.vmap over them"
        )
    return key


def zeros_for(arrays, dtype):
    """Zeros of the shapes of the arrays, which vary over the devices of a shard_map if any of them does.

    A loop that adds to them must begin with the type that it ends with.
    """
    one_of_each = [jnp.ravel(leaf)[0] for leaf in jax.tree.leaves(arrays)]
    zero = sum(jnp.where(value > 0, 0, 0).astype(dtype) for value in one_of_each)
    return jax.tree.map(lambda leaf: jnp.broadcast_to(zero, jnp.shape(leaf)), arrays)
