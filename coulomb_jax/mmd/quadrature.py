"""The expectation of any radial kernel under a normal law, as a one-dimensional integral.

Turn the axes so that w = (ρ, 0, ..., 0). Then ‖w − g‖² = (ρ − g₁)² + q, with q independent of g₁
and chi-squared with d − 1 degrees of freedom. The mean over q does not depend on ρ:

    F(s) = E k(σ²(s² + q)),      E k(σ²‖w − g‖²) = ∫₀^∞ F(s) · (φ(s − ρ) + φ(s + ρ)) ds,

so F is tabulated once for all points, at some hundred nodes, and each point costs one row of
Gaussian weights. Kernels are singular or sharp only at r = 0: nodes that are spaced evenly in
the logarithm below 1 and evenly above make the trapezoidal rule converge exponentially there.
Far out, where r = 0 is out of reach, Gauss rules around the point itself take over.
"""

import contextlib
import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import scipy.special
from jaxtyping import Array, Float

from coulomb_jax.mmd.radial import Kernel, Scalar

# Step of both trapezoidal rules; their error is about exp(−π²/STEP).
STEP = 0.5
# exp of this is the distance, in units of σ, under which a kernel is not resolved.
LOWEST = -20.0
# From this distance on, 8 standard deviations short of r = 0 by far, the Gauss rules are used.
FAR = 12.0
FAR_NODES = 8, 6


def quadrature_potential(
    kernel: Kernel, v: Float[Array, "..."], dim: int, sigma: Scalar
) -> Float[Array, "..."]:
    """E k(σ²‖w − g‖²) over g ~ N(0, I), at v = ‖w‖², for any kernel without a closed form.

    The error is under 1e-5 of k at r = 1 (of the largest value met, for kernels much narrower
    or steeper than σ), the kernel taken as it is, clamp included. Differentiable in v, at 0 too,
    and in the parameters of the kernel.

    Args:
        kernel: a function of squared distances, sharp at most at 0.
        v: squared distances >= 0 from the centre, in units of σ².
        dim: dimension of the space.
        sigma: standard deviation σ of each coordinate.
    """
    nodes, spacing, q, q_weights = (array.astype(v.dtype) for array in _near_nodes(dim))
    with at_trace_time(kernel, sigma):
        sigma2 = jnp.asarray(sigma, v.dtype) ** 2
        means = weighted(kernel(sigma2 * (nodes[:, None] ** 2 + q[None, :])), q_weights)
        table = means * spacing
    is_far = v > FAR**2
    shape = (1,) * v.ndim + (-1,)
    near = _gaussian_pair(nodes.reshape(shape), jnp.where(is_far, 1.0, v)[..., None])

    steps, q, weights = (array.astype(v.dtype) for array in _far_nodes(dim))
    rho = jnp.sqrt(jnp.where(is_far, v, FAR**2))[..., None]
    far = kernel(sigma2 * ((rho + steps.reshape(shape)) ** 2 + q.reshape(shape)))
    return jnp.where(is_far, weighted(far, weights), weighted(near, table))


def weighted(values: Float[Array, "... nodes"], weights: Float[Array, "nodes"]):
    """Sum over the nodes, in full precision on devices whose matrix products round to TF32."""
    return jnp.matmul(values, weights, precision=jax.lax.Precision.HIGHEST)


def at_trace_time(*parameters):
    """Context in which what depends on known parameters alone is computed once, not every step."""
    if any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree_util.tree_leaves(parameters)):
        return contextlib.nullcontext()
    return jax.ensure_compile_time_eval()


@jax.custom_jvp
def _gaussian_pair(s, v):
    """φ(s − √v) + φ(s + √v), an entire function of v, φ the standard normal density."""
    rho = jnp.sqrt(v)
    density = jnp.exp(-0.5 * (s - rho) ** 2) / math.sqrt(2.0 * math.pi)
    return density * (1.0 + jnp.exp(-2.0 * s * rho))


@_gaussian_pair.defjvp
def _(primals, tangents):
    (s, v), (_, dv) = primals, tangents  # s are constants: the nodes
    rho = jnp.sqrt(jnp.maximum(v, 1e-30))
    density = jnp.exp(-0.5 * (s - rho) ** 2) / math.sqrt(2.0 * math.pi)
    # −expm1(−2sρ)/ρ tends to 2s: written as a difference of two Gaussians it would be noise.
    odd = -jnp.expm1(-2.0 * s * rho) * (s / rho)
    slope = 0.5 * density * (odd - 1.0 - jnp.exp(-2.0 * s * rho))
    return _gaussian_pair(s, v), slope * dv


def _graded(highest):
    """Trapezoidal nodes on (0, highest): logarithmic below 1, even above; and their spacing."""
    u = np.arange(LOWEST, highest + STEP, STEP)
    return np.logaddexp(0.0, u), STEP * scipy.special.expit(u)


@functools.lru_cache(maxsize=64)
def _near_nodes(dim):
    """Nodes and spacing in s, and nodes and weights of q = y², y chi with dim − 1 degrees."""
    s, spacing = _graded(FAR + 8.0)
    if dim == 1:
        return s, spacing, np.zeros(1), np.ones(1)
    y, weights = _graded(np.sqrt(dim) + 8.0)
    log_density = (dim - 2) * np.log(y) - 0.5 * y * y
    weights = weights * np.exp(log_density - log_density.max())
    kept = weights > 1e-17 * weights.max()
    weights = weights[kept]
    return s, spacing, y[kept] ** 2, weights / weights.sum()


@functools.lru_cache(maxsize=64)
def _far_nodes(dim):
    """Gauss nodes in the direction of the point and in q, and the weights of their products."""
    steps, step_weights = scipy.special.roots_hermitenorm(FAR_NODES[0])
    if dim == 1:
        return steps, np.zeros_like(steps), step_weights / step_weights.sum()
    half_q, q_weights = scipy.special.roots_genlaguerre(FAR_NODES[1], (dim - 3) / 2)
    weights = np.outer(step_weights / step_weights.sum(), q_weights / q_weights.sum())
    grid = np.meshgrid(steps, 2.0 * half_q, indexing="ij")
    return grid[0].ravel(), grid[1].ravel(), weights.ravel()
