"""Regularized autoencoder [ghosh2020]: small codes and a smooth decoder in place of noise."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from coulomb_jax.families import terms
from coulomb_jax.family import Family
from coulomb_jax.naming import nearest

REGULARIZERS = ("none", "l2", "gradient")


def rae(
    arch,
    *,
    code_weight: float = 1e-4,
    regularizer: str = "l2",
    weight: float = 1e-7,
    reduction: str = "mean",
) -> Family:
    """Squared error + code_weight * squared codes + weight * regularizer of the decoder.

    Terms and weights are those of the authors' code: error and codes are means over coordinates, the codes
    without the factor 1/2 of the paper. Weights belong to the reduction. It has no prior: `draw` is
    N(0, I) until a sampler is fitted to its codes.

    Args:
      arch: the nets, an `Architecture`; with its `spectral` and the regularizer "none" it is RAE-SN.
      code_weight: beta of the paper, >= 0.
      regularizer: "none"; "l2", the sum of the squares of the decoder's weights, biases left out (the
        authors leave out its first layer too but on CelebA); "gradient", the mean over batch and
        dimensions of the squared slope in z of the sum of the squared outputs.
      weight: lambda of the paper, >= 0.
      reduction: of squared errors and squared codes over coordinates, "mean" or "sum".

    Raises:
      ValueError: a negative weight, or no such regularizer.
    """
    if regularizer not in REGULARIZERS:
        raise ValueError(nearest("regularizer", regularizer, REGULARIZERS))
    if min(code_weight, weight) < 0:
        raise ValueError(f"weights are at least 0, not {code_weight} and {weight}; choose others")

    def objective(nets, x, key):
        z = nets.encoder(x)
        recon = terms.squared_error(x, nets.decoder(z), reduction)
        codes = terms.squared_error(z, jnp.zeros_like(z), reduction)
        loss, metrics = recon + code_weight * codes, {"reconstruction": recon, "codes": codes}
        if regularizer == "none":
            return loss, metrics
        penalty = _squared_weights(nets) if regularizer == "l2" else _squared_slope(nets, z)
        return loss + weight * penalty, metrics | {regularizer: penalty}

    return terms.deterministic(arch.encoder(), arch.decoder(), objective, terms.normal_prior(arch.z_dim))


def _squared_weights(nets) -> jax.Array:
    """Of the decoder: its matrices and convolution kernels, not biases or batch norm's vectors."""
    return sum(jnp.sum(a**2) for a in jax.tree.leaves(nets.parameters("decoder")) if a.ndim > 1)


def _squared_slope(nets, z: jax.Array) -> jax.Array:
    """Of the sum of the decoder's squared outputs, on stored batch statistics.

    Those of the batch, which the authors' code takes, would make an example's slope depend on the others.
    """
    slope = jax.grad(lambda z: jnp.sum(nets.frozen.decoder(z) ** 2))(z)
    return jnp.mean(slope**2)
