"""Face-like pictures with known factors, drawn from a seed: for where no real ones are at hand."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from coulomb_jax.data import portraits

DRAWS = 108  # random numbers a picture: as many as `_person` takes, up to a multiple of Philox's 4
BLOCK = 1024  # pictures
STREAM = 2**64 - 1  # second word of the key; in `batches` it is the epoch, which never gets there


class Rendered(NamedTuple):
    """Pictures and what they show.

    Attributes:
      images: uint8 `[n, size, size, 3]`, red, green, blue.
      factors: float32 `[n, k]`; `portraits.FACTORS` has their meanings and ranges.
      names: of the factors.
    """

    images: np.ndarray
    factors: np.ndarray
    names: tuple[str, ...]


def render(n: int, size: int = 64, seed: int = 0, *, first: int = 0) -> Rendered:
    """Draw the pictures `first` to `first + n` of the endless series that belongs to a seed.

    Picture i depends on the seed and i alone, and is the same bit for bit on every machine. The
    factors are those of a population: half of it has long and fuller hair, redder lips, larger eyes,
    thinner brows, a narrower face, a pointed chin and no beard; hair and eyes are darker, lips fuller and
    noses broader the darker the skin; age brings grey hair, glasses and, where hair is short, a receding
    fringe; a smile narrows the eyes and opens the mouth. Gaze, place and size of the head, tilt, light and
    the colours of background and clothes are independent of all else.

    Args:
      n: number of pictures, not negative.
      size: height and width in pixels, at least 1.
      seed: 0 to 2^64 - 1.
      first: not negative.

    Raises:
      ValueError: an argument is out of range.
    """
    if n < 0 or first < 0 or size < 1:
        raise ValueError(
            "n and first must be at least 0 and size at least 1, but they are "
            f"{n}, {first} and {size}; a size of 64 is usual"
        )
    if not 0 <= seed < 2**64:
        raise ValueError(f"a seed must lie in [0, 2^64), but it is {seed}; choose another")
    bits = np.random.Philox(key=np.array([seed, STREAM], np.uint64), counter=first * DRAWS // 4)
    images = np.empty((n, size, size, 3), np.uint8)
    factors = np.empty((n, len(portraits.NAMES)), np.float32)
    for start in range(0, n, BLOCK):
        part = slice(start, min(start + BLOCK, n))
        raw = bits.random_raw((part.stop - start) * DRAWS).reshape(-1, DRAWS)
        person = _person((raw >> np.uint64(11)) * 2.0**-53)
        factors[part] = np.stack([person[name] for name in portraits.NAMES], axis=1)
        images[part] = portraits.draw(factors[part], size)
    return Rendered(images, factors, portraits.NAMES)


def _person(numbers: np.ndarray) -> dict[str, np.ndarray]:
    """The factors by name, from uniform numbers in [0, 1), a row a person."""
    take = iter(numbers.T).__next__

    def uniform(low=0.0, high=1.0):
        return low + (high - low) * take()

    def bell(low=-1.0, high=1.0):
        # The mean of three: nearly normal, with a sixth of the range for a standard deviation.
        return low + (high - low) * ((take() + take() + take()) / 3)

    long_haired = (take() < 0.5) * 1.0
    short_haired = 1 - long_haired
    old = np.maximum(uniform(-2.3, 1), 0)
    skin = take()
    skin = skin * skin * (1.2 - 0.2 * skin)
    fair = 1 - skin
    smile = np.minimum(bell(-0.6, 1.0) + 0.25, 1)
    happy = np.maximum(smile, 0)
    person = {
        "background_shade": uniform(0, 0.6),
        "skin": skin,
        "jaw": bell(0.05, 0.30) + 0.10 * long_haired,
        "face_width": bell(0.38, 0.48) + 0.02 * short_haired,
        "face_height": bell(0.56, 0.68),
        "hair": take() * fair * np.minimum(1.5 * fair, 1),
        "hair_red": np.maximum(uniform(-2, 1), 0) * fair,
        "hair_grey": np.minimum(3 * old, 1) * take(),
        "hair_length": long_haired * uniform(0.25, 1) + short_haired * 0.45 * take() * take(),
        "hair_volume": bell(0.03, 0.14) + 0.04 * long_haired * take(),
        "fringe": long_haired * take() + short_haired * np.maximum(uniform(-0.3, 0.7) - 0.4 * old, -0.3),
        "parting": uniform(-1, 1),
        "beard": short_haired * np.maximum(uniform(-1.2, 1), 0),
        "eye_distance": bell(0.36, 0.46) + 0.02 * take(),
        "eye_size": bell(0.095, 0.125) + 0.01 * long_haired,
        "eye_opening": np.maximum(bell(0.32, 0.75) - 0.12 * happy, 0.25),
        "eye_colour": take() * fair,
        "gaze_x": bell(),
        "gaze_y": bell(),
        "brow_height": take(),
        "brow_angle": bell(-0.35, 0.35),
        "brow_thickness": bell(0.012, 0.028) + 0.008 * short_haired,
        "nose_length": take(),
        "nose_width": bell(0.07, 0.11) + 0.02 * skin,
        "mouth_width": bell(0.13, 0.22),
        "lip_fullness": bell(0.03, 0.06) + 0.01 * skin,
        "lip_red": (0.25 + 0.75 * long_haired) * take(),
        "smile": smile,
        "mouth_opening": np.clip(uniform(-1.0, 0.6) + 0.5 * happy, 0, 1),
        "glasses": take() < 0.1 + 0.3 * old,
        "shift_x": bell(-0.10, 0.10),
        "shift_y": bell(-0.08, 0.08),
        "scale": bell(1.0, 1.25),
        "tilt": bell(-0.22, 0.22),
        "light_x": bell(),
        "light": bell(0.75, 1.1),
    }
    # Muted colours: a grey, and a tint around it.
    for thing, tint in (("background", 0.35), ("clothes", 0.6)):
        grey = take()
        for colour in ("red", "green", "blue"):
            person[f"{thing}_{colour}"] = np.clip(grey + bell(-tint, tint), 0, 1)
    return person
