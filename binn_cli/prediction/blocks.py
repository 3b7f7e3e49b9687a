"""Points in blocks of fixed borders, and what a surrogate says at each: the same numbers for whoever asks, from a file
or from Python.

How a library multiplies matrices depends on how many rows they have, and so does the last bit of what comes out. Blocks
therefore begin at multiples of one number of points, wherever the points come from.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float

from binn_cli.datasets.product import Axis
from binn_cli.models.scope import Scope
from binn_cli.models.surrogate import FittedSurrogate, PredictsMeans
from binn_cli.prediction.cores import on_all_cores

POINTS = 2**14
"""Scattered points of a block."""
COMBINATIONS = 2**20
"""Combinations of a block of a grid."""


@dataclass(frozen=True)
class Answer:
    """What a surrogate says at the points of a block, in original units.

    Attributes:
        points: the coordinates, one table per axis, each (n_a, D_a); one table where the points are scattered.
        mean: (n_1, …, n_A, L).
        std_epistemic, std_total: likewise; None where only the mean was asked for.
        outside: (n_1, …, n_A) which points lie outside the training range of an input.
        corner: index of its first point along every axis.
    """

    points: tuple[Float[np.ndarray, "n k"], ...]
    mean: Float[np.ndarray, "*n L"]
    std_epistemic: Float[np.ndarray, "*n L"] | None
    std_total: Float[np.ndarray, "*n L"] | None
    outside: Bool[np.ndarray, "*n"]
    corner: tuple[int, ...]

    @property
    def arrays(self) -> dict[str, Float[np.ndarray, "*n L"]]:
        """Mean and standard deviations by name, those that were asked for."""
        found = {"mean": self.mean, "std_epistemic": self.std_epistemic, "std_total": self.std_total}
        return {name: array for name, array in found.items() if array is not None}


def blocks_of(chunks: Iterable[Float[np.ndarray, "r D"]], size: int = POINTS) -> Iterator[Float[np.ndarray, "n D"]]:
    """The same rows in blocks of one size, the last one shorter."""
    held, count = list[np.ndarray](), 0
    for chunk in chunks:
        while count + len(chunk) >= size:
            here = size - count
            yield np.concatenate([*held, chunk[:here]]) if held else chunk[:here]
            held, count, chunk = [], 0, chunk[here:]
        if len(chunk):
            held.append(chunk)
            count += len(chunk)
    if held:
        yield np.concatenate(held)


def parts_of(sizes: Sequence[int], most: int = COMBINATIONS) -> Iterator[tuple[slice, ...]]:
    """A grid in parts of at most so many combinations, in C order: whole trailing axes, a stretch of one, single points
    of the others."""
    behind = np.cumprod([1, *reversed(sizes)])[::-1]  # behind[a]: combinations of the axes from a on
    axis = next((a for a in range(len(sizes)) if behind[a] <= most), len(sizes))
    if axis == 0:
        yield tuple(slice(0, n) for n in sizes)
        return
    step = max(1, most // int(behind[axis]))
    for leading in np.ndindex(*sizes[: axis - 1]):
        for begin in range(0, sizes[axis - 1], step):
            here = slice(begin, min(begin + step, sizes[axis - 1]))
            yield (*(slice(i, i + 1) for i in leading), here, *(slice(0, n) for n in sizes[axis:]))


def answers_at_points(
    surrogate: FittedSurrogate, scope: Scope, chunks: Iterable[np.ndarray], *, std: bool = True
) -> Iterator[Answer]:
    """What the surrogate says at scattered points, whose columns are the inputs in its own order; `std` says whether
    with variances.

    Raises:
        BinnError: if a point is not finite.
    """

    def asked() -> Iterator[tuple[tuple[Axis, ...], tuple[int, ...]]]:
        first = 0
        for table in blocks_of(chunks):
            yield (Axis("point", table, scope.inputs, scope.input_units),), (first,)
            first += len(table)

    yield from on_all_cores(surrogate, lambda one, block: _answer(one, scope, *block, std), asked())


def answers_on_grid(
    surrogate: FittedSurrogate, scope: Scope, axes: Sequence[Axis], *, std: bool = True
) -> Iterator[Answer]:
    """What the surrogate says at every combination of the axes' points, whose coordinates are the inputs in its own
    order."""

    def asked() -> Iterator[tuple[tuple[Axis, ...], tuple[int, ...]]]:
        for part in parts_of([axis.size for axis in axes]):
            taken = tuple(axis.taken(np.arange(own.start, own.stop)) for axis, own in zip(axes, part, strict=True))
            yield taken, tuple(own.start for own in part)

    yield from on_all_cores(surrogate, lambda one, block: _answer(one, scope, *block, std), asked())


def _answer(
    surrogate: FittedSurrogate, scope: Scope, axes: tuple[Axis, ...], corner: tuple[int, ...], std: bool
) -> Answer:
    if std or not isinstance(surrogate, PredictsMeans) or not takes_variance(surrogate):
        found = surrogate.predict(axes)
    else:
        found = surrogate.predict(axes, variance=False)
    outside, begin = np.zeros((1,) * len(axes), dtype=bool), 0
    for a, axis in enumerate(axes):
        width = axis.points.shape[1]
        own = scope.outside(axis.points, slice(begin, begin + width)).any(axis=1)
        outside = outside | own.reshape([-1 if b == a else 1 for b in range(len(axes))])
        begin += width
    outside = np.broadcast_to(outside, found.mean.shape[:-1])
    points = tuple(axis.points for axis in axes)
    if not std:
        return Answer(points, found.mean, None, None, outside, corner)
    return Answer(points, found.mean, found.epistemic_std, found.total_std, outside, corner)


def takes_variance(surrogate: FittedSurrogate) -> bool:
    """Whether its `predict` knows `variance=False`."""
    from inspect import signature

    return "variance" in signature(surrogate.predict).parameters


class Outsiders:
    """Counts points outside the training ranges, input by input, as answers pass."""

    def __init__(self, scope: Scope) -> None:
        """Nothing has passed yet."""
        self._scope = scope
        self.total, self.count, self.first = 0, 0, 0
        self._low, self._high = np.full(len(scope.inputs), np.inf), np.full(len(scope.inputs), -np.inf)

    def see(self, answer: Answer) -> None:
        """Count the points of an answer; `first` is the number of the first of them all that lies outside."""
        if not self.count and answer.outside.any():
            self.first = self.total + int(np.argmax(answer.outside))
        self.total += answer.outside.size
        self.count += int(np.count_nonzero(answer.outside))
        columns = [column for table in answer.points for column in table.T]
        self._low = np.fmin(self._low, [column.min() for column in columns])
        self._high = np.fmax(self._high, [column.max() for column in columns])

    @property
    def sentence(self) -> str:
        """How many there were, and of which inputs; empty where there were none."""
        if not self.count:
            return ""
        scope = self._scope
        beyond = np.atleast_1d(scope.outside(np.stack([self._low, self._high])).any(axis=0))
        named = [
            f"{name} from {low:g} to {high:g}, learned from {known_low:g} to {known_high:g}"
            for name, low, high, known_low, known_high, out in zip(
                scope.inputs, self._low, self._high, scope.low, scope.high, beyond, strict=True
            )
            if out
        ]
        lie = "lies" if self.count == 1 else "lie"
        return f"{self.count:,} of {self.total:,} points {lie} outside the training range ({'; '.join(named)})"
