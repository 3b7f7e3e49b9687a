"""What a surrogate is of: the names and units of its inputs and outputs, and how far the data reach that it has learned
from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from binn_cli.datasets.product import ProductData
from binn_cli.datasets.rows import Chunk, RowChunks
from binn_cli.models.surrogate import FittedSurrogate, Tree

KEY = "scope"
"""The subtree of `/surrogate` that holds it."""
ROUND_OFF = 1e-12
"""Share of an input's range by which a point may exceed it: what arithmetic may do to a point on the edge."""


@dataclass(frozen=True)
class Scope:
    """Names, units and ranges.

    Attributes:
        inputs, input_units: of the D inputs, in the order in which the surrogate takes them.
        outputs, output_units: of the L outputs.
        low, high: (D,) smallest and largest training value of every input; NaN where nobody knows it.
        widths: how many of the inputs lie along every axis of the training data.
        choices: texts that inputs may be, by their names; they stand in tables of numbers as their places among these.
    """

    inputs: tuple[str, ...]
    input_units: tuple[str, ...]
    outputs: tuple[str, ...]
    output_units: tuple[str, ...]
    low: Float[np.ndarray, " D"]
    high: Float[np.ndarray, " D"]
    widths: tuple[int, ...] = ()
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "widths", self.widths or (len(self.inputs),))

    @classmethod
    def of(cls, data: ProductData) -> Scope:
        """That of a surrogate that has learned from these data; of points without a value only the rest counts."""
        units = tuple(unit for axis in data.axes for unit in axis.units)
        reach = [(axis.points.min(axis=0), axis.points.max(axis=0)) for axis in data.axes]
        low, high = (np.concatenate(part) for part in zip(*reach, strict=True))
        widths = tuple(len(axis.coordinates) for axis in data.axes)
        return cls(data.inputs, units, data.outputs, data.output_units, low, high, widths)

    @property
    def is_bounded(self) -> bool:
        """Whether the range of any input is known."""
        return bool(np.isfinite(self.low).any())

    def unit_of(self, name: str) -> str:
        """The unit of an input or an output; empty where it has none."""
        return dict(zip((*self.inputs, *self.outputs), (*self.input_units, *self.output_units), strict=True))[name]

    def within(self, low: Float[np.ndarray, " D"], high: Float[np.ndarray, " D"]) -> Scope:
        """The same with other ranges."""
        return replace(self, low=np.asarray(low, dtype=float), high=np.asarray(high, dtype=float))

    def joined(self, other: Scope) -> Scope:
        """The same with ranges that also span those of another."""
        return self.within(np.fmin(self.low, other.low), np.fmax(self.high, other.high))

    def outside(self, points: Float[np.ndarray, "n k"], columns: slice = slice(None)) -> Bool[np.ndarray, "n k"]:
        """Which coordinates of points lie outside the training range; `columns` says which inputs they are."""
        low, high = self.low[columns], self.high[columns]
        slack = ROUND_OFF * np.maximum(np.maximum(np.abs(low), np.abs(high)), high - low)
        found = np.empty(points.shape[::-1], dtype=bool)
        for own, column, least, most in zip(found, points.T, low - slack, high + slack, strict=True):
            np.logical_or(column < least, column > most, out=own)  # false where the range is NaN
        return found.T

    def tree(self) -> dict[str, Any]:
        """Names and arrays, for `/surrogate/scope`."""
        names = ("inputs", "input_units", "outputs", "output_units")
        texts = {name: np.array(getattr(self, name), dtype=str) for name in names}
        choices = {f"{self.inputs.index(name):03d}": np.array(own, dtype=str) for name, own in self.choices.items()}
        return {**texts, "low": self.low, "high": self.high, "widths": np.array(self.widths), "choices": choices}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Scope:
        """The scope that `tree` described."""

        def texts(key: str) -> tuple[str, ...]:
            return tuple(str(text) for text in np.atleast_1d(tree[key]))

        low, high = np.atleast_1d(tree["low"]), np.atleast_1d(tree["high"])
        widths = tuple(int(width) for width in np.atleast_1d(tree.get("widths", ())))
        inputs, places = texts("inputs"), tree.get("choices", {})
        choices = {inputs[int(key)]: tuple(str(text) for text in np.atleast_1d(places[key])) for key in sorted(places)}
        return cls(inputs, texts("input_units"), texts("outputs"), texts("output_units"), low, high, widths, choices)


def kept(fitted: FittedSurrogate, scope: Scope) -> Tree:
    """What a results file keeps of a surrogate: its own state, and what it is of."""
    own = replace(scope, choices=getattr(fitted, "text_choices", {}))
    return {**fitted.state(), KEY: own.tree()}


def own_state(tree: Tree) -> Tree:
    """The state that the model itself wrote."""
    return {key: value for key, value in tree.items() if key != KEY}


class Measured:
    """Rows that are read in chunks, and whose ranges are known once they have been read; see `RowChunks`."""

    def __init__(self, rows: RowChunks) -> None:
        """Nothing is read yet."""
        self._rows, self._seen = rows, set[tuple[int, int]]()
        self.low, self.high = np.full(len(rows.inputs), np.nan), np.full(len(rows.inputs), np.nan)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return self._rows.inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self._rows.outputs

    @property
    def n_points(self) -> int:
        """Number of rows."""
        return self._rows.n_points

    def chunks(self, size: int, begin: int = 0, end: int | None = None) -> Iterator[Chunk]:
        """See `RowChunks.chunks`."""
        first = begin
        for x, y in self._rows.chunks(size, begin, end):
            if (span := (first, len(x))) not in self._seen and len(x):  # later passes find nothing new
                self.low, self.high = np.fmin(self.low, x.min(axis=0)), np.fmax(self.high, x.max(axis=0))
                self._seen.add(span)
            first += len(x)
            yield x, y

    def scope(self, sample: ProductData) -> Scope:
        """What a surrogate of all rows is of, with names and units as those of a sample of them."""
        return Scope.of(sample).joined(Scope.of(sample).within(self.low, self.high))


def scope_of_state(
    tree: Tree, inputs: Sequence[str], units: Sequence[str], outputs: Sequence[str], output_units: Sequence[str]
) -> Scope:
    """The scope of a surrogate that an older version kept, which knows at most for which ranges it was made."""
    low, high = np.full(len(inputs), np.nan), np.full(len(inputs), np.nan)
    if "input_low" in tree and "input_span" in tree:
        low = np.atleast_1d(tree["input_low"]).astype(float)
        high = low + np.atleast_1d(tree["input_span"])
    return Scope(tuple(inputs), tuple(units), tuple(outputs), tuple(output_units), low, high)
