"""A second VAE on the codes of a finished autoencoder [dai2019]."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from coulomb_jax.density import gaussian
from coulomb_jax.family import Family, Net, Stage, Update
from coulomb_jax.nets.scalar import Scalar
from coulomb_jax.nets.skip import Skip


def second_vae(family: Family, *, hidden: tuple[int, ...] = (1024, 1024, 1024), gamma: float = 1.0) -> Family:
    """Draws decoder2(u) + gamma2 * noise for u ~ N(0, I), by a VAE of codes with as many latent dimensions.

    A stage "second" behind the family's own trains it with everything else held. For codes z, new from the
    posterior each time, and u ~ q(u|z), with a learned gamma2 and constants left out:
    squared error of z / (2 gamma2^2) + ln gamma2 for each dimension + KL(q(u|z) || N(0, I)).

    Args:
      family: what to draw from.
      hidden: neurons of each layer of both nets; the last sees their input too.
      gamma: gamma2 at the start, in units of the codes, > 0; 1 in the authors' code. Where codes already
        have mean 0 and variance 1, decoding every u to 0 is then a minimum that training may not leave.

    Raises:
      ValueError: no layer, one without neurons, or a gamma that is not positive.
    """
    if not hidden or min(hidden) < 1:
        raise ValueError(
            f"both nets have layers of at least 1 neuron, not {hidden}; set --config.sampler.hidden"
        )
    if not gamma > 0:
        raise ValueError(f"gamma starts above 0, not at {gamma}; set --config.sampler.gamma")
    start = math.log(gamma)
    (d,) = family.nets["decoder"].takes
    nets_of_codes = {
        "encoder2": Net(Skip(tuple(hidden), 2 * d), (d,)),
        "decoder2": Net(Skip(tuple(hidden), d), (d,)),
        "gamma2": Net(Scalar(), None),
    }

    def objective(nets, x, key):
        of_code, of_noise = jax.random.split(key)
        z = family.encode(nets, x, of_code)
        mean, log_var = jnp.split(nets.encoder2(z), 2, axis=1)
        # Noise for the whole batch, shared out: an example's does not depend on how many devices there are.
        noise = nets.share(jax.random.normal(of_noise, (nets.devices * z.shape[0], d)))
        u = mean + jnp.exp(0.5 * log_var) * noise
        recon = jnp.mean(jnp.sum((z - nets.decoder2(u)) ** 2, axis=1))
        kl = jnp.mean(gaussian.kl_to_standard(mean, log_var))
        log_gamma = start + nets.gamma2()
        loss = 0.5 * recon * jnp.exp(-2.0 * log_gamma) + d * log_gamma + kl
        return loss, {"reconstruction": recon, "kl": kl, "gamma": jnp.exp(log_gamma)}

    def draw(nets, key, n):
        u, noise = jax.random.normal(key, (2, n, d))
        return nets.decoder2(u) + jnp.exp(start + nets.gamma2()) * noise

    return family._replace(
        nets={**family.nets, **nets_of_codes},
        stages=(*family.stages, Stage("second", (Update("second", objective, tuple(nets_of_codes)),))),
        draw=draw,
    )
