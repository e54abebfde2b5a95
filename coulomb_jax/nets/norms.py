"""Normalisation that the convolutional nets share."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coulomb_jax.nets.bound import AXIS


def batch_norm(dtype: jnp.dtype, train: bool, *, decay: float, epsilon: float = 1e-5) -> nn.BatchNorm:
    """Batch norm [ioffe2015] over the global batch; running statistics decay by `decay`."""
    return nn.BatchNorm(
        use_running_average=not train,
        momentum=decay,
        epsilon=epsilon,
        dtype=dtype,
        axis_name=AXIS if train else None,
    )


def normed(
    h: Float[Array, "b ..."], act: Callable, arch, train: bool, *, decay: float, epsilon: float = 1e-5
) -> jax.Array:
    """A layer's batch norm and activation, in the order of the architecture."""
    norm = batch_norm(jnp.dtype(arch.dtype), train, decay=decay, epsilon=epsilon)
    return norm(act(h)) if arch.activation_first else act(norm(h))


def spectral(module: nn.Module, weight: Float[Array, "... o"], train: bool) -> Float[Array, "... o"]:
    """A module's weight over its largest singular value [miyato2018], its last axis the matrix's columns.

    One step of power iteration a call, without a gradient, from a vector that is kept with the batch
    statistics and moves in training alone. flax.linen.SpectralNorm is the same but for the initial
    weights: it divides those too, and steps of a given size then turn them much less.
    """
    matrix = weight.reshape(-1, weight.shape[-1])
    rows = matrix.shape[:1]
    kept = module.variable(
        "batch_stats", "u", lambda: jax.random.normal(module.make_rng("params"), rows, weight.dtype)
    )
    fixed = jax.lax.stop_gradient(matrix)
    product = partial(jnp.matmul, precision="highest")
    v = _unit(product(kept.value, fixed))
    u = _unit(product(fixed, v))
    if train:
        kept.value = u
    return weight / product(u, product(matrix, v))


class SpectralDense(nn.Module):
    """A dense layer under spectral norm: `[b i]` to `[b size]`."""

    size: int
    kernel_init: nn.initializers.Initializer
    dtype: jnp.dtype

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        weight = self.param("kernel", self.kernel_init, (x.shape[-1], self.size))
        bias = self.param("bias", nn.initializers.zeros, (self.size,))
        weight = spectral(self, weight, train)
        return x.astype(self.dtype) @ weight.astype(self.dtype) + bias.astype(self.dtype)[None]


def dense(
    size: int, init: nn.initializers.Initializer, dtype: jnp.dtype, train: bool, *, spectral: bool
) -> Callable:
    """A dense layer, under spectral norm or not."""
    if spectral:
        return partial(SpectralDense(size, init, dtype), train=train)
    return nn.Dense(size, dtype=dtype, kernel_init=init)


def _unit(v: Float[Array, "n"]) -> Float[Array, "n"]:
    return v * jax.lax.rsqrt(jnp.maximum(jnp.sum(v**2), 1e-12))
