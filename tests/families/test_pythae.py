"""Losses beside pythae's [chadebec2022] on the same nets, weights, batch and noise, theirs in float64.

What differs is a factor or a reduction, each named below; the tests convert by it and nothing else.
"""

from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from coulomb_jax import families
from coulomb_jax.nets.architecture import Architecture
from coulomb_jax.nets.bound import Bound
from coulomb_jax.train.state import init_model

pytest.importorskip("torch", reason="torch is not installed, and pythae needs it: pip install torch pythae")
pytest.importorskip("pythae", reason="pythae is not installed: pip install pythae")

import torch
from pythae import models
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseDiscriminator, BaseEncoder

# pythae's VAEs and its adversarial autoencoder halve the squared error: a decoder of unit variance. Ours
# has a variance as an option, 0.5 by default, and the adversarial autoencoder the plain squared error.
UNIT_VARIANCE = 1.0
HALF_OF_THE_ERROR = 0.5
# pythae's RAE halves the squared codes, as the paper does; ours does not, nor do the paper's authors.
HALF_OF_THE_CODES = 0.5
# pythae sums over an example's pixels and codes; ours takes the mean of both where asked to.
PIXELS, CODES = 16, 3
# pythae's gradient penalty is a sum over codes; ours is a mean under either reduction.
SLOPES = CODES
# pythae leaves the squared weights to the decay of the decoder's optimizer, whose gradient is that of half
# of them, and which takes in biases.
HALF_OF_THE_WEIGHTS = 0.5

SHAPE = (4, 4, 1)
X = np.random.default_rng(0).uniform(size=(10, *SHAPE))
KEY = 7


@pytest.fixture(autouse=True)
def _double():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def ours(name, **options):
    """The family with weights of its own, biases among them: what both packages read."""
    arch = Architecture(SHAPE, CODES, x_range=(0.0, 1.0), hidden=(7, 5), activation="tanh")
    family = families.make(name, arch, **options)
    params, _ = init_model(family, jax.random.key(0))
    random = np.random.default_rng(2)
    params = jax.tree.map(lambda a: jnp.float32(a + random.normal(size=a.shape) * 0.4), params)
    return SimpleNamespace(family=family, params=params)


def losses(made, *, step=0):
    """`{move: (loss, metrics)}` of the family, each move with the same key."""
    nets = Bound(made.family.nets, made.params, {name: {} for name in made.params}, step=step)
    x, (stage,) = jnp.asarray(X, jnp.float32), made.family.stages
    return {u.name: u.objective(nets, x, jax.random.key(KEY)) for u in stage.updates}


def dense(params, activation):
    """A flax net of dense layers in torch."""
    layers = []
    for i in range(len(params)):
        kernel, bias = (np.array(params[f"Dense_{i}"][kind], np.float64) for kind in ("kernel", "bias"))
        linear = torch.nn.Linear(*kernel.shape)
        linear.weight.data, linear.bias.data = torch.tensor(kernel.T), torch.tensor(bias)
        layers += [linear, activation()]
    return torch.nn.Sequential(*layers[:-1])


class Encoder(BaseEncoder):
    def __init__(self, params):
        super().__init__()
        self.net = dense(params, torch.nn.Tanh)

    def forward(self, x):
        out = self.net(x.reshape(len(x), -1))
        if out.shape[1] == CODES:
            return ModelOutput(embedding=out, log_covariance=torch.zeros_like(out))
        mean, log_var = out.chunk(2, dim=1)
        return ModelOutput(embedding=mean, log_covariance=log_var)


class Decoder(BaseDecoder):
    def __init__(self, params):
        super().__init__()
        self.net = dense(params, torch.nn.Tanh)

    def forward(self, z):
        return ModelOutput(reconstruction=torch.sigmoid(self.net(z)).reshape(-1, 1, 4, 4))


class Discriminator(BaseDiscriminator):
    def __init__(self, params):
        super().__init__()
        self.net = dense(params, torch.nn.ReLU)

    def forward(self, z):
        return ModelOutput(embedding=torch.sigmoid(self.net(z)))


