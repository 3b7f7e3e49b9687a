"""Some of the rows that are read in chunks: without those that are set aside, or those alone that are wanted."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import Chunk, RowChunks, spans


@dataclass(frozen=True)
class Without:
    """Rows with some left out; see `RowChunks`.

    Attributes:
        rows: all rows.
        excluded: (E,) which to leave out, ascending.
    """

    rows: RowChunks
    excluded: Int[np.ndarray, " E"]

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
        """Number of rows that are left."""
        return self.rows.n_points - len(self.excluded)

    def chunks(self, size: int, begin: int = 0, end: int | None = None) -> Iterator[Chunk]:
        """See `RowChunks.chunks`; never more than twice `size` rows are read at a time, and none where all are left
        out."""
        for first, last in spans(size, begin, self.n_points if end is None else end):
            parts = list(self._kept(2 * size, self._place(first), self._place(last - 1) + 1))
            x, y = parts[0] if len(parts) == 1 else (np.concatenate(tables) for tables in zip(*parts, strict=True))
            yield x, y

    def _place(self, kept: int) -> int:
        """Where the row stands among all rows that has so many kept ones before it."""
        return kept + bisect_right(range(len(self.excluded)), kept, key=lambda i: int(self.excluded[i]) - i)

    def _kept(self, size: int, low: int, high: int) -> Iterator[Chunk]:
        """What is left of rows `low` to `high`, both ends of which are kept, out of contiguous reads of at most `size`
        rows."""
        for first, last in spans(size, low, high):
            gone = self.excluded[slice(*np.searchsorted(self.excluded, (first, last)))] - first
            if len(gone) == last - first:
                continue
            ((x, y),) = self.rows.chunks(last - first, first, last)
            yield (np.delete(x, gone, axis=0), np.delete(y, gone, axis=0)) if len(gone) else (x, y)


@dataclass(frozen=True)
class Only:
    """Some of the rows alone; see `RowChunks`.

    Attributes:
        rows: all rows.
        wanted: (n,) which to read, ascending.
    """

    rows: RowChunks
    wanted: Int[np.ndarray, " n"]

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
        """Number of rows that are wanted."""
        return len(self.wanted)

    def chunks(self, size: int, begin: int = 0, end: int | None = None) -> Iterator[Chunk]:
        """See `RowChunks.chunks`; never more than twice `size` rows are read at a time, and none where none is
        wanted."""
        for first, last in spans(size, begin, self.n_points if end is None else end):
            x, y = np.empty((last - first, len(self.inputs))), np.empty((last - first, len(self.outputs)))
            at = first
            while at < last:
                low = int(self.wanted[at])
                until = min(last, int(np.searchsorted(self.wanted, low + 2 * size)))
                ((inputs, outputs),) = self.rows.chunks(2 * size, low, int(self.wanted[until - 1]) + 1)
                here, places = slice(at - first, until - first), self.wanted[at:until] - low
                x[here], y[here] = inputs[places], outputs[places]
                at = until
            yield x, y


ROWS_AT_ONCE = 2**17
"""Rows that are picked out at a time; twice as many are read."""


def picked(rows: RowChunks, wanted: Int[np.ndarray, " n"]) -> ProductData:
    """The wanted rows, ascending, in memory."""
    x, y = np.empty((len(wanted), len(rows.inputs))), np.empty((len(wanted), len(rows.outputs)))
    first = 0
    for inputs, outputs in Only(rows, wanted).chunks(ROWS_AT_ONCE):
        here = slice(first, first + len(inputs))
        x[here], y[here] = inputs, outputs
        first = here.stop
    return ProductData((Axis("point", x, rows.inputs),), y, rows.outputs)


def spread(rows: RowChunks, most: int) -> ProductData:
    """At most so many rows, evenly spread over all."""
    return picked(rows, np.unique(np.linspace(0, rows.n_points - 1, min(most, rows.n_points)).round().astype(int)))
