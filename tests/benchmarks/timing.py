"""Repeated timings of two ways to do the same, taken in turn so that a drift of the machine's speed cancels in their
ratio."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Row:
    """One comparison.

    Attributes:
        name: what is compared with what.
        ours, theirs: seconds of every repetition, in the order they were taken.
        note: sizes, and anything the numbers leave out.
        compile_seconds: what our first call spent compiling, which the times leave out; None where it does not say.
    """

    name: str
    ours: tuple[float, ...]
    theirs: tuple[float, ...]
    note: str
    compile_seconds: float | None = None

    @property
    def ratios(self) -> np.ndarray:
        """Their time over ours, repetition by repetition."""
        return np.array(self.theirs) / np.array(self.ours)

    def as_dict(self) -> dict[str, object]:
        """The row for a JSON file."""
        low, middle, high = np.quantile(self.ratios, [0.0, 0.5, 1.0])
        return {**vars(self), "ratio_min": low, "ratio_median": middle, "ratio_max": high}


def compared(name: str, ours: Callable[[], object], theirs: Callable[[], object], note: str, repeats: int = 7) -> Row:
    """Time both in turn after one warm-up of each, which also compiles."""
    first = ours()
    theirs()
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(repeats)]
    return Row(name, tuple(p[0] for p in pairs), tuple(p[1] for p in pairs), note, _compile_seconds(first))


def _compile_seconds(made: object) -> float | None:
    """What a fit or a prediction says of its compiling."""
    return getattr(getattr(made, "report", made), "compile_seconds", None)


def seconds(run: Callable[[], object]) -> float:
    """Wall-clock seconds of one call."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began
