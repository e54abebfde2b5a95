"""What tests of metrics share."""

import jax
import numpy as np
import pytest
from jax.sharding import Mesh

from coulomb_jax.metrics import tiles


@pytest.fixture
def one_device(monkeypatch):
    """For many small sets, where most of the time would go into sharing them out."""
    mesh = Mesh(np.asarray(jax.local_devices()[:1]), (tiles.AXIS,))
    monkeypatch.setattr(tiles, "_mesh", lambda: mesh)
