"""Layers by loops of numpy and scipy, and random weights for them."""

import jax
import numpy as np
from scipy.signal import correlate2d


def variables(module, *shape):
    """Of a module, none at its first value: biases, scales and running statistics are drawn too."""
    made = jax.eval_shape(lambda key: module.init(key, np.zeros(shape), train=False), jax.random.key(0))
    random = np.random.default_rng(0)

    def drawn(path, a):
        a = random.normal(size=a.shape)
        return np.abs(a) + 0.5 if path[-1].key == "var" else a

    return jax.tree_util.tree_map_with_path(drawn, made)


def norm(h, v, layer, epsilon=1e-5):
    s, p = v["batch_stats"][layer], v["params"][layer]
    return (h - s["mean"]) / np.sqrt(s["var"] + epsilon) * p["scale"] + p["bias"]


def convolve(h, p):
    """3 x 3 pixels around each, zeros outside: `[h w i]` to `[h w o]`."""
    inputs, outputs = p["kernel"].shape[2:]
    y = [
        sum(correlate2d(h[..., i], p["kernel"][..., i, o], "same") for i in range(inputs))
        for o in range(outputs)
    ]
    return np.stack(y, -1) + p["bias"]


def dense(h, p):
    return h @ p["kernel"] + p["bias"]


def relu(h):
    return np.maximum(h, 0.0)
