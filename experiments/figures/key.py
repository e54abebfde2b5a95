"""A key beside a panel: the line of each curve, its name, and columns of numbers about it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from experiments.figures.style import MUTED, Page, breadth

SIZE = 9  # points
LINE = 0.19  # inches from one line of words to the next
GAP = 0.22  # between columns
SAMPLE = 0.42  # the length of a line's sample, and the room after it
LONGEST = 34  # letters of a name in one line


class Key:
    """The key's width and height in inches are known before the page is."""

    def __init__(self, heads: Sequence[str], rows: Sequence[tuple[str, dict, Sequence[str]]]):
        """A row is a name, the look of its line, and a word for each head; heads may hold mathtext."""
        self.heads = heads
        self.rows = [
            ("\n".join(textwrap.wrap(name, LONGEST)) or name, look, cells) for name, look, cells in rows
        ]
        columns = zip(heads, *[cells for _, _, cells in self.rows])
        self.columns = [max(breadth(word, SIZE) for word in column) + GAP for column in columns]
        self.names = max(breadth(name, SIZE) for name, _, _ in self.rows)
        self.width = SAMPLE + self.names + sum(self.columns)
        self.height = LINE * (_lines(heads) + 0.3 + sum(1.25 * _lines([name]) for name, _, _ in self.rows))

    def draw(self, page: Page, left: float, top: float) -> None:
        """With its upper left corner here."""
        rights, right = [], left + SAMPLE + self.names
        for width in self.columns:
            right += width
            rights.append(right)
        depth = LINE * _lines(self.heads)
        for right, head in zip(rights, self.heads):
            _lower(page, right, top - depth, head, ha="right", color=MUTED, parse_math=True)
        down = top - depth - 0.3 * LINE
        for name, line, cells in self.rows:
            height = 1.25 * LINE * _lines([name])
            middle = down - height / 2
            page.line(left, left + SAMPLE - 0.12, middle, **line)
            _lower(page, left + SAMPLE, middle - LINE * _lines([name]) / 2, name)
            for right, word in zip(rights, cells):
                _lower(page, right, middle - LINE / 2, word, ha="right")
            down -= height


def _lines(words: Sequence[str]) -> int:
    return max((1 + word.count("\n") for word in words), default=0)


def _lower(page: Page, left: float, bottom: float, words: str, **look) -> None:
    """Lines of words above this height, on baselines that do not depend on their letters."""
    for i, line in enumerate(reversed(words.split("\n"))):
        page.text(left, bottom + 0.05 + i * LINE, line, **({"fontsize": SIZE} | look))
