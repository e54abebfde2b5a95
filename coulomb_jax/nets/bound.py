"""Nets as plain functions of arrays."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from coulomb_jax.family import Net

AXIS = "devices"
"""The name under which the devices of a step know each other (`train/launch.py` maps over it)."""


class Bound:
    """The nets of a family with their parameters in place: `nets.encoder(x)` is a function of arrays.

    A net named in `learns` runs in training mode (batch normalisation takes the batch's statistics and
    records them in `recorded`); any other runs on stored statistics and cannot change them. The
    parameters of a `Fit` are an attribute too, as the arrays they are. An objective needs nothing more
    than these attributes, so that it can be tested with a `types.SimpleNamespace` and no flax.

    Attributes:
      step: the round within the stage, for warm-up and annealing.
      devices: how many devices share the batch.
      recorded: new batch statistics by net.
    """

    def __init__(
        self,
        nets: Mapping[str, Net],
        params: Mapping[str, Any],
        stats: Mapping[str, Any],
        *,
        learns: tuple[str, ...] = (),
        step: jax.Array | int = 0,
        axis: str | None = None,
    ):
        self._nets, self._params, self._stats = nets, params, stats
        self._learns, self._axis = learns, axis
        self.step = step
        self.recorded: dict[str, Any] = {}

    def __getattr__(self, name: str):
        if name.startswith("_") or name not in self._params:
            raise AttributeError(f"this family has no net {name!r}; it has {sorted(self._params)}")
        if name not in self._nets:
            return self._params[name]
        net, train = self._nets[name], name in self._learns

        def learn(variables: dict, *inputs: Array):
            kept = [kind for kind in variables if kind != "params"]
            return net.module.apply(variables, *inputs, train=True, mutable=kept)

        def call(*inputs: Array) -> Array:
            stats = self.recorded.get(name, self._stats[name])
            variables = {"params": self._params[name], **stats}
            if not train:
                return _float32(net.module.apply(variables, *inputs, train=False))
            run = jax.checkpoint(learn) if net.remat else learn
            outputs, self.recorded[name] = run(variables, *inputs)
            return _float32(outputs)

        return call

    @property
    def frozen(self) -> Bound:
        """The same nets on stored statistics: for inner derivatives, which must record nothing."""
        return Bound(self._nets, self._params, self._stats, step=self.step, axis=self._axis)

    def parameters(self, name: str) -> Any:
        """The parameters of a net, for penalties on its weights."""
        return self._params[name]

    @property
    def devices(self) -> int:
        return 1 if self._axis is None else jax.lax.axis_size(self._axis)

    def gather(self, z: Float[Array, "b ..."]) -> Float[Array, "n ..."]:
        """Concatenates the rows of all devices, in the order of the global batch.

        An MMD, a Kolmogorov-Smirnov statistic or a covariance of the batch is not the mean of those of
        its parts: without this, more devices would train on a noisier estimate.
        """
        return z if self._axis is None else jax.lax.all_gather(z, self._axis, tiled=True)

    def share(self, rows: Float[Array, "n ..."]) -> Float[Array, "b ..."]:
        """This device's part of an array made for the whole batch: the inverse of `gather`."""
        if self._axis is None:
            return rows
        size = rows.shape[0] // self.devices
        return jax.lax.dynamic_slice_in_dim(rows, jax.lax.axis_index(self._axis) * size, size)


def _float32(outputs: Array) -> Array:
    """Losses and statistics are float32 whatever the nets compute in."""
    return jax.tree.map(lambda a: a.astype(jnp.float32), outputs)


def initialize(nets: Mapping[str, Net], key: jax.Array) -> tuple[dict[str, Any], dict[str, Any]]:
    """Fresh parameters and batch statistics of every net, by name.

    Each net's key depends on its name alone, so that adding a net leaves the others as they were.
    """
    params, stats = {}, {}
    for name, net in nets.items():
        own = jax.random.fold_in(key, zlib.crc32(name.encode()))
        inputs = () if net.takes is None else (jnp.zeros((1, *net.takes)),)
        variables = dict(net.module.init(own, *inputs, train=False))
        params[name] = variables.pop("params")
        stats[name] = variables
    return params, stats
