"""Nearest neighbours, manifold scores and precision-recall curves: `python benchmarks/neighbours.py`.

Features of two sets in one run: this library, scikit-learn, faiss and prdc (`pip install
faiss-cpu prdc`), those not installed left out. Each row's least wall time of some turns, its processor
time, and how much the process's memory grew at its peak, each row in a process of its own.
"""

from __future__ import annotations

import argparse
import importlib.util
import multiprocessing
import platform
import resource
import threading
import time

import numpy as np

RUNS, CLUSTERS = 10, 20


def features(n: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Two sets that overlap: rectified maps of 64 normal coordinates, as the features of a network are."""
    random = np.random.default_rng(0)
    weights = random.normal(size=(64, dim)).astype(np.float32)
    sets = ((random.normal(size=(n, 64)) * scale).astype(np.float32) @ weights for scale in (1.0, 0.9))
    return tuple(np.maximum(part, 0.0) + 0.1 * random.random((n, dim), np.float32) for part in sets)


def ours_neighbours(real, generated):
    """This library, both sets against themselves."""
    from coulomb_jax.metrics.neighbours import nearest_neighbours

    return [nearest_neighbours(points, points, 5, same=True).distances for points in (real, generated)]


def sklearn_neighbours(real, generated):
    """scikit-learn's brute force."""
    from sklearn.neighbors import NearestNeighbors

    models = (NearestNeighbors(n_neighbors=5, algorithm="brute").fit(points) for points in (real, generated))
    return [model.kneighbors()[0] for model in models]


def faiss_neighbours(real, generated):
    """faiss, an exact index in float32; a point is its own first neighbour."""
    import faiss

    results = []
    for points in (real, generated):
        index = faiss.IndexFlatL2(points.shape[1])
        index.add(points)
        results.append(np.sqrt(np.maximum(index.search(points, 6)[0][:, 1:], 0)))
    return results


def ours_manifold(real, generated):
    """This library: precision, recall, density and coverage in one call."""
    from coulomb_jax.metrics.manifold import manifold_scores

    return np.array(manifold_scores(real, generated, k=5, k_density=5))


def prdc_manifold(real, generated):
    """The authors' package: matrices of n x n."""
    import prdc

    return np.array(list(prdc.compute_prdc(real, generated, nearest_k=5).values()))


def ours_curve(real, generated):
    """This library: ten runs of k-means and the curve."""
    import jax

    from coulomb_jax.metrics.precision_recall import precision_recall

    return np.array(precision_recall(jax.random.key(0), real, generated)[:2])


def sklearn_curve(real, generated):
    """As published: mini-batch k-means of scikit-learn, and the curve."""
    from sklearn.cluster import MiniBatchKMeans

    from coulomb_jax.metrics import precision_recall as prd

    both, n, curves = np.concatenate([real, generated]), len(real), []
    for seed in range(RUNS):
        labels = MiniBatchKMeans(CLUSTERS, n_init=10, random_state=seed).fit(both).labels_
        shares = (np.bincount(part, minlength=CLUSTERS) / n for part in (labels[:n], labels[n:]))
        curves.append(prd.curve(*shares))
    return np.array([prd.best_f(*np.mean(curves, 0), beta) for beta in (8.0, 1 / 8)])


ROWS = (
    (ours_neighbours, "jax"),
    (sklearn_neighbours, "sklearn"),
    (faiss_neighbours, "faiss"),
    (ours_manifold, "jax"),
    (prdc_manifold, "prdc"),
    (ours_curve, "jax"),
    (sklearn_curve, "sklearn"),
)


def measure(call, n, dim, turns, answers):
    """Least wall and processor seconds, growth of the peak memory, and the result."""
    real, generated = features(n, dim)
    call(real[:200], generated[:200])  # imports, and threads started
    before = resident()
    peak, done = [before], threading.Event()
    watch = threading.Thread(target=sample, args=(peak, done), daemon=True)
    watch.start()
    wall, processor = float("inf"), float("inf")
    for _ in range(turns):
        start, used = time.perf_counter(), time.process_time()
        result = call(real, generated)
        wall = min(wall, time.perf_counter() - start)
        processor = min(processor, time.process_time() - used)
    done.set()
    watch.join()
    answers.put((wall, processor, peak[0] - before, result))


def sample(peak, done):
    """Keep the largest resident size until done."""
    while not done.wait(0.02):
        peak[0] = max(peak[0], resident())


def resident() -> int:
    """Bytes that the process holds in memory now."""
    with open("/proc/self/statm") as numbers:
        return int(numbers.read().split()[1]) * resource.getpagesize()


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--dim", type=int, default=2048)
    parser.add_argument("--turns", type=int, default=2)
    parser.add_argument("--rows", default="", help="only rows with this in their name")
    options = parser.parse_args()
    print(f"Python {platform.python_version()}, two sets of {options.points:,} x {options.dim}")
    context = multiprocessing.get_context("spawn")
    for call, package in (row for row in ROWS if options.rows in row[0].__name__):
        if not importlib.util.find_spec(package):
            print(f"{call.__name__:<20} {package} is not installed")
            continue
        answers = context.Queue()
        arguments = call, options.points, options.dim, options.turns, answers
        process = context.Process(target=measure, args=arguments)
        process.start()
        wall, processor, memory, result = answers.get()
        process.join()
        shown = np.mean(result, (1, 2)) if np.ndim(result) == 3 else result
        times = f"{wall:7.2f} s wall {processor:7.2f} s processor"
        print(f"{call.__name__:<20} {times} {memory / 2**20:7.0f} MiB  {shown}", flush=True)


if __name__ == "__main__":
    main()