def theirs(model, config, made, **options):
    """pythae's model with the weights of ours; its channels come first, and there is one."""
    config = config(input_dim=(1, 4, 4), latent_dim=CODES, **options)
    nets = {"encoder": Encoder(made.params["encoder"]), "decoder": Decoder(made.params["decoder"])}
    if "critic" in made.params:
        nets["discriminator"] = Discriminator(made.params["critic"])
    return model(config, **nets)


def told(model, monkeypatch, **options):
    """Its losses, with the normal numbers that our moves draw."""
    noise = np.array(jax.random.normal(jax.random.key(KEY), (len(X), CODES)), np.float64)
    monkeypatch.setattr(torch, "randn_like", lambda like, **_: torch.tensor(noise).reshape(like.shape))
    return model({"data": torch.tensor(X.reshape(-1, 1, 4, 4))}, **options)


def assert_same(found, expected):
    np.testing.assert_allclose(float(found), expected.item(), rtol=1e-5)


@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_vae_and_beta_vae(beta, monkeypatch):
    made = ours("vae", beta=beta, variance=UNIT_VARIANCE)
    plain = (models.VAE, models.VAEConfig, made)
    model = theirs(*plain) if beta == 1.0 else theirs(models.BetaVAE, models.BetaVAEConfig, made, beta=beta)
    (loss, metrics), told_ = losses(made)["elbo"], told(model, monkeypatch)
    assert_same(loss, told_.loss)
    assert_same(metrics["kl"], told_.reg_loss)
    assert_same(HALF_OF_THE_ERROR * metrics["reconstruction"], told_.recon_loss)


@pytest.mark.parametrize("beta", [1.0, 0.3])
def test_vae_and_beta_vae_with_cross_entropy(beta, monkeypatch):
    made = ours("vae", beta=beta, likelihood="bernoulli")
    model = theirs(models.BetaVAE, models.BetaVAEConfig, made, beta=beta, reconstruction_loss="bce")
    (loss, metrics), told_ = losses(made)["elbo"], told(model, monkeypatch)
    assert_same(loss, told_.loss)
    assert_same(metrics["cross_entropy"], told_.recon_loss)


def test_wae_mmd_has_no_difference(monkeypatch):
    # The variance that its kernels are made for need not be its prior's, which is 1.
    scales = tuple(1.3**2 * scale for scale in (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0))
    made = ours("wae_mmd", weight=3.0, recon_scale=0.05, scales=scales)
    options = {"reg_weight": 3.0, "reconstruction_loss_scale": 0.05, "kernel_bandwidth": 1.3}
    model = theirs(models.WAE_MMD, models.WAE_MMD_Config, made, **options)
    (loss, metrics), told_ = losses(made)["autoencoder"], told(model, monkeypatch)
    assert_same(loss, told_.loss)
    assert_same(metrics["mmd2"], told_.mmd_loss)


def test_adversarial_autoencoder(monkeypatch):
    made = ours("aae", critic=(6, 4))
    options = {"adversarial_loss_scale": 0.3, "reconstruction_loss_scale": 2.0}
    model = theirs(
        models.Adversarial_AE, models.Adversarial_AE_Config, made, deterministic_posterior=True, **options
    )
    told_, found = told(model, monkeypatch), {move: loss for move, (loss, _) in losses(made).items()}
    recon = HALF_OF_THE_ERROR * found["reconstruction"]
    assert_same(recon, told_.recon_loss)
    assert_same(2.0 * recon + 0.3 * found["encoder"], told_.autoencoder_loss)
    assert_same(found["critic"], told_.discriminator_loss)


