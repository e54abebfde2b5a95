"""Weights of published nets, read without torch and without running anything that a file brings along."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import struct
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import jax
import numpy as np

from coulomb_jax.naming import nearest

# First bytes of torch's older files: the pickle of the number that torch writes before all else.
OLDER = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
STORAGES = {
    "DoubleStorage": "<f8",
    "FloatStorage": "<f4",
    "HalfStorage": "<f2",
    "LongStorage": "<i8",
    "IntStorage": "<i4",
}


# What a cut or altered file makes of its readers.
DAMAGED = (
    pickle.UnpicklingError,
    zipfile.BadZipFile,
    struct.error,
    AttributeError,
    EOFError,
    LookupError,
    OverflowError,
    TypeError,
)


class Weights(NamedTuple):
    """The arrays of a file by name, as torch names and lays them out, and the file's sha256."""

    path: Path
    arrays: Mapping[str, np.ndarray]
    sha256: str

    def array(self, name: str) -> np.ndarray:
        """The array of a name.

        Raises:
          ValueError: there is none.
        """
        if name not in self.arrays:
            raise ValueError(f"{self.path} is of another net: {nearest('array', name, self.arrays)}")
        return self.arrays[name]


def read(path: str | Path) -> Weights:
    """Reads a file of weights.

    Args:
      path: an `.npz`, or what `torch.save` wrote of a state dict, before or after version 1.6 (the
        2015-12-05 Inception weights are of before). Of a pickle's instructions only those are followed
        that build a dictionary of arrays.

    Raises:
      FileNotFoundError: there is no such file.
      ValueError: it is of another format, holds something else than arrays of numbers, or is not the file
        that its name says: `name-<first digits of the sha256>.pth`, as torch names its downloads.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"weights are read from a file, but there is none at {path}; check the path")
    content = path.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    named = re.search(r"-([0-9a-f]{8,64})\.pth$", path.name)
    if named and not sha256.startswith(named[1]):
        raise ValueError(
            f"the sha256 of {path} should begin with {named[1]}, but it is {sha256}; download the file again"
        )
    try:
        arrays = _arrays(content)
    except DAMAGED as error:
        raise ValueError(f"{path} cannot be read as weights ({error}); is it whole?") from error
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return Weights(path, arrays, sha256)


def params(
    shapes: Mapping[str, Any],
    weights: Weights,
    layer: Callable[[str], tuple[str, str | None]],
    epsilon: float = 0.0,
) -> dict[str, Any]:
    """The parameters of a Flax net made of convolutions and dense layers, each with a bias.

    A batch norm behind a layer is folded into it: kernel · g/√(v + ε) and shift − mean · g/√(v + ε).

    Args:
      shapes: the parameters that the net has, as `jax.eval_shape` of its initialization says.
      weights: to take them from.
      layer: the net's path of a layer, joined by dots, to the names of the layer and of its batch norm
        (None where it has none) in the file.
      epsilon: added to the variances of the batch norms.

    Raises:
      ValueError: an array is not in the file, or not of the net's shape.
    """

    def fill(node: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
        if "kernel" not in node:
            return {name: fill(inner, (*path, name)) for name, inner in node.items()}
        return _layer(node, weights, *layer(".".join(path)), epsilon)

    return fill(shapes, ())


def _layer(
    shapes: Mapping[str, jax.ShapeDtypeStruct],
    weights: Weights,
    name: str,
    norm: str | None,
    epsilon: float,
) -> dict[str, np.ndarray]:
    kernel = weights.array(f"{name}.weight")
    # torch has (out, in, ...), Flax (..., in, out).
    kernel = kernel.transpose(*range(2, kernel.ndim), 1, 0).astype(np.float64)
    if norm is None:
        bias = weights.array(f"{name}.bias")
    else:
        scale, shift, mean, variance = (
            weights.array(f"{norm}.{part}").astype(np.float64)
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        factor = scale / np.sqrt(variance + epsilon)
        kernel, bias = kernel * factor, shift - mean * factor
    for array, expected in ((kernel, shapes["kernel"].shape), (bias, shapes["bias"].shape)):
        if array.shape != expected:
            raise ValueError(
                f"{name} should have the shape {expected} once its axes are in order, but has {array.shape} "
                f"in {weights.path}; the file is of another net"
            )
    return {"kernel": kernel.astype(np.float32), "bias": bias.astype(np.float32)}


class _Storage(NamedTuple):
    dtype: str
    key: str


class _View(NamedTuple):
    storage: _Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


def _tensor(storage, offset, shape, strides, *_):
    return _View(storage, offset, shape, strides)


def _parameter(tensor, *_):
    return tensor


KNOWN = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch._utils", "_rebuild_parameter"): _parameter,
    **{("torch", name): dtype for name, dtype in STORAGES.items()},
}


class _Reader(pickle.Unpickler):
    """Knows the names that a state dict needs, each as something that only holds numbers."""

    def find_class(self, module, name):
        if (module, name) not in KNOWN:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no array of numbers needs")
        return KNOWN[module, name]

    def persistent_load(self, pid):
        _, dtype, key, *_ = pid
        return _Storage(dtype, key)


def _arrays(content: bytes) -> dict[str, np.ndarray]:
    file = io.BytesIO(content)
    if content.startswith(OLDER):
        return _of_older_file(file)
    if not zipfile.is_zipfile(file):
        raise ValueError("neither an .npz nor a file of torch.save; convert it to an .npz")
    with zipfile.ZipFile(file) as archive:
        pickles = [name for name in archive.namelist() if name.endswith("/data.pkl")]
        if pickles:
            return _of_archive(archive, pickles[0].removesuffix("data.pkl"))
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)


def _of_archive(archive: zipfile.ZipFile, folder: str) -> dict[str, np.ndarray]:
    order = f"{folder}byteorder"
    if order in archive.namelist() and archive.read(order) != b"little":
        raise ValueError("written by a big-endian machine; convert it to an .npz there")
    views = _Reader(io.BytesIO(archive.read(f"{folder}data.pkl"))).load()
    return _resolved(views, lambda storage: archive.read(f"{folder}data/{storage.key}"))


def _of_older_file(file: BinaryIO) -> dict[str, np.ndarray]:
    _, _, system, views, keys = (_Reader(file).load() for _ in range(5))
    if not system["little_endian"]:
        raise ValueError("written by a big-endian machine; convert it to an .npz there")
    dtypes = {view.storage.key: np.dtype(view.storage.dtype) for view in _checked(views).values()}
    data = {}
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        data[key] = file.read(count * dtypes[key].itemsize)
    return _resolved(views, lambda storage: data[storage.key])


def _checked(views: Any) -> Mapping[str, _View]:
    if not isinstance(views, dict) or not all(isinstance(view, _View) for view in views.values()):
        raise ValueError("not a state dict, which is names and arrays alone; save model.state_dict()")
    return views


def _resolved(views: Any, data: Callable[[_Storage], bytes]) -> dict[str, np.ndarray]:
    arrays = {}
    for name, (storage, offset, shape, strides) in _checked(views).items():
        if 0 in shape:
            arrays[name] = np.zeros(shape, storage.dtype)
            continue
        flat = np.frombuffer(data(storage), storage.dtype)
        last = offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
        numbers = (offset, *strides, *(n - 1 for n in shape))
        # Without this a forged shape would show what lies beside the file in memory.
        if min(numbers) < 0 or last >= flat.size:
            raise ValueError(f"{name} reaches beyond the numbers stored for it; the file is damaged")
        steps = tuple(step * flat.itemsize for step in strides)
        arrays[name] = np.lib.stride_tricks.as_strided(flat[offset:], shape, steps).copy()
    return arrays
