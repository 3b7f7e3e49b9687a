"""Some of the rows that are read in chunks: which, and how much is read for them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from binn_cli.datasets.row_selection import Without, picked, spread
from binn_cli.datasets.rows import Chunk, TableRows, spans
from tests.datasets.table_files import rows_of, values, written


@dataclass(frozen=True)
class Counted:
    """Rows 0 to n of one input and output, each its own number, that keep how many rows were asked for at a time."""

    n_points: int
    reads: list[int] = field(default_factory=list)
    inputs: tuple[str, ...] = ("x",)
    outputs: tuple[str, ...] = ("y",)

    def chunks(self, size: int, begin: int = 0, end: int | None = None) -> Iterator[Chunk]:
        """See `RowChunks.chunks`."""
        for first, last in spans(size, begin, self.n_points if end is None else end):
            self.reads.append(last - first)
            numbers = np.arange(first, last, dtype=float)[:, None]
            yield numbers, -numbers


@given(st.integers(1, 60), st.sets(st.integers(0, 59)), st.integers(1, 70), st.data())
def test_what_is_left_comes_in_chunks_of_the_size_asked_for(
    n: int, out: set[int], size: int, data: st.DataObject
) -> None:
    excluded = np.array(sorted(row for row in out if row < n), dtype=int)
    rows, left = Counted(n), np.delete(np.arange(n), excluded)
    begin = data.draw(st.integers(0, len(left)))
    end = data.draw(st.integers(begin, len(left)))
    chunks = list(Without(rows, excluded).chunks(size, begin, end))
    assert [len(x) for x, _ in chunks] == [last - first for first, last in spans(size, begin, end)]
    for column, sign in ((0, 1), (1, -1)):
        np.testing.assert_array_equal(
            np.concatenate([np.zeros((0, 1)), *(c[column] for c in chunks)])[:, 0], sign * left[begin:end]
        )
    assert max(rows.reads, default=0) <= 2 * size


@pytest.mark.parametrize(("kept", "most"), [([0, 99_999], 40), ([49_999, 50_000], 40), (range(80_000), 80_000)])
def test_rows_that_are_left_out_side_by_side_are_not_read(kept: list[int], most: int) -> None:
    rows = Counted(100_000)
    excluded = np.delete(np.arange(100_000), list(kept))
    found = np.concatenate([x for x, _ in Without(rows, excluded).chunks(20)])
    np.testing.assert_array_equal(found[:, 0], list(kept))
    assert sum(rows.reads) <= most + 40 and max(rows.reads) <= 40


def test_few_wanted_rows_cost_few_reads() -> None:
    rows = Counted(10_000_000)
    np.testing.assert_array_equal(picked(rows, np.array([3, 9_999_999])).values[:, 0], [-3, -9_999_999])
    assert rows.reads == [1, 1]


def test_left_out_rows_at_either_end_and_side_by_side(tmp_path: Path) -> None:
    rows = rows_of(written(tmp_path / "t.h5", values(10)), (), ["u"])
    excluded = np.array([0, 3, 4, 5, 9])
    kept = np.concatenate([y for _, y in Without(rows, excluded).chunks(2)])[:, 0]
    np.testing.assert_array_equal(kept, np.delete(values(10)[:, 2], excluded))


def test_rows_are_picked_and_spread(tmp_path: Path) -> None:
    rows = rows_of(written(tmp_path / "t.h5", values(10), matrix=True), (), ["u"])
    np.testing.assert_array_equal(picked(rows, np.array([2, 9])).values[:, 0], values(10)[[2, 9], 2])
    assert spread(rows, 4).n_points == 4 and spread(rows, 99).n_points == 10
    assert spread(TableRows(spread(rows, 4)), 2).n_points == 2