def converted(reduction, code_weight):
    """What our loss is multiplied by to be pythae's, and its weight of the codes."""
    if reduction == "sum":
        return 1, code_weight / HALF_OF_THE_CODES
    return PIXELS, code_weight / HALF_OF_THE_CODES * PIXELS / CODES


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_rae_with_squared_weights_moves_as_theirs_under_decay(reduction, monkeypatch):
    code_weight, weight = 0.2, 0.01
    made = ours("rae", code_weight=code_weight, weight=weight, regularizer="l2", reduction=reduction)
    times, embedding = converted(reduction, code_weight)
    decay = times * weight / HALF_OF_THE_WEIGHTS
    model = theirs(models.RAE_L2, models.RAE_L2_Config, made, embedding_weight=embedding, reg_weight=decay)
    told_, (loss, metrics) = told(model, monkeypatch), losses(made)["autoencoder"]
    assert_same(times * (loss - weight * metrics["l2"]), told_.loss)

    linears = [layer for layer in model.decoder.net if isinstance(layer, torch.nn.Linear)]
    squares = sum((layer.weight.detach() ** 2).sum() for layer in linears)
    assert_same(times * loss, told_.loss + HALF_OF_THE_WEIGHTS * decay * squares)

    before = [(layer.weight.detach().clone(), layer.bias.detach().clone()) for layer in linears]
    told_.loss.backward()
    torch.optim.SGD(model.decoder.parameters(), lr=1.0, weight_decay=model.model_config.reg_weight).step()

    def loss_of(decoder):
        changed = SimpleNamespace(family=made.family, params=made.params | {"decoder": decoder})
        return losses(changed)["autoencoder"][0]

    slopes = jax.grad(loss_of)(made.params["decoder"])
    for i, (layer, (kernel, bias)) in enumerate(zip(linears, before, strict=True)):
        moved, shifted = kernel - layer.weight.detach(), bias - layer.bias.detach()
        of_kernel, of_bias = (times * slopes[f"Dense_{i}"][kind] for kind in ("kernel", "bias"))
        np.testing.assert_allclose(of_kernel.T, moved.numpy(), rtol=1e-5, atol=1e-5)
        np.testing.assert_allclose(of_bias, (shifted - decay * bias).numpy(), rtol=1e-5, atol=1e-5)


class SlopeOfTheAuthors(models.RAE_GP):
    """pythae's penalty, of what the paper's authors' code takes the slope of.

    pythae: the decoded pixels' sum, by the data. The authors and ours: their squares' sum, by the codes.
    """

    def loss_function(self, recon_x, x, z):
        self.codes = z
        return super().loss_function(recon_x, x, z)

    def _compute_gp(self, recon_x, x):
        return super()._compute_gp(recon_x**2, self.codes)


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_rae_with_a_gradient_penalty(reduction, monkeypatch):
    code_weight, weight = 0.2, 0.7
    made = ours("rae", code_weight=code_weight, weight=weight, regularizer="gradient", reduction=reduction)
    times, embedding = converted(reduction, code_weight)
    options = {"embedding_weight": embedding, "reg_weight": times * weight / SLOPES}
    model = theirs(SlopeOfTheAuthors, models.RAE_GP_Config, made, **options)
    told_, (loss, metrics) = told(model, monkeypatch), losses(made)["autoencoder"]
    assert_same(times * loss, told_.loss)
    assert_same(SLOPES * metrics["gradient"], told_.gen_reg_loss)


@pytest.mark.parametrize("epoch", [3, 30])
def test_vamp_prior_and_its_warm_up(epoch, monkeypatch):
    made = ours("vamp_vae", pseudo_inputs=5, start_mean=0.0, variance=UNIT_VARIANCE, warm_up=10)
    table = np.array(made.params["pseudo"]["table"], np.float64).reshape(5, PIXELS)
    assert table.min() < 0.0  # pythae's hard tanh and our clip have something to do
    options = {"number_components": 5, "linear_scheduling_steps": 10}
    model = theirs(models.VAMP, models.VAMPConfig, made, **options)
    model.pseudo_inputs[0].weight.data = torch.tensor(table.T)
    model.pseudo_inputs[0].bias.data.zero_()
    # Ours keeps log-variances between -6 and 2, pythae does not: here none is out.
    log_var = model.encoder(torch.tensor(np.concatenate([X.reshape(-1, PIXELS), table]))).log_covariance
    assert -6.0 < log_var.min() <= log_var.max() < 2.0
    # pythae's factor of the divergence is epoch / steps, ours (round + 1) / rounds.
    (loss, metrics), told_ = losses(made, step=epoch - 1)["elbo"], told(model, monkeypatch, epoch=epoch)
    assert_same(loss, told_.loss)
    assert_same(metrics["kl"], told_.reg_loss)
    assert_same(HALF_OF_THE_ERROR * metrics["reconstruction"], told_.recon_loss)
