"""Any regularizer with any prior: the space that other autoencoders are points of.

coulomb x normal is CouAE, wae_multiscale x normal the WAE of unit variance, kl x normal the VAE,
ks_covariance x mixture GMM-DAE, none the plain autoencoder; FlexAE, whose encoder has two moves, is no point.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from coulomb_jax.density import distances, laws
from coulomb_jax.families import terms
from coulomb_jax.family import Family, Update
from coulomb_jax.naming import nearest

REGULARIZERS = ("none", "kl", "critic", "ks_covariance", *distances.NAMES)
PRIORS = (*laws.NAMES, "learned")


def regularized(
    arch,
    *,
    regularizer: str = "coulomb",
    prior: str = "normal",
    weight: float = 100.0,
    width: float = 1.0,
    projections: int = 128,
    components: int = 10,
    distance: float = 6.0,
    generator: tuple[int, ...] = (256, 256),
    critic: tuple[int, ...] = (256, 256),
    critic_moves: int = 5,
    gradient_penalty: float = 10.0,
    recon_scale: float = 1.0,
    reduction: str = "sum",
) -> Family:
    """recon_scale * squared reconstruction error + weight * distance of the codes from a prior.

    A critic moves first in a round, encoder and decoder together after it, and a learned prior last:
    towards the codes, by the same distance.

    Args:
      arch: the nets, an `Architecture`.
      regularizer: the distance: "none"; "kl" of a normal posterior; "critic", a Wasserstein critic's gap;
        "ks_covariance", both of GMM-DAE; or a name of `coulomb_jax.density.distances`.
      prior: "normal", "sphere" (of radius sqrt(z_dim)) or "uniform" (in a cube), all of unit variance;
        "mixture" of unit normal laws; or "learned", what a generator makes of normal noise.
      weight: of the distance, >= 0.
      width: of a kernel; see `distances.between`.
      projections: lines of the sliced energy.
      components: of the mixture.
      distance: least distance of its centres; 0 for one-hot ones.
      generator: hidden layers of the learned prior.
      critic: those of the critic, `critic_moves` a round, `gradient_penalty` the weight of (slope - 1)^2.
      recon_scale: factor on the reconstruction term.
      reduction: of the squared error over coordinates, "sum" or "mean".

    Raises:
      ValueError: an unknown name, or a pair without a distance: kl takes a prior with a density
        everywhere, and a learned prior something to learn from.
    """
    for word, value, valid in (("regularizer", regularizer, REGULARIZERS), ("prior", prior, PRIORS)):
        if value not in valid:
            raise ValueError(nearest(word, value, valid))
    learned, kl = prior == "learned", regularizer == "kl"
    law = None if learned else laws.named(prior, arch.z_dim, components, distance)
    if (learned and regularizer in ("none", "kl")) or (kl and law.divergence is None):
        raise ValueError(f"{regularizer} is no distance from the prior {prior}; choose another of the two")

    def draw(nets, key, n):
        return nets.generator(jax.random.normal(key, (n, arch.z_dim))) if learned else law.draw(key, n)

    def sample(nets, key, b):
        if learned:
            return nets.generator(terms.noise(nets, key, (b, arch.z_dim)))
        return nets.share(law.draw(key, nets.devices * b))

    def law_of(nets, key, b):
        # A clone of the key: both distances, of marginals and covariances, see the same draws.
        return laws.empirical(nets.gather(sample(nets, jax.random.clone(key), b))) if learned else law

    def divergence(nets, key, z, mean, log_var):
        return jnp.mean(law.divergence(z, mean, log_var))

    def critic_gap(nets, key, z):
        return jnp.mean(nets.critic(sample(nets, key, z.shape[0]))) - jnp.mean(nets.critic(z))

    def between(nets, key, z):
        drawn, lines = (key, None) if regularizer != "sliced_energy" else jax.random.split(key)
        y = nets.gather(sample(nets, drawn, z.shape[0]))
        measure = distances.between(regularizer, arch.z_dim, width=width, projections=projections)
        return measure(lines, nets.gather(z), y)

    single = {"kl": divergence, "critic": critic_gap}.get(regularizer, between)
    penalties = {} if regularizer == "none" else {regularizer: (weight, single)}
    if regularizer == "ks_covariance":
        penalties = terms.ks_and_covariance(law_of, weight)
    recon = {"recon_scale": recon_scale, "reduction": reduction}
    family = terms.penalized(arch, penalties, draw, stochastic=kl, **recon)
    (stage,) = family.stages
    nets, updates = dict(family.nets), stage.updates

    def criticize(nets, x, key):
        drawn, points = jax.random.split(key)
        real = sample(nets, drawn, x.shape[0])
        return terms.critic_loss(nets, points, real, nets.encoder(x), gradient_penalty)

    def generate(nets, x, key):
        z = nets.encoder(x)
        return sum(penalty(nets, key, z) for _, penalty in penalties.values()), {}

    if regularizer == "critic":
        nets["critic"] = arch.critic(critic, glorot=True)
        updates = (Update("critic", criticize, ("critic",), critic_moves), *updates)
    if learned:
        nets["generator"] = arch.generator(arch.z_dim, generator)
        updates = (*updates, Update("generator", generate, ("generator",)))
    cluster = None if learned else law.cluster
    return family._replace(nets=nets, stages=(stage._replace(updates=updates),), cluster=cluster)
