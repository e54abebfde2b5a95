"""Square images and how often they can be halved."""

from __future__ import annotations

from coulomb_jax.nets.architecture import Architecture


def side(arch: Architecture) -> int:
    """The side of the square images that an architecture is for.

    Raises:
      ValueError: they are no square images.
    """
    if len(arch.x_shape) != 3 or arch.x_shape[0] != arch.x_shape[1]:
        raise ValueError(
            f"the {arch.name} nets take square images (h, w, c), not examples of shape {arch.x_shape}; "
            "use --config.arch.name=mlp"
        )
    return arch.x_shape[0]


def start(arch: Architecture, halvings: int) -> int:
    """The side after so many halvings, at which the decoder starts.

    Raises:
      ValueError: the images cannot be halved so often.
    """
    if side(arch) % 2**halvings:
        raise ValueError(
            f"the {arch.name} nets halve the image {halvings} times, which {side(arch)} pixels do not "
            "allow; resize the images or use --config.arch.name=mlp"
        )
    return side(arch) // 2**halvings


def with_dense(arch: Architecture, default: tuple[int, ...]) -> tuple[int, ...]:
    """The sizes of the hidden layers, `default` where none are named, of which the last is a dense one.

    Raises:
      ValueError: there is no convolution before it.
    """
    sizes = arch.layers(default)
    if len(sizes) < 2:
        raise ValueError(
            f"the {arch.name} nets have a dense layer behind at least one convolution, so two hidden layers, "
            f"not {len(sizes)}; lengthen --config.arch.hidden"
        )
    return sizes
