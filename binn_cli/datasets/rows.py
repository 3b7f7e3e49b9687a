"""Scattered data that are read in chunks of rows, so that they may be larger than memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Int

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import DataError

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


def ahead(chunks: Iterator[Chunk]) -> Iterator[Chunk]:
    """The same chunks, the next one read by another thread while one is worked on; an error comes with the chunk that it belongs to."""
    with ThreadPoolExecutor(1, "read ahead") as reader:
        waiting = reader.submit(next, chunks, None)
        while (chunk := waiting.result()) is not None:
            waiting = reader.submit(next, chunks, None)
            yield chunk


@dataclass(frozen=True)
class TableRows:
    """Rows of a table in memory: data of a single axis, or of several, whose product is then multiplied out chunk by chunk."""

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
        if not np.isfinite(np.sum(table)) and not np.isfinite(table).all():  # the sum first: no table of flags for good data
            row, column = np.argwhere(~np.isfinite(table))[0]
            raise DataError(
                f"{names[column]!r} is {table[row, column]} in row {first + row}; every number must be finite: drop the row or mend it"
            )
    return chunk


ROWS_AT_ONCE = 2**20
"""Rows that are read at a time when some are picked out."""


def picked(rows: RowChunks, wanted: Int[np.ndarray, " n"]) -> ProductData:
    """The wanted rows, ascending, out of rows that are read in chunks."""
    parts, first = [], 0
    for x, y in rows.chunks(ROWS_AT_ONCE):
        here = wanted[np.searchsorted(wanted, first) : np.searchsorted(wanted, first + len(x))] - first
        parts.append((x[here], y[here]))
        first += len(x)
    x, y = (np.concatenate(tables) for tables in zip(*parts, strict=True))
    return ProductData((Axis("point", x, rows.inputs),), y, rows.outputs)


def spread(rows: RowChunks, most: int) -> ProductData:
    """At most so many rows, evenly spread over all."""
    return picked(rows, np.unique(np.linspace(0, rows.n_points - 1, min(most, rows.n_points)).round().astype(int)))
