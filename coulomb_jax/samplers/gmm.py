"""A mixture of normal laws fitted to the codes after training."""

from __future__ import annotations

from coulomb_jax.density import mixture
from coulomb_jax.family import Family, Fit


def gmm(
    family: Family,
    components: int = 10,
    *,
    starts: int = 1,
    iterations: int = 2000,
    tolerance: float = 1e-3,
    floor: float = 1e-6,
) -> Family:
    """Draws from a mixture of normal laws with full covariances, fitted to the training codes by EM.

    The defaults are those of [ghosh2020].

    Args:
      family: whose codes are fitted and drawn.
      components: normal laws in the mixture, at least 1.
      starts: of EM, each from its own k-means; the likeliest mixture is kept.
      iterations: of EM at most.
      tolerance: rise of the mean log-likelihood of a code, in nats, at which EM ends.
      floor: share of each coordinate's variance that is added to every component's.

    Raises:
      ValueError: an option that no mixture can have.
    """
    options = {"starts": starts, "iterations": iterations, "floor": floor}
    mixture.check(components, **options)
    return family._replace(
        stages=(
            *family.stages,
            Fit("gmm", lambda z, key: mixture.fit(key, z, components, tolerance=tolerance, **options)),
        ),
        draw=lambda nets, key, n: mixture.sample(key, n, **nets.gmm),
    )
