"""Laws of codes that an autoencoder can be pulled towards: drawing, marginals and moments."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.scipy.special import betainc, logsumexp, ndtr
from jaxtyping import Array, Float

from coulomb_jax.density import centres, gaussian

NAMES = ("normal", "sphere", "uniform", "mixture")


class Law(NamedTuple):
    """A law of codes `[d]`.

    Attributes:
      draw: `(key, n) -> z [n d]`.
      cdf: the distribution function of each coordinate, `[n d] -> [n d]`.
      covariance: `[d d]`.
      fourth: central moments E (z_i - m_i)^2 (z_j - m_j)^2, `[d d]`.
      divergence: KL(N(mean, diag exp(log_var)) || this law) in nats, `(z, mean, log_var) -> [n]`, exact or
        estimated from the one draw z of each; None where it is infinite.
      cluster: `z -> integers`, the component that each most likely is of; None where there are none.
    """

    draw: Callable
    cdf: Callable
    covariance: Float[Array, "d d"]
    fourth: Float[Array, "d d"]
    divergence: Callable | None = None
    cluster: Callable | None = None


def named(name: str, dim: int, components: int = 10, distance: float = 6.0) -> Law:
    """One of `NAMES`; the mixture has so many `centres.make` of that distance."""
    if name == "mixture":
        return mixture(centres.make(components, dim, distance))
    return {"normal": normal, "sphere": sphere, "uniform": uniform}[name](dim)


def normal(dim: int) -> Law:
    """N(0, I)."""
    eye = jnp.eye(dim)
    return Law(
        lambda key, n: jax.random.normal(key, (n, dim)),
        ndtr,
        eye,
        1.0 + 2.0 * eye,
        lambda z, mean, log_var: gaussian.kl_to_standard(mean, log_var),
    )


def uniform(dim: int) -> Law:
    """The uniform law of the cube around 0 whose coordinates have variance 1."""
    half, eye = math.sqrt(3.0), jnp.eye(dim)
    return Law(
        lambda key, n: jax.random.uniform(key, (n, dim), minval=-half, maxval=half),
        lambda z: jnp.clip((z / half + 1.0) / 2.0, 0.0, 1.0),
        eye,
        1.0 + 0.8 * eye,
    )


def sphere(dim: int) -> Law:
    """The uniform law of the sphere around 0 whose coordinates have variance 1: of radius sqrt(dim).

    Raises:
      ValueError: one dimension, where a sphere is two points.
    """
    if dim < 2:
        raise ValueError(f"a sphere has at least 2 dimensions, not {dim}; choose another prior")
    radius, eye = math.sqrt(dim), jnp.eye(dim)

    def draw(key, n):
        z = jax.random.normal(key, (n, dim))
        return radius * z / jnp.linalg.norm(z, axis=1, keepdims=True)

    def cdf(z):
        # Just inside the ends, where the slope of betainc is finite.
        t = jnp.clip(z / radius, -1.0 + 1e-6, 1.0 - 1e-6)
        # In (1 + t) / 2, of which t is a shifted Beta variable: smooth through 0.
        return betainc((dim - 1) / 2, (dim - 1) / 2, (1.0 + t) / 2.0)

    return Law(draw, cdf, eye, (1.0 + 2.0 * eye) * (dim / (dim + 2)))


def mixture(means: Float[Array, "k d"]) -> Law:
    """Normal laws of covariance I around `means`, each as likely as the others."""
    means = jnp.asarray(means, jnp.float32)
    dim = means.shape[1]
    apart = means - jnp.mean(means, axis=0)[None]
    scatter, second = _second_moments(apart), jnp.mean(apart**2, axis=0)
    eye = jnp.eye(dim)
    # Of c + e with e normal: E c_i^2 c_j^2 + E c_i^2 + E c_j^2 + 1, and 4 E c_i^2 + 2 more where i = j.
    fourth = _second_moments(apart**2) + second[:, None] + second[None] + 1.0
    fourth += eye * (4.0 * second + 2.0)[None]

    def draw(key, n):
        which, noise = jax.random.split(key)
        chosen = jax.random.randint(which, (n,), 0, means.shape[0])
        return means[chosen] + jax.random.normal(noise, (n, dim))

    def cdf(z):
        return jnp.mean(ndtr(z[:, None] - means[None]), axis=1)

    def divergence(z, mean, log_var):
        log_normal = -0.5 * jnp.sum((z[:, None] - means[None]) ** 2 + math.log(2.0 * math.pi), axis=2)
        log_density = logsumexp(log_normal, axis=1) - math.log(means.shape[0])
        return -gaussian.entropy(log_var) - log_density

    def cluster(z):
        return jnp.argmax(centres.responsibilities(z, means), axis=1)

    return Law(draw, cdf, eye + scatter, fourth, divergence, cluster)


def empirical(y: Float[Array, "n d"]) -> Law:
    """What a sample tells of its law; its fourth moments are those of N(0, I), and it draws nothing.

    The distribution function rises linearly between neighbours, so that it has slopes in `y` too.
    """
    n, dim = y.shape
    heights = (jnp.arange(n) + 0.5) / n
    apart = y - jnp.mean(y, axis=0)[None]

    def cdf(z):
        return jax.vmap(lambda t, s: jnp.interp(t, s, heights), 1, 1)(z, jnp.sort(y, axis=0))

    return Law(None, cdf, _second_moments(apart), normal(dim).fourth)


def _second_moments(z: Float[Array, "n d"]) -> Float[Array, "d d"]:
    return jnp.matmul(z.T, z, precision="highest") / z.shape[0]
