"""What the tests of every figure need."""

import numpy as np
import pytest
from matplotlib.text import Text
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
def legible():
    return _legible


def _legible(page):
    """Every word lies on the page and none covers another."""
    page.figure.canvas.draw()
    boxes = [(text.get_text(), text.get_window_extent()) for text in _drawn(page.figure)]
    paper = page.figure.bbox
    for i, (word, box) in enumerate(boxes):
        assert paper.x0 <= box.x0 <= box.x1 <= paper.x1, word
        assert paper.y0 <= box.y0 <= box.y1 <= paper.y1, word
        for other, beside in boxes[:i]:
            across = max(beside.x0 - box.x1, box.x0 - beside.x1)
            assert max(across, beside.y0 - box.y1, box.y0 - beside.y1) > -2, (word, other)


def _drawn(figure):
    """The words that the renderer is asked for: ticks beyond an axis' limits exist and are not."""
    words = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            seen = axis._update_ticks() if axes.axison else []
            hidden = [tick for tick in axis.majorTicks + axis.minorTicks if tick not in seen]
            beyond = [label for tick in hidden for label in (tick.label1, tick.label2)]
            words = [text for text in words if text not in beyond]
    return words


@pytest.fixture
def opened():
    return _opened


def _opened(path):
    with Image.open(path) as image:
        image.verify()
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image if image.mode == "L" else image.convert("RGB")).astype(int)
