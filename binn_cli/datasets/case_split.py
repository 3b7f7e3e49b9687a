"""Which cases of a pool are held out, and in which order the rest is drawn for training."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from binn_cli.datasets.random_streams import stream


@dataclass(frozen=True)
class CaseSplit:
    """A seeded split of the rows of a pool.

    Attributes:
        held_out: rows of the test split, rising.
        order: all other rows, in the random order in which they are drawn for training.
    """

    held_out: tuple[int, ...]
    order: Int[np.ndarray, " n"]

    @classmethod
    def drawn(cls, pool: int, test_cases: int, seed: int) -> CaseSplit:
        """Hold out `test_cases` of `pool` rows at random; how many are trained on later changes nothing."""
        shuffled = stream(seed, "case split").permutation(pool)
        order = shuffled[test_cases:]
        order.flags.writeable = False
        return cls(tuple(sorted(int(row) for row in shuffled[:test_cases])), order)
