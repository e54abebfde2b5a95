"""A mixture of normal laws fitted to codes, this package and scikit-learn: `python benchmarks/mixture.py`.

Codes are drawn from a mixture with as many components as are fitted. Both begin at the same mixture, that of
this package's k-means, and iterate equally often; whole fits, k-means and EM until it converges, follow.
Times are in seconds, those of this package without compilation, which is printed by itself.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
import warnings

import jax
import jax.numpy as jnp
import numpy as np

from coulomb_jax.density import mixture


def codes(n: int, dim: int, components: int) -> np.ndarray:
    """Points of overlapping normal laws with full covariances, float32."""
    random = np.random.default_rng(0)
    means = 1.5 * random.normal(size=(components, dim))
    turns, _ = np.linalg.qr(random.normal(size=(components, dim, dim)))
    factors = random.uniform(0.2, 1.5, (components, dim, 1)) * turns
    label = random.integers(0, components, n)
    noise = random.normal(size=(n, dim))
    points = np.empty((n, dim), np.float32)
    for k in range(components):
        own = label == k
        points[own] = means[k] + noise[own] @ factors[k]
    return points / points.std(0)  # the two packages' floors under the covariances are the same then


def timed(call):
    """What a call gives, and the seconds it took."""
    begin = time.perf_counter()
    result = jax.block_until_ready(call())
    return result, time.perf_counter() - begin


def ours(points, components: int, iterations: int):
    """Seconds of compilation, k-means, EM and the whole fit; the start; the log-likelihoods."""
    z, key = jnp.asarray(points), jax.random.key(0)
    begin = jax.jit(lambda key, z: mixture.start(key, z, components))
    whole = jax.jit(lambda key, z: mixture.fit(key, z, components))

    def em():
        return mixture.improve(z, first, iterations=iterations, tolerance=0.0)

    first, compiling = timed(lambda: begin(key, z))
    _, starting = timed(lambda: begin(key, z))
    compiling += timed(em)[1] - starting
    fitted, iterating = timed(em)
    compiling += timed(lambda: whole(key, z))[1] - iterating
    found, fitting = timed(lambda: whole(key, z))
    values = [float(mixture.log_density(z, **m).mean()) for m in (fitted.mixture, found)]
    return first, compiling, starting, iterating, fitting, values


def peers(points, components: int, iterations: int, start):
    """Seconds of scikit-learn's EM from a start and of its whole fit, and the log-likelihoods."""
    from sklearn.mixture import GaussianMixture

    wide = jax.tree.map(np.float64, start)
    options = {"max_iter": iterations, "tol": 0.0, "weights_init": wide["weights"] / wide["weights"].sum()}
    covariances = wide["factors"] @ wide["factors"].swapaxes(1, 2)
    options |= {"means_init": wide["means"], "precisions_init": np.linalg.inv(covariances)}
    options["init_params"] = "random_from_data"  # thrown away: its k-means would be timed too
    same = GaussianMixture(components, random_state=0, **options)
    whole = GaussianMixture(components, random_state=0, max_iter=2000)
    seconds, values = [], []
    for model in (same, whole):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it has not converged, as it was asked
            seconds.append(timed(lambda model=model: model.fit(points))[1])
        values.append(model.score(points))
    return seconds, values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=60_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("--components", type=int, default=10)
    parser.add_argument("--iterations", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="leave scikit-learn out")
    asked = parser.parse_args()
    points = codes(asked.points, asked.dim, asked.components)
    size = f"{asked.points:,} x {asked.dim}, {asked.components} components"
    start, compiling, starting, iterating, fitting, values = ours(points, asked.components, asked.iterations)
    print(f"{size}, on {jax.devices()[0].device_kind}")
    print(f"this package: compilation {compiling:.1f}, k-means {starting:.2f}")
    print(f"  {asked.iterations} iterations {iterating:.2f}, log-likelihood {values[0]:.4f}")
    print(f"  whole fit {fitting:.2f}, log-likelihood {values[1]:.4f}")
    if not asked.alone and importlib.util.find_spec("sklearn"):
        (same, whole), values = peers(points, asked.components, asked.iterations, start)
        print(f"scikit-learn: {asked.iterations} iterations {same:.2f} ({same / iterating:.1f} times ours),")
        print(f"  log-likelihood {values[0]:.4f}")
        print(f"  whole fit {whole:.2f} ({whole / fitting:.1f} times ours), log-likelihood {values[1]:.4f}")


if __name__ == "__main__":
    main()
