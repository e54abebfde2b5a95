"""A bar for what takes its time: it moves on a terminal, and is silent elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from tqdm import tqdm


def blocks(n: int, size: int, what: str) -> Iterator[slice]:
    """The places of `n` examples, `size` at a time; a bar named `what` counts them where it takes longer."""
    with tqdm(total=n, desc=what, unit=" examples", leave=False, disable=None, delay=0.3) as bar:
        for begin in range(0, n, size):
            end = min(begin + size, n)
            yield slice(begin, end)
            bar.update(end - begin)
