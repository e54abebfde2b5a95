"""The order of examples, as a function of the seed and the step alone."""

from __future__ import annotations

import numpy as np


class BatchOrder:
    """Which examples each step sees: a permutation an epoch, cut into whole batches.

    Step s belongs to epoch s // steps_per_epoch, whose permutation depends on (seed, epoch) only.
    So a run that resumes at any step sees what the uninterrupted run sees, with no state to save.
    The n mod batch examples left over at the end of an epoch are not used in it: a batch filled up
    from the next permutation could hold an example twice, and two coincident codes sit on the pole
    of the kernel. The next epoch's permutation gives them their turn.

    The permutation sorts the raw output of Philox, keyed by (seed, epoch), which numpy keeps the
    same across versions and platforms; the streams of its `Generator` it does not.

    Attributes:
      n: number of examples.
      batch: examples a step, 1 to n.
      seed: 0 to 2^64 - 1.
      steps_per_epoch: n // batch.
    """

    def __init__(self, n: int, batch: int, seed: int):
        if batch < 1:
            raise ValueError(f"a batch must hold at least 1 example, but batch is {batch}")
        if batch > n:
            raise ValueError(
                f"a batch must not be larger than the training set, but batch is {batch} and there "
                f"are {n} examples; choose a batch of at most {n}"
            )
        if not 0 <= seed < 2**64:
            raise ValueError(f"a seed must lie in [0, 2^64), but it is {seed}; choose another")
        self.n, self.batch, self.seed = n, batch, seed
        self.steps_per_epoch = n // batch
        self._latest: tuple[int, np.ndarray] | None = None

    def indices(self, start_step: int, steps: int) -> np.ndarray:
        """The examples of `steps` steps from `start_step` (counted from 0): int32 [steps, batch].

        Raises:
          ValueError: `start_step` or `steps` is negative.
        """
        if start_step < 0 or steps < 0:
            raise ValueError(
                f"steps are counted from 0 on, but {steps} steps from step {start_step} were asked "
                "for; give two numbers that are not negative"
            )
        if steps == 0:
            return np.empty((0, self.batch), np.int32)
        first, skipped = divmod(start_step, self.steps_per_epoch)
        last = (start_step + steps - 1) // self.steps_per_epoch
        rows = np.concatenate([self._epoch(epoch) for epoch in range(first, last + 1)])
        return rows[skipped : skipped + steps]

    def _epoch(self, epoch: int) -> np.ndarray:
        latest = self._latest  # read once: several threads may ask for several epochs
        if latest is None or latest[0] != epoch:
            bits = np.random.Philox(key=np.array([self.seed, epoch], np.uint64))
            order = np.argsort(bits.random_raw(self.n), kind="stable").astype(np.int32)
            used = order[: self.steps_per_epoch * self.batch]
            self._latest = latest = epoch, used.reshape(self.steps_per_epoch, self.batch)
        return latest[1]
