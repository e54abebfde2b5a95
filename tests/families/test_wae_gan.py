"""The two adversarial autoencoders, against float64 restatements, and their equilibrium."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import families
from coulomb_jax.nets.architecture import Architecture
from experiments import files
from tests.families.restated import X, identity_nets, losses, normal

A, B = np.array([0.3, -0.7]), 0.2
RECON = np.mean(np.sum((0.1 * X) ** 2, axis=1))


def logistic(t):
    return 1.0 / (1.0 + np.exp(-t))


def linear_critic():
    return identity_nets(critic=lambda z: z @ jnp.asarray(A, jnp.float32) + B)


def cross_entropies(prior, codes, logit):
    """-E ln D(prior) - E ln(1 - D(codes)), and -E ln D(codes), with D the probability of a prior's draw."""
    apart = -np.mean(np.log(logistic(logit(prior)))) - np.mean(np.log(1.0 - logistic(logit(codes))))
    return apart, -np.mean(np.log(logistic(logit(codes))))


@pytest.mark.parametrize(("known_prior", "sigma2"), [(False, 1.0), (True, 1.0), (True, 2.0)])
def test_wae_gan_is_algorithm_1_with_the_logistic_losses(known_prior, sigma2):
    def logit(z):
        return z @ A + B - known_prior * np.sum(z**2, axis=1) / (2.0 * sigma2)

    apart, fooled = cross_entropies(np.sqrt(sigma2) * normal(X.shape), X, logit)
    options = {"known_prior": known_prior, "sigma2": sigma2}
    found = losses("wae_gan", linear_critic(), weight=3.0, **options)
    assert list(found) == ["critic", "autoencoder"]
    loss, metrics = found["critic"]
    np.testing.assert_allclose(metrics["cross_entropy"], apart, rtol=1e-5)
    np.testing.assert_allclose(loss, 3.0 * apart, rtol=1e-5)
    loss, metrics = found["autoencoder"]
    np.testing.assert_allclose(metrics["reconstruction"], RECON, rtol=1e-5)
    np.testing.assert_allclose(metrics["adversarial"], fooled, rtol=1e-5)
    np.testing.assert_allclose(loss, 0.05 * RECON + 3.0 * fooled, rtol=1e-5)


def test_aae_has_the_same_losses_in_three_moves():
    apart, fooled = cross_entropies(normal(X.shape), X, lambda z: z @ A + B)
    found = losses("aae", linear_critic())
    assert list(found) == ["reconstruction", "critic", "encoder"]
    for move, value in (("reconstruction", RECON), ("critic", apart), ("encoder", fooled)):
        np.testing.assert_allclose(found[move][0], value, rtol=1e-5)


def test_a_critic_that_cannot_tell_pays_two_ln_2_and_the_encoder_ln_2():
    found = losses("wae_gan", identity_nets(critic=lambda z: jnp.zeros(z.shape[0])), weight=1.0)
    np.testing.assert_allclose(found["critic"][0], 2.0 * np.log(2.0), rtol=1e-6)
    np.testing.assert_allclose(found["autoencoder"][1]["adversarial"], np.log(2.0), rtol=1e-6)


def test_far_codes_cost_their_logit_and_no_infinity():
    found = losses("wae_gan", linear_critic(), x=1e4 * X, weight=1.0, known_prior=True)
    expected = np.mean(np.sum((1e4 * X) ** 2, axis=1) / 2.0 - 1e4 * X @ A - B)
    np.testing.assert_allclose(found["autoencoder"][1]["adversarial"], expected, rtol=1e-5)


def test_who_learns_what():
    arch = Architecture((2,), 2)
    for name, learns in (
        ("wae_gan", {"critic": ("critic",), "autoencoder": ("encoder", "decoder")}),
        (
            "aae",
            {"reconstruction": ("encoder", "decoder"), "critic": ("critic",), "encoder": ("encoder",)},
        ),
    ):
        (stage,) = families.make(name, arch).stages
        assert {u.name: u.learns for u in stage.updates} == learns
        assert [u.repeat for u in stage.updates] == [1] * len(learns)


@pytest.mark.parametrize("name", ["wae_gan", "wae_mmd"])
def test_draws_have_the_priors_variance(name):
    family = families.make(name, Architecture((2,), 2), sigma2=2.0)
    z = np.asarray(family.draw(None, jax.random.key(0), 20_000))
    # Of 40,000 squares, whose mean deviates by 2 * sqrt(2 / 40,000).
    assert np.mean(z**2) == pytest.approx(2.0, abs=4 * 2.0 * (2 / 40_000) ** 0.5)


def test_a_negative_weight_or_variance_is_refused():
    with pytest.raises(ValueError, match="weight of the adversary is at least 0, not -1"):
        losses("wae_gan", weight=-1.0)
    with pytest.raises(ValueError, match="prior's variance is positive, not 0"):
        losses("wae_gan", sigma2=0.0)
    with pytest.raises(ValueError, match="sigma2 must be greater than 0"):
        losses("wae_mmd", sigma2=-1.0)


def test_configs_have_the_published_settings():
    # tolstikhin2018: on MNIST, code: lambda 10, four layers of 512, rates 1e-3 and 5e-4, beta1 0.5.
    config = files.read("wae_gan.py:paper", "mnist")[1]
    assert (config.family.weight, config.family.recon_scale, config.family.known_prior) == (10.0, 0.05, False)
    assert config.family.critic == (512,) * 4
    moves = config.optimizers
    assert (moves.autoencoder.learning_rate, moves.critic.learning_rate) == (1e-3, 5e-4)
    # On CelebA, code: four layers of 1024 that know the prior, rate 1e-3; paper: lambda 1, 3e-4.
    for preset, rate, variance in (("", 5e-4, 1.0), (":paper", 3e-4, 2.0)):
        config = files.read(f"wae_gan.py{preset}", "celeba")[1]
        assert (config.family.weight, config.family.known_prior) == (1.0, True)
        assert config.family.sigma2 == variance
        assert config.family.critic == (1024,) * 4
        moves = config.optimizers
        assert (moves.autoencoder.learning_rate, moves.critic.learning_rate) == (rate, 1e-3)
        assert moves.autoencoder.b1 == moves.critic.b1 == 0.5
