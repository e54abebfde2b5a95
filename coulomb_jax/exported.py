"""A model on disk that needs no package of ours: two functions as StableHLO, and how to call them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp
import jaxlib
from jax import export

from coulomb_jax.version import __version__

FORMAT = 1
"""Version of `manifest.json`."""

PLATFORMS = ("cpu", "cuda", "rocm", "tpu")
"""What the functions are lowered for; where the lowering is the same for all, it is stored once."""

EXAMPLE = """\
from pathlib import Path
import jax, numpy
function = jax.export.deserialize(bytearray(Path("{file}").read_bytes()))
{output} = numpy.asarray(function.call({input}))  # {input}: float32 of shape {shape}, any n from 1 on
"""


def write(
    path: str | Path,
    encode: Callable,
    decode: Callable,
    *,
    x_shape: tuple[int, ...],
    z_dim: int,
    pixel_range: tuple[float, float] | None,
) -> Path:
    """Writes a folder of `encoder.stablehlo`, `decoder.stablehlo` and `manifest.json`.

    Args:
      path: the folder, made where it is missing.
      encode: data `[n *x_shape]` to codes `[n z_dim]`, float32 to float32.
      decode: codes to data.
      x_shape: of one example.
      z_dim: of one code.
      pixel_range: (low, high) of images, None for vectors.

    Returns:
      The folder.

    Raises:
      ValueError: the path is a file, or a folder with something in it.
    """
    folder = Path(path)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(
            f"a model is exported into a new or empty folder, which {folder} is not; name another, "
            "or remove it"
        )
    x, z = ("x", list(x_shape), pixel_range), ("z", [z_dim], None)
    sides = {"encoder": (encode, x, z), "decoder": (decode, z, x)}
    blobs = {name: _serialized(run, takes[1]) for name, (run, takes, _) in sides.items()}
    manifest = {
        "format": FORMAT,
        "about": "the two halves of a generative autoencoder as StableHLO, made by jax.export; to run them "
        "takes jax, numpy and flatbuffers",
        "functions": {name: _signature(name, *ends) for name, (_, *ends) in sides.items()},
        "platforms": list(PLATFORMS),
        "versions": {"coulomb-jax": __version__, "jax": jax.__version__, "jaxlib": jaxlib.__version__},
        "compatibility": "jax promises to run them with a jaxlib released up to 6 months after, or up to "
        "3 weeks before, the one named here; keep a checkpoint for longer",
    }
    if pixel_range is not None:
        manifest["uint8"] = "x = low + (high - low) / 255 * pixels, with (low, high) the range of x"
    folder.mkdir(parents=True, exist_ok=True)
    for name, blob in blobs.items():
        (folder / f"{name}.stablehlo").write_bytes(blob)
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n")
    return folder


def _serialized(run: Callable, shape: list[int]) -> bytearray:
    """A function of one float32 array, for any number of rows."""
    (n,) = export.symbolic_shape("n")
    frames = jax.config.jax_traceback_in_locations_limit
    # The file would hold the paths of this machine's sources, one for every operation.
    jax.config.update("jax_traceback_in_locations_limit", 0)
    try:
        lowered = export.export(jax.jit(run), platforms=PLATFORMS)
        return lowered(jax.ShapeDtypeStruct((n, *shape), jnp.float32)).serialize()
    finally:
        jax.config.update("jax_traceback_in_locations_limit", frames)


def _signature(name: str, takes: tuple, gives: tuple) -> dict:
    """What a caller has to know, and a program that calls it."""

    def described(word, shape, bounds):
        told = {"name": word, "shape": ["n", *shape], "dtype": "float32"}
        return told if bounds is None else told | {"range": list(bounds)}

    file, shape = f"{name}.stablehlo", ", ".join(("n", *map(str, takes[1])))
    example = EXAMPLE.format(file=file, input=takes[0], output=gives[0], shape=f"({shape})")
    return {
        "file": file,
        "input": described(*takes),
        "output": described(*gives),
        "example": example.splitlines(),
    }
