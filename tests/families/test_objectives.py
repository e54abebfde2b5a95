"""Every objective with identity nets, against a float64 restatement of the paper's equation."""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import families
from coulomb_jax.families import terms
from coulomb_jax.nets.architecture import Architecture

X = np.random.default_rng(0).normal(size=(12, 2)) * 2.0


def identity_nets(**others):
    """Nets that do nothing, on one device: what an objective sees, and no flax."""
    same = {"encoder": lambda x: x, "decoder": lambda z: 0.9 * z, "gather": lambda z: z}
    return SimpleNamespace(**(same | {"share": lambda rows: rows, "devices": 1, "step": 0} | others))


def loss_of(name, x=X, nets=None, z_dim=2, key=7, **options):
    family = families.make(name, Architecture(x_shape=x.shape[1:], z_dim=z_dim), **options)
    objective = family.stages[0].updates[0].objective
    loss, metrics = objective(nets or identity_nets(), jnp.asarray(x, jnp.float32), jax.random.key(key))
    return float(loss), {k: float(v) for k, v in metrics.items()}


def u_statistic(x, y, k):
    """Unbiased MMD^2 by double loop, in float64."""
    n, m = len(x), len(y)
    xx = sum(k(x[i], x[j]) for i in range(n) for j in range(n) if i != j) / (n * (n - 1))
    yy = sum(k(y[i], y[j]) for i in range(m) for j in range(m) if i != j) / (m * (m - 1))
    return xx + yy - 2.0 * np.mean([[k(a, b) for b in y] for a in x])


def prior_sample(shape, key=7):
    return np.asarray(jax.random.normal(jax.random.key(key), shape), np.float64)


RECON = np.mean(np.sum((0.1 * X) ** 2, axis=1))


def test_couae_is_equation_2_with_the_logarithmic_kernel():
    mmd2 = u_statistic(X, prior_sample(X.shape), lambda a, b: -np.log(np.linalg.norm(a - b)))
    loss, metrics = loss_of("couae", weight=100.0)
    np.testing.assert_allclose(metrics["mmd2"], mmd2, rtol=1e-4)
    np.testing.assert_allclose(metrics["reconstruction"], RECON, rtol=1e-5)
    np.testing.assert_allclose(loss, RECON + 100.0 * mmd2, rtol=1e-4)


def test_normalized_couae_carries_the_constant_of_equation_3():
    _, plain = loss_of("couae")
    _, normalized = loss_of("couae", normalized=True)
    np.testing.assert_allclose(normalized["mmd2"], plain["mmd2"] / (2 * np.pi), rtol=1e-4)


@pytest.mark.parametrize(("name", "options"), [("couae", {}), ("wae_mmd", {"sigma2": 2.0})])
def test_exact_prior_is_the_mean_of_the_sampled_one(name, options):
    _, exact = loss_of(name, prior="exact", **options)
    sampled = [loss_of(name, key=key, **options)[1]["mmd2"] for key in range(300)]
    error = np.std(sampled, ddof=1) / np.sqrt(len(sampled))
    assert abs(np.mean(sampled) - exact["mmd2"]) < 4 * error


@pytest.mark.parametrize(("z_dim", "beta"), [(3, 1.0), (4, 2.0), (8, 2.0)])
def test_couae_has_beta_two_above_three_dimensions(z_dim, beta):
    x = np.random.default_rng(1).normal(size=(10, z_dim))
    mmd2 = u_statistic(x, prior_sample(x.shape), lambda a, b: np.linalg.norm(a - b) ** -beta)
    _, metrics = loss_of("couae", x=x, z_dim=z_dim)
    np.testing.assert_allclose(metrics["mmd2"], mmd2, rtol=1e-4)


@pytest.mark.parametrize("sigma2", [1.0, 2.0])
def test_wae_sums_seven_kernels_and_scales_the_reconstruction(sigma2):
    def kernel(a, b):
        r2 = np.sum((a - b) ** 2)
        return sum(c / (c + r2) for c in (2 * 2 * sigma2 * s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10)))

    mmd2 = u_statistic(X, np.sqrt(sigma2) * prior_sample(X.shape), kernel)
    loss, metrics = loss_of("wae_mmd", weight=10.0, sigma2=sigma2)
    np.testing.assert_allclose(metrics["mmd2"], mmd2, rtol=1e-4)
    np.testing.assert_allclose(loss, 0.05 * RECON + 10.0 * mmd2, rtol=1e-4)


def test_vae_is_minus_the_evidence_bound():
    spread = np.random.default_rng(2).normal(size=X.shape) * 0.3

    def encoder(x):
        return jnp.concatenate([x, jnp.asarray(spread, jnp.float32)], axis=1)

    z = X + np.exp(spread / 2) * prior_sample(X.shape)
    recon = np.mean(np.sum((X - 0.9 * z) ** 2, axis=1))
    kl = np.mean(np.sum(X**2 + np.exp(spread) - 1 - spread, axis=1) / 2)
    loss, metrics = loss_of("vae", nets=identity_nets(encoder=encoder), beta=0.7, variance=2.0)
    np.testing.assert_allclose(metrics["kl"], kl, rtol=1e-5)
    np.testing.assert_allclose(loss, recon / 4.0 + 0.7 * kl, rtol=1e-5)


def test_autoencoder_is_the_squared_error_alone():
    np.testing.assert_allclose(loss_of("autoencoder")[0], RECON, rtol=1e-5)


def test_reductions_differ_by_the_number_of_coordinates():
    x = np.random.default_rng(3).uniform(size=(5, 4, 4, 3))
    y = np.random.default_rng(4).uniform(size=x.shape)
    total = terms.squared_error(jnp.asarray(x), jnp.asarray(y), "sum")
    mean = terms.squared_error(jnp.asarray(x), jnp.asarray(y), "mean")
    np.testing.assert_allclose(total, np.sum((x - y) ** 2) / 5, rtol=1e-5)
    np.testing.assert_allclose(mean, np.mean((x - y) ** 2), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("coua", {}, "no family 'coua'; did you mean couae"),
        ("couae", {"wieght": 3.0}, "option of the family couae 'wieght'; did you mean weight"),
        ("couae", {"prior": "exakt"}, "no prior 'exakt'; did you mean exact"),
        ("autoencoder", {"reduction": "summ"}, "did you mean sum"),
        ("vae", {"variance": 0.0}, "variance must be positive"),
        ("terms", {}, "no family 'terms'"),
    ],
)
def test_wrong_names_and_values_are_answered_with_a_sentence(name, options, sentence):
    with pytest.raises(ValueError, match=sentence):
        loss_of(name, **options)
