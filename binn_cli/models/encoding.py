"""Inputs that are more than numbers on a line: logarithmic, whole, periodic, or one of some choices, as columns that a
model can take."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.config.ranges import did_you_mean
from binn_cli.config.schema.kinds import Kind
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import Chunk, RowChunks
from binn_cli.errors import ConfigError, DataError

PLAIN = Kind("plain")


@dataclass(frozen=True)
class Encoding:
    """How every input becomes columns.

    A logarithmic input becomes its decadic logarithm, a periodic one cosine and sine of its angle, a choice one column
    of zeros and ones per choice (a single one for two choices). A whole number stays, rounded.

    Attributes:
        inputs: the D names of the inputs.
        kinds: what each of them is.
    """

    inputs: tuple[str, ...]
    kinds: tuple[Kind, ...]

    @classmethod
    def of(cls, inputs: Sequence[str], kinds: Mapping[str, Kind]) -> Encoding:
        """The encoding of the inputs, plain where nothing is said.

        Raises:
            ConfigError: if a kind is stated for what is not one of the inputs.
        """
        for name in kinds:
            if name not in inputs:
                raise ConfigError(
                    "dataset.kinds",
                    f"names {name!r}, which is no input; there are {', '.join(inputs)}{did_you_mean(name, inputs)}",
                )
        return cls(tuple(inputs), tuple(kinds.get(name, PLAIN) for name in inputs))

    @property
    def widths(self) -> tuple[int, ...]:
        """How many columns every input becomes."""
        return tuple(_width(kind) for kind in self.kinds)

    def names(self, index: int) -> tuple[str, ...]:
        """Names of the columns of an input."""
        name, kind = self.inputs[index], self.kinds[index]
        if kind.name == "log":
            return (f"log10 {name}",)
        if kind.name == "period":
            return f"cos {name}", f"sin {name}"
        if kind.name == "choice":
            return tuple(f"{name} = {choice}" for choice in kind.choices[-_width(kind) :])
        return (name,)

    def column(self, index: int, values: Float[np.ndarray, " n"], *, strict: bool = False) -> Float[np.ndarray, "n k"]:
        """The columns of one input; `strict` refuses numbers that are not whole, which are rounded elsewhere.

        Raises:
            DataError: for a value that such an input cannot have.
        """
        kind, name = self.kinds[index], self.inputs[index]
        if kind.name == "log":
            if not (values > 0).all():
                raise DataError(
                    f"{name!r} is {values[~(values > 0)][0]:g}, but dataset.kinds says that it is logarithmic: above 0"
                )
            return np.log10(values)[:, None]
        if kind.name == "integer":
            whole = np.rint(values)
            if strict and not np.array_equal(whole, values):
                raise DataError(
                    f"{name!r} is {values[whole != values][0]:g}, but dataset.kinds says that it is a whole number"
                )
            return whole[:, None]
        if kind.name == "period":
            angle = (2.0 * np.pi / kind.period) * values
            return np.stack([np.cos(angle), np.sin(angle)], axis=1)
        if kind.name == "choice":
            levels = np.array(kind.levels)
            same = values[:, None] == levels
            if not same.any(axis=1).all():
                other, choices = values[~same.any(axis=1)][0], ", ".join(map(str, kind.choices))
                raise DataError(f"{name!r} is {other:g}, which is none of its choices {choices}")
            return same[:, -_width(kind) :].astype(float)
        return values[:, None]

    def slopes(self, index: int, values: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n k"]:
        """Derivatives of the columns of one input; NaN for choices, which have none."""
        kind = self.kinds[index]
        if kind.name == "log":
            return 1.0 / (np.log(10.0) * values)[:, None]
        if kind.name == "period":
            rate = 2.0 * np.pi / kind.period
            return rate * np.stack([-np.sin(rate * values), np.cos(rate * values)], axis=1)
        return np.full((len(values), _width(kind)), np.nan if kind.name == "choice" else 1.0)

    def table(
        self, points: Float[np.ndarray, "n D"], first: int = 0, *, strict: bool = False
    ) -> Float[np.ndarray, "n E"]:
        """Points as columns; their first coordinate is input `first`."""
        return np.concatenate(
            [self.column(first + c, points[:, c], strict=strict) for c in range(points.shape[1])], axis=1
        )

    def axes(self, axes: Sequence[Axis], *, strict: bool = False) -> tuple[Axis, ...]:
        """Axes of the same points in columns.

        Raises:
            DataError: for a value that an input cannot have, or if they have not the D coordinates.
        """
        found, first = [], 0
        given = sum(axis.points.shape[1] for axis in axes)
        if given != len(self.inputs):
            raise DataError(f"the axes have {given} coordinates, but the surrogate has learned {len(self.inputs)}")
        for axis in axes:
            width = axis.points.shape[1]
            names = tuple(name for c in range(width) for name in self.names(first + c))
            found.append(Axis(axis.name, self.table(axis.points, first, strict=strict), names))
            first += width
        return tuple(found)

    def data(self, data: ProductData) -> ProductData:
        """Training data in columns."""
        return ProductData(
            self.axes(data.axes, strict=True), data.values, data.outputs, data.output_units, data.observed
        )

    def domain(self, domain: Float[np.ndarray, "D 2"] | None) -> Float[np.ndarray, "E 2"] | None:
        """Smallest and largest value of every column."""
        if domain is None:
            return None
        rows = []
        for index, (kind, ends) in enumerate(zip(self.kinds, domain, strict=True)):
            if kind.name in ("period", "choice"):
                rows += [(-1.0 if kind.name == "period" else 0.0, 1.0)] * _width(kind)
            else:
                rows.append(tuple(self.column(index, ends)[:, 0]))
        return np.array(rows)

    def tree(self) -> dict[str, Any]:
        """Names and arrays, for `/surrogate`."""
        kinds = {}
        for index, kind in enumerate(self.kinds):
            kinds[f"{index:03d}"] = {"name": kind.name, "period": kind.period, "texts": int(kind.has_texts)}
            if kind.choices:
                kinds[f"{index:03d}"]["choices"] = np.array(kind.choices, dtype=str if kind.has_texts else float)
        return {"inputs": np.array(self.inputs, dtype=str), "kinds": kinds}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Encoding:
        """The encoding that `tree` described."""
        kinds = []
        for key in sorted(tree["kinds"]):
            own = tree["kinds"][key]
            choices = tuple(np.atleast_1d(own["choices"]).tolist()) if "choices" in own else ()
            kinds.append(Kind(str(own["name"]), float(own["period"]), choices))
        return cls(tuple(str(name) for name in np.atleast_1d(tree["inputs"])), tuple(kinds))


def _width(kind: Kind) -> int:
    if kind.name == "choice":
        return len(kind.choices) if len(kind.choices) > 2 else 1
    return 2 if kind.name == "period" else 1


@dataclass(frozen=True)
class EncodedRows:
    """Rows in columns; see `RowChunks`."""

    encoding: Encoding
    rows: RowChunks

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(name for index in range(len(self.encoding.inputs)) for name in self.encoding.names(index))

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self.rows.outputs

    @property
    def n_points(self) -> int:
        """Number of rows."""
        return self.rows.n_points

    def chunks(self, size: int, begin: int = 0, end: int | None = None) -> Iterator[Chunk]:
        """See `RowChunks.chunks`."""
        for x, y in self.rows.chunks(size, begin, end):
            yield self.encoding.table(x, strict=True), y
