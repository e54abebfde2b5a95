"""Spectral norm as a property of an architecture: which weights it divides, and by what."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import AXIS, Bound, initialize

SIZES = {
    "mlp": (6, 5),
    "rae": (4, 6),
    "dcgan": (4, 6),
    "flex_ae": (4, 6, 10),
    "gmm_dae": (4, 6),
    "infogan": (4, 6, 10),
    "joint_vae": (4, 6, 10),
    "residual": (4, 6),
    "two_stage": (4, 6),
}


def made(name, spectral):
    arch = Architecture((16, 16, 1), 3, name=name, hidden=SIZES[name], x_range=(0.0, 1.0), spectral=spectral)
    return {"encoder": arch.encoder(), "decoder": arch.decoder()}


def shapes(nets):
    """Of parameters and statistics, which nothing is computed for."""
    return jax.eval_shape(lambda key: initialize(nets, key), jax.random.key(0))


def layers(tree, leaf):
    """Those, by path, that have a leaf of this name."""
    found = jax.tree_util.tree_flatten_with_path(tree)[0]
    return sorted("/".join(k.key for k in path[:-1]) for path, _ in found if path[-1].key == leaf)


def vectors(tree):
    """The layers, by path, that keep a singular vector."""
    return layers(tree, "u")


@pytest.mark.parametrize("name", sorted(SIZES))
def test_every_weight_but_the_decoders_first_is_divided(name):
    _, plain = shapes(made(name, False))
    params, stats = shapes(made(name, True))
    for net, free in (("encoder", 0), ("decoder", 1)):
        assert len(vectors(stats[net])) == len(layers(params[net], "kernel")) - free
    assert vectors(plain["decoder"]) == []
    assert bool(vectors(plain["encoder"])) == (name == "infogan")


def test_without_it_the_nets_start_as_they_did():
    arch = Architecture((16, 16, 1), 3, name="rae", hidden=(4, 6))
    params, _ = initialize({"encoder": arch.encoder()}, jax.random.key(0))
    assert sorted(params["encoder"]) == ["BatchNorm_0", "BatchNorm_1", "Conv_0", "Conv_1", "Dense_0"]


def trained(nets, times):
    """Parameters, and statistics after some calls in training mode on the same weights."""
    params, stats = initialize(nets, jax.random.key(0))
    z = jax.random.normal(jax.random.key(1), (1, 7, 3))

    @jax.jit
    def once(stats):
        def one(z):
            bound = Bound(nets, params, stats, learns=("encoder", "decoder"), axis=AXIS)
            bound.encoder(bound.decoder(z))
            return bound.recorded

        return jax.tree.map(lambda a: a[0], jax.vmap(one, axis_name=AXIS)(z))

    for _ in range(times):
        stats = once(stats)
    return params, stats, z[0]


def test_the_dense_nets_are_those_of_weights_over_their_largest_singular_value():
    nets = made("mlp", True)
    params, stats, z = trained(nets, 100)
    bound, h = Bound(nets, params, stats), np.asarray(z, np.float64)
    for i, layer in enumerate(("Dense_0", "SpectralDense_0", "SpectralDense_1")):
        kernel = np.asarray(params["decoder"][layer]["kernel"], np.float64)
        over = np.linalg.svd(kernel, compute_uv=False)[0] if i else 1.0
        h = h @ (kernel / over)
        h = np.maximum(h, 0.0) if i < 2 else 1.0 / (1.0 + np.exp(-h))
    np.testing.assert_allclose(bound.decoder(z).reshape(7, -1), h, rtol=1e-4)


def test_the_transposed_convolution_is_that_of_the_divided_weight():
    nets, plain = made("rae", True), made("rae", False)
    params, stats, z = trained(nets, 100)

    def divided(path, a):
        if path[-1].key != "kernel" or path[0].key == "Dense_0":
            return a
        matrix = np.asarray(a, np.float64).reshape(-1, a.shape[-1])
        return jnp.asarray(a / np.linalg.svd(matrix, compute_uv=False)[0], jnp.float32)

    by_hand = {"decoder": jax.tree_util.tree_map_with_path(divided, params["decoder"])}
    kept = {k: v for k, v in stats["decoder"]["batch_stats"].items() if k.startswith("BatchNorm")}
    expected = Bound(plain, by_hand, {"decoder": {"batch_stats": kept}}).decoder(z)
    chex.assert_trees_all_close(Bound(nets, params, stats).decoder(z), expected, rtol=1e-3, atol=1e-4)
