"""What the tests of every figure need."""

import numpy as np
import pytest
from PIL import Image

from experiments.figures.style import Page


@pytest.fixture
def random():
    return np.random.default_rng(0)


@pytest.fixture
def pages(monkeypatch):
    """The pages, as they are saved."""
    seen = []
    save = Page.save

    def keep(page, path):
        seen.append(page)
        save(page, path)

    monkeypatch.setattr(Page, "save", keep)
    return seen


@pytest.fixture
def opened():
    return _opened


def _opened(path):
    with Image.open(path) as image:
        image.verify()
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image if image.mode == "L" else image.convert("RGB")).astype(int)
