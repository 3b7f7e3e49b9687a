"""Scattered data that are read in chunks of rows, so that they may be larger than memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import DataError

Item = TypeVar("Item")
Chunk = tuple[Float[np.ndarray, "r D"], Float[np.ndarray, "r L"]]


@runtime_checkable
class RowChunks(Protocol):
    """N rows of D inputs and L outputs that can be read again and again, always in the same order.

    Attributes:
        inputs: the D names of the inputs.
        outputs: the L names of the outputs.
        n_points: N.
    """

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs."""
        ...

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        ...

    @property
    def n_points(self) -> int:
        """Number of rows."""
        ...

    def chunks(self, size: int, begin: int = 0, end: int | None = None) -> Iterator[Chunk]:
        """Inputs and outputs of rows `begin` to `end`, `size` rows at a time, the last chunk shorter.

        Raises:
            DataError: if a row cannot be read or is not finite.
        """
        ...


def spans(size: int, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """First row and row behind the last of every chunk."""
    for first in range(begin, end, max(size, 1)):
        yield first, min(first + max(size, 1), end)


def ahead(chunks: Iterator[Item]) -> Iterator[Item]:
    """The same chunks, the next one read by another thread while one is worked on; an error comes with the chunk that
    it belongs to."""
    with ThreadPoolExecutor(1, "read ahead") as reader:
        waiting = reader.submit(next, chunks, None)
        while (chunk := waiting.result()) is not None:
            waiting = reader.submit(next, chunks, None)
            yield chunk


@dataclass(frozen=True)
class TableRows:
    """Rows of a table in memory: data of a single axis, or of several, whose product is then multiplied out chunk by
    chunk."""

    data: ProductData

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return self.data.inputs

    @property
    def outputs(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self.data.outputs

    @property
    def n_points(self) -> int:
        """Number of rows."""
        return self.data.n_points

    def chunks(self, size: int, begin: int = 0, end: int | None = None) -> Iterator[Chunk]:
        """See `RowChunks.chunks`."""
        for first, last in spans(size, begin, self.n_points if end is None else end):
            yield self.data.table(np.arange(first, last))


def gathered(rows: RowChunks) -> ProductData:
    """All rows as a table in memory, without units.

    Raises:
        DataError: if a row cannot be read or is not finite.
    """
    inputs, outputs = zip(*rows.chunks(rows.n_points), strict=True)
    return ProductData((Axis("point", np.concatenate(inputs), rows.inputs),), np.concatenate(outputs), rows.outputs)


@dataclass(frozen=True)
class Watched:
    """Rows that say how far reading has come.

    Attributes:
        rows: what is read.
        announce: called with how many rows of the current pass have been read, after every chunk.
    """

    rows: RowChunks
    announce: Callable[[int], None]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return self.rows.inputs

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
        done = begin
        for x, y in self.rows.chunks(size, begin, end):
            done += len(x)
            self.announce(done)
            yield x, y


@dataclass(frozen=True)
class Within:
    """Rows whose inputs must lie in stated ranges; see `RowChunks`.

    Attributes:
        rows: what is read.
        ranges: (D, 2) smallest and largest value of every input, NaN where anything will do.
        where: the file that the rows are of, for the error.
    """

    rows: RowChunks
    ranges: Float[np.ndarray, "D 2"]
    where: str

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the inputs."""
        return self.rows.inputs

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
        first = begin
        for x, y in self.rows.chunks(size, begin, end):
            require_within(x, self.inputs, self.ranges, partial(self._place, first))
            first += len(x)
            yield x, y

    def _place(self, first: int, row: int) -> str:
        return f"{self.where}, row {first + row:,} (counted from 0)"


def require_within(
    x: Float[np.ndarray, "r D"], inputs: Sequence[str], ranges: Float[np.ndarray, "D 2"], where: Callable[[int], str]
) -> None:
    """Raise unless every input lies in its range.

    Args:
        x: inputs of some rows.
        inputs: their names.
        ranges: smallest and largest value of every input, NaN where anything will do.
        where: file and place of one of these rows, counted from 0, for the error.

    Raises:
        DataError: naming the first row and column that does not.
    """
    for column, (name, (low, high)) in enumerate(zip(inputs, ranges, strict=True)):
        if np.isnan(low) or len(x) == 0 or (x[:, column].min() >= low and x[:, column].max() <= high):
            continue
        row = int(np.argmax((x[:, column] < low) | (x[:, column] > high)))
        problem = f"{name!r} is {x[row, column]}, outside its range [{low:g}, {high:g}] of dataset.ranges"
        raise DataError(f"{where(row)}: {problem}; mend the row, or widen the range")


def finite(chunk: Chunk, first: int, rows: RowChunks) -> Chunk:
    """The chunk, if every number of it is finite.

    Args:
        chunk: inputs and outputs.
        first: number of its first row.
        rows: where it comes from, for the names.

    Raises:
        DataError: naming the first row and column that is not.
    """
    for table, names in zip(chunk, (rows.inputs, rows.outputs), strict=True):
        if (
            not np.isfinite(np.sum(table)) and not np.isfinite(table).all()
        ):  # the sum first: no table of flags for good data
            row, column = np.argwhere(~np.isfinite(table))[0]
            raise DataError(
                f"{names[column]!r} is {table[row, column]} in row {first + row}; every number must be finite: drop "
                f"the row or mend it"
            )
    return chunk
