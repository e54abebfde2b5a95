"""The codes of the training set themselves."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from coulomb_jax.density import kde
from coulomb_jax.family import Family, Fit


def bank(family: Family, noise: float = 0.0) -> Family:
    """Draws stored codes of the training set, each time from all of them.

    They are the means of the posteriors: draws from these would be the aggregated posterior, which is wider
    where the encoder is random and the same where it is not.

    Args:
      family: whose codes are stored and drawn.
      noise: standard deviation of normal noise added to a code, in the codes' units, at least 0; a
        positive one makes it the sampler `kde` with this bandwidth.

    Raises:
      ValueError: negative noise.
    """
    if noise < 0:
        raise ValueError(f"the noise added to stored codes is at least 0, not {noise}; choose another")

    def draw(nets, key, n):
        if noise:
            d = nets.bank.shape[1]
            return kde.sample(key, n, nets.bank, noise * jnp.eye(d, dtype=nets.bank.dtype))
        return jax.random.choice(key, nets.bank, (n,))

    return family._replace(stages=(*family.stages, Fit("bank", lambda z, key: z)), draw=draw)
