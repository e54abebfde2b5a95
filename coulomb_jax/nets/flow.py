"""Autoregressive flows [kingma2016] [papamakarios2017] by masked nets [germain2015]."""

from __future__ import annotations

import itertools

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

LIMIT = 3.0
"""Largest logarithm of the factor of one block: exp(3) is a factor of 20 an element."""

OPEN = 1.5
"""Added to the logits of gates, which then begin near the identity, as [kingma2016] advises."""


class Flow(nn.Module):
    """An invertible map of `[b dim]`, block after block, the order of the elements reversed in between.

    In a block y_i = f_i x_i + m_i, with factor f_i and shift m_i functions of x_1 .. x_{i-1} and the
    context: one pass of a masked net forwards, `dim` passes backwards.

    Attributes:
      dim: elements that are mapped.
      context: numbers behind them in the input that the map depends on, 0 or more.
      blocks: at least 1.
      hidden: neurons of each layer of a block's net.
      gated: whether f = sigmoid(s) and the shift is (1 - f) m, as in [kingma2016]: it only contracts,
        and suits a posterior that starts from noise. Otherwise f = exp(s).
    """

    dim: int
    context: int
    blocks: int
    hidden: tuple[int, ...]
    gated: bool = False

    @nn.compact
    def __call__(
        self, inputs: jax.Array, inverse: bool = False, *, train: bool
    ) -> tuple[Float[Array, "b dim"], Float[Array, " b"]]:
        """The mapped elements, by the inverse if asked, and the log-determinant of that map's Jacobian."""
        weights = [self._weights(f"block_{i}") for i in range(self.blocks)]
        y, context = inputs[:, : self.dim], inputs[:, self.dim :]
        total = jnp.zeros(len(y))
        for block in weights[::-1] if inverse else weights:
            if inverse:
                y, log_det = self._backward(block, y[:, ::-1], context)
            else:
                y, log_det = self._forward(block, y, context)
                y = y[:, ::-1]
            total = total + log_det
        return y, total

    def _weights(self, name: str) -> list[dict[str, jax.Array]]:
        """The layers of one block: masked kernels and biases, and the context's kernel at the first."""
        layers = []
        last = len(self.hidden)
        for i, mask in enumerate(masks(self.dim, self.hidden)):
            # A block that begins with zeros at its end begins as the identity, or an open gate.
            init = nn.initializers.zeros if i == last else nn.initializers.lecun_normal()
            kernel = self.param(f"{name}_kernel_{i}", init, mask.shape)
            bias = self.param(f"{name}_bias_{i}", nn.initializers.zeros, mask.shape[1:])
            layers.append({"kernel": kernel * mask, "bias": bias})
        if self.context:
            shape = (self.context, layers[0]["kernel"].shape[1])
            layers[0]["context"] = self.param(f"{name}_context", nn.initializers.lecun_normal(), shape)
        return layers

    def _factor_and_shift(self, block, x, context):
        """Logarithm of the factors, and the shifts, `[b dim]` each."""
        h = x
        for i, layer in enumerate(block):
            h = jnp.matmul(h if i == 0 else jax.nn.relu(h), layer["kernel"], precision="highest")
            h = h + layer["bias"][None]
            if "context" in layer:
                h = h + jnp.matmul(context, layer["context"], precision="highest")
        s, m = jnp.split(h, 2, axis=1)
        if self.gated:
            log_factor = jax.nn.log_sigmoid(s + OPEN)
            return log_factor, -jnp.expm1(log_factor) * m
        return LIMIT * jnp.tanh(s / LIMIT), m

    def _forward(self, block, x, context):
        log_factor, shift = self._factor_and_shift(block, x, context)
        return x * jnp.exp(log_factor) + shift, jnp.sum(log_factor, axis=1)

    def _backward(self, block, y, context):
        def one(i, x):
            log_factor, shift = self._factor_and_shift(block, x, context)
            element = (y - shift) * jnp.exp(-log_factor)
            return jnp.where(jnp.arange(self.dim)[None] == i, element, x)

        x = jax.lax.fori_loop(0, self.dim, one, jnp.zeros_like(y))
        return x, -jnp.sum(self._factor_and_shift(block, x, context)[0], axis=1)


def masks(dim: int, hidden: tuple[int, ...]) -> list[np.ndarray]:
    """Which weights of a net `dim` -> hidden -> 2 `dim` are kept, so that outputs i see inputs before i.

    A neuron of degree m sees the first m inputs; of degree 0, the context alone.
    """
    inputs = np.arange(1, dim + 1)
    between = [np.linspace(0, dim - 1, size).round() for size in hidden]
    outputs = np.tile(np.arange(dim), 2)
    degrees = [inputs, *between, outputs]
    return [np.float32(a[:, None] <= b[None]) for a, b in itertools.pairwise(degrees)]
