"""CelebA's text files: the official partition, 40 attributes and 5 landmarks of each picture [liu2015]."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from coulomb_jax.data.archives import PICTURE
from coulomb_jax.data.source import DataError

PARTITION, ATTRIBUTES, LANDMARKS = "list_eval_partition", "list_attr_celeba", "list_landmarks_align_celeba"
POINTS = ("lefteye", "righteye", "nose", "leftmouth", "rightmouth")


class Table(NamedTuple):
    """One text file.

    Attributes:
      name: of the file, for messages.
      columns: what its columns are called; empty where it does not say.
      rows: the place of each picture's row, by its number.
      values: integers `[n, columns]`.
    """

    name: str
    columns: tuple[str, ...]
    rows: dict[int, int]
    values: np.ndarray

    def of(self, numbers: Iterable[int]) -> np.ndarray:
        """The rows of pictures, in the order asked for.

        Raises:
          DataError: one has none.
        """
        try:
            return self.values[[self.rows[number] for number in numbers]]
        except KeyError as error:
            raise DataError(
                f"{self.name} must have a row for every picture, but there is none for "
                f"{error.args[0]:06d}.jpg; get the file again, or take it away to go without"
            ) from None


def parse(text: str, name: str, columns: int) -> Table:
    """Read a table, as published (a count, names of the columns, rows) or in commas as on Kaggle.

    Args:
      text: content of the file.
      name: of the file, for messages.
      columns: how many there must be beside the picture's name.

    Raises:
      DataError: no rows, a row that is not whole, no names, or fewer rows than the file's own count.
    """
    lines = [line.replace(",", " ").split() for line in text.splitlines() if line.strip()]
    first = next((i for i, words in enumerate(lines) if PICTURE.fullmatch(words[0])), len(lines))
    head, rows = lines[:first], lines[first:]
    again = "get the file again"
    for words in rows:
        if len(words) != 1 + columns or not PICTURE.fullmatch(words[0]):
            raise DataError(
                f"{name} must have the name of a picture and {columns} integers in each row, but there is "
                f"{' '.join(words)[:80]!r}; {again}"
            )
    count = int(head[0][0]) if head and len(head[0]) == 1 and head[0][0].isdecimal() else len(rows)
    if not rows or count != len(rows):
        raise DataError(
            f"{name} must hold {count or 'some'} rows, but it holds {len(rows)}, in the form NNNNNN.jpg and "
            f"{columns} integers; {again}"
        )
    try:
        values = np.array([list(map(int, words[1:])) for words in rows])
    except ValueError as error:
        raise DataError(f"{name} must hold integers, but reading one failed: {error}; {again}") from error
    names = tuple(head[-1][-columns:]) if head and len(head[-1]) >= columns else ()
    if columns > 1 and not names:
        raise DataError(f"{name} must name its {columns} columns above the rows, but it does not; {again}")
    return Table(name, names, {int(words[0][:6]): i for i, words in enumerate(rows)}, values)
