"""Pictures rendered in the place of CelebA, where it is not at hand."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from coulomb_jax.data.celeba_rows import Opened
from coulomb_jax.data.crops import Crop
from coulomb_jax.data.source import fingerprint

TRAIN = 20_000


class StandIn(NamedTuple):
    """`train` pictures to train on and a tenth of that, at least 16, held out, all of `size` pixels."""

    train: int
    size: int

    @property
    def test(self) -> int:
        """How many are held out."""
        return max(self.train // 10, 16)

    @property
    def recipe(self) -> dict[str, Any]:
        """What the pictures depend on: their number, and the renderer, told by a few of its pictures."""
        from coulomb_jax.data import faces

        images, factors, names = faces.render(16, self.size, 0)
        sample = [fingerprint(images, factors), *names]
        return {"source": "standin", "train": self.train, "test": self.test, "sample": sample}

    def open(self, crop: Crop) -> Opened:
        """Nothing is cut here: they are rendered at the size asked for."""
        from coulomb_jax.data import faces

        _, factors, names = faces.render(1, self.size, 0)
        return Opened(
            partition=np.repeat([0, 2], [self.train, self.test]),
            layout={
                "images": ((self.size, self.size, 3), "uint8"),
                "factors": ((factors.shape[1],), "float32"),
            },
            reader=lambda order: _Reader(self.size),
            attribute_names=tuple(names),
            details={
                "source": "stand-in",
                "archive": "rendered here: these are not CelebA's pictures",
                "pictures": f"{self.train + self.test:,} of {self.size} x {self.size}",
                "tables": {},
            },
        )


class _Reader(NamedTuple):
    size: int

    def __call__(self, start: int, stop: int) -> dict[str, np.ndarray]:
        from coulomb_jax.data import faces

        images, factors, _ = faces.render(stop - start, self.size, 0, first=start)
        return {"images": images, "factors": factors}
