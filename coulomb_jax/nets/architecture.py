"""What nets an experiment is made with, independent of the family that trains them."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp

from coulomb_jax.family import Net
from coulomb_jax.naming import nearest
from coulomb_jax.nets import laws

ACTIVATIONS: dict[str, Callable] = {
    "relu": jax.nn.relu,
    "leaky_relu": jax.nn.leaky_relu,
    "silu": jax.nn.silu,
    "tanh": jnp.tanh,
    "glu": jax.nn.glu,
}
NETS = ("dcgan", "flex_ae", "gmm_dae", "infogan", "joint_vae", "mlp", "rae", "residual", "two_stage")


@dataclass(frozen=True)
class Architecture:
    """The nets of an experiment: a kind, its sizes, and the data it is made for.

    Attributes:
      x_shape: shape of one example, `(h, w, c)` or `(d,)`.
      z_dim: latent dimensions, at least 1.
      x_range: (low, high) of the data, which the decoder's last layer keeps to: a tanh for an interval
        symmetric about 0, else a logistic, scaled to it; None for a linear last layer.
      name: the file of `coulomb_jax.nets` that builds them: "mlp", "dcgan" (WAE's), a family's name, or
        one of the two-stage VAE's three: "infogan", "two_stage" (after WAE's) and "residual".
      hidden: neurons (mlp) or channels (all others; the last of infogan, flex_ae, joint_vae and residual are
        neurons) of each layer, counted from the encoder's input; the decoder mirrors them. Empty: the file's
        own.
      width: factor on every entry of `hidden` (Table 2 of [sansone2019] has 0.25, 0.5 and 1).
      activation: a key of `ACTIVATIONS`. "glu" makes each hidden layer of mlp a linear one times the logistic
        of another [tomczak2018], the spectral norm of both one.
      activation_first: each batch norm comes after the activation, not before it; residual, whose order is
        its own, and mlp, which has no batch norm, are as they are.
      gain: factor on the initial standard deviation of the weights.
      glorot: the initial weights of encoder and decoder have the variance 2 / (inputs + outputs) of a layer
        [glorot2010], in place of the file's own law.
      x_scale: the unit of the data that the nets work in: the encoder sees x / x_scale, the decoder's
        output is multiplied by it. Losses stay in the data's own units.
      spectral: spectral norm on every weight of encoder and decoder but the decoder's first, as the RAE-SN
        of [ghosh2020] has it. infogan's encoder is under it in any case.
      dtype: what the nets compute in, "float32" or "bfloat16"; parameters are float32.
      remat: training computes the inside of the nets again for the gradient, to save memory.
    """

    x_shape: tuple[int, ...]
    z_dim: int
    x_range: tuple[float, float] | None = None
    name: str = "mlp"
    hidden: tuple[int, ...] = ()
    width: float = 1.0
    activation: str = "relu"
    activation_first: bool = False
    gain: float = 1.0
    glorot: bool = False
    x_scale: float = 1.0
    spectral: bool = False
    dtype: str = "float32"
    remat: bool = False

    def __post_init__(self):
        if self.z_dim < 1:
            raise ValueError(
                f"z_dim must be at least 1, not {self.z_dim}; set --config.arch.z_dim to the number "
                "of latent dimensions"
            )
        for word, value, valid in (
            ("net", self.name, NETS),
            ("activation", self.activation, tuple(ACTIVATIONS)),
            ("dtype", self.dtype, ("float32", "bfloat16")),
        ):
            if value not in valid:
                raise ValueError(nearest(word, value, valid))
        if self.activation == "glu" and self.name != "mlp":
            raise ValueError(
                f"the gated layers of glu are those of the net mlp, not of {self.name}; choose another "
                "--config.arch.activation"
            )
        if any(size < 1 for size in self.hidden):
            raise ValueError(
                f"every entry of hidden is at least 1, not {self.hidden}; set --config.arch.hidden"
            )
        for word, value in (("width", self.width), ("gain", self.gain), ("x_scale", self.x_scale)):
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{word} must be positive and finite, not {value}")

    def layers(self, default: tuple[int, ...]) -> tuple[int, ...]:
        """The sizes of the hidden layers, `default` where none are named, times `width`."""
        return tuple(max(1, round(size * self.width)) for size in self.hidden or default)

    def initial(self, own: Callable) -> Callable:
        """The law of the initial weights of encoder and decoder, `own` of a file but where all share one."""
        return laws.glorot_normal(self.gain) if self.glorot else own

    def encoder(self, outputs: int | None = None) -> Net:
        """Data to `outputs` numbers an example, `z_dim` of them where not said."""
        return Net(self._file.Encoder(self, outputs or self.z_dim), self.x_shape, self.remat)

    def decoder(self, *, numbers: int = 1) -> Net:
        """Codes `[b z_dim]` to data `[b *x_shape]` within `x_range`.

        More than one of `numbers` for each coordinate are parts of the last axis, and keep to no range.
        """
        made = self
        if numbers > 1:
            shape = (*self.x_shape[:-1], numbers * self.x_shape[-1])
            made = replace(self, x_shape=shape, x_range=None, x_scale=1.0)
        return Net(self._file.Decoder(made), (self.z_dim,), self.remat)

    def critic(self, hidden: tuple[int, ...] = (1024, 1024, 1024, 1024), *, glorot: bool = False) -> Net:
        """Codes `[b z_dim]` to one logit each, `[b]`: WAE-GAN's adversary, four layers of 512 on MNIST.

        `glorot` gives it the initial weights of a Wasserstein critic.
        """
        from coulomb_jax.nets.critic import Critic

        return Net(Critic(self, tuple(hidden), glorot), (self.z_dim,))

    def picture_critic(self) -> Net:
        """Data to one number an example, `[b]`; see `coulomb_jax.nets.picture_critic`."""
        from coulomb_jax.nets.picture_critic import PictureCritic

        return Net(PictureCritic(self), self.x_shape)

    def generator(self, noise_dim: int, hidden: tuple[int, ...]) -> Net:
        """Noise `[b noise_dim]` to codes `[b z_dim]`; see `coulomb_jax.nets.generator`."""
        from coulomb_jax.nets.generator import Generator

        return Net(Generator(self, tuple(hidden)), (noise_dim,))

    def mask(self) -> Net:
        """A net that takes nothing and gives a factor for each latent dimension, `[z_dim]`."""
        from coulomb_jax.nets.mask import Mask

        return Net(Mask(self), None)

    def scalar(self) -> Net:
        """A learned number that takes nothing and begins at 0: the logarithm of a decoder's deviation."""
        from coulomb_jax.nets.scalar import Scalar

        return Net(Scalar(), None)

    def table(self, rows: int, mean: float, deviation: float) -> Net:
        """A net that takes nothing and gives `rows` learned examples; see `coulomb_jax.nets.table`."""
        from coulomb_jax.nets.table import Table

        return Net(Table(self, rows, mean, deviation), None)

    def ratio(self, hidden: tuple[int, ...]) -> Net:
        """Codes `[b z_dim]` to a log-ratio of densities each, `[b]`."""
        from coulomb_jax.nets.ratio import Ratio

        return Net(Ratio(self, tuple(hidden)), (self.z_dim,))

    def flow(self, blocks: int, hidden: tuple[int, ...], *, context: int = 0, gated: bool = False) -> Net:
        """An invertible map of codes, given `context` further numbers; see `coulomb_jax.nets.flow`."""
        from coulomb_jax.nets.flow import Flow

        flow = Flow(self.z_dim, context, blocks, tuple(hidden), gated)
        return Net(flow, (self.z_dim + context,))

    @property
    def _file(self) -> Any:
        return importlib.import_module(f"coulomb_jax.nets.{self.name}")

    @property
    def unit(self) -> float:
        """The width of `x_range`, or `x_scale` where there is none."""
        return self.x_scale if self.x_range is None else self.x_range[1] - self.x_range[0]

    def centre(self, x: jax.Array) -> jax.Array:
        """The data with `x_range` moved onto [-1, 1], or in units of `x_scale` where it has no range."""
        if self.x_range is None:
            return x / self.x_scale
        low, high = self.x_range
        return (2.0 * x - (high + low)) / (high - low)

    def into_range(self, y: jax.Array) -> jax.Array:
        """What a decoder's last layer does: a tanh or logistic onto `x_range`, or the unit of the data.

        tanh(y) is the logistic of 2 y: with the latter, the published initial weights would begin at
        half the contrast, and the last layer learn half as fast. It is float32 from here on: bfloat16 has
        three digits, too few for data.
        """
        y = y.astype(jnp.float32)
        if self.x_range is None:
            return y * self.x_scale
        low, high = self.x_range
        if low == -high:
            return high * jnp.tanh(y)
        return low + (high - low) * jax.nn.sigmoid(y)
