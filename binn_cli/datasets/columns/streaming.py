"""Rows of a file that are read in chunks: straight from HDF5 and Parquet; from a text out of a copy in HDF5, which is
made once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import h5py
import numpy as np
from jaxtyping import Float, Int

from binn_cli.datasets.columns.choice import Choice, chosen
from binn_cli.datasets.columns.column_file import ColumnFile, Reading, SeekableFile
from binn_cli.datasets.columns.hdf5_file import Hdf5File
from binn_cli.datasets.columns.parquet_file import ParquetFile
from binn_cli.datasets.columns.table_reader import TableReport, first_missing, opened_columns, without_useless
from binn_cli.datasets.columns.text_file import TextFile
from binn_cli.datasets.dataset import Announce, silent
from binn_cli.datasets.digest import file_digest
from binn_cli.datasets.row_selection import Without
from binn_cli.datasets.row_table import write_rows
from binn_cli.datasets.rows import Chunk, RowChunks
from binn_cli.errors import ConfigError, DataError

SCHEMA = 1
"""Changes whenever the same file gives other rows, so that copies of before are made anew."""
REMEDY = "mend the file, or leave rows that lack a number out with dataset.missing=drop"
LOOKED_AT = 2**9
"""Rows that tell whether a column of HDF5 or Parquet only counts the rows."""
ROWS_AT_ONCE = 2**16
"""Rows that are read at a time to find those that lack a number."""


@dataclass(frozen=True)
class FileRows:
    """Rows of a file that can be read from anywhere; see `RowChunks`.

    Attributes:
        file: the columns.
        inputs, outputs: names of those that are read.
        n_points: how many rows there are.
        may_lack: whether rows may lack a value, which is an error elsewhere.
    """

    file: SeekableFile
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    n_points: int
    may_lack: bool = False

    def chunks(self, size: int, begin: int = 0, end: int | None = None) -> Iterator[Chunk]:
        """See `RowChunks.chunks`."""
        first = begin
        for x, y in self.file.rows((self.inputs, self.outputs), size, begin, self.n_points if end is None else end):
            # The sums first: no table of flags for good data.
            if not self.may_lack and not (np.isfinite(np.sum(x)) and np.isfinite(np.sum(y))):
                self._require_finite(np.concatenate([x, y], axis=1), first)
            first += len(x)
            yield x, y

    def _require_finite(self, table: Float[np.ndarray, "r k"], first: int) -> None:
        if not np.isfinite(table).all():
            why = first_missing(self.file, Choice(self.inputs, self.outputs), table, first + np.arange(len(table)))
            raise DataError(f"{self.file.path}, {why}; {REMEDY}")


def streamed_rows(
    path: Path,
    reading: Reading,
    inputs: Sequence[str],
    outputs: Sequence[str],
    *,
    drop_missing: bool,
    directory: Path,
    announce: Announce = silent,
) -> tuple[RowChunks, TableReport]:
    """The rows of a file, never all in memory, and what was found.

    Args:
        path: the file.
        reading: what the user says of it.
        inputs, outputs: names of the columns; every other column is an input where no inputs are named.
        drop_missing: whether rows that lack a value are left out.
        directory: where the copy of a text is kept.
        announce: told how far reading a text has come.

    Raises:
        DataError: if the file cannot be used.
        ConfigError: if a file of its kind cannot be read in chunks.
    """
    file = opened_columns(path, reading, (*inputs, *outputs))
    if isinstance(file, (Hdf5File, ParquetFile)):
        return _straight(file, chosen(file, inputs, outputs), drop_missing)
    if isinstance(file, TextFile):
        return _copied(file, chosen(file, inputs, outputs), drop_missing, directory, announce)
    raise ConfigError(
        "dataset.stream", f"must be false for {path.name}: only text, HDF5 and Parquet can be read in chunks"
    )


def added_rows(rows: RowChunks) -> int:
    """How many rows the file has by now beyond those of the start, where that can be told."""
    found = rows.rows if isinstance(rows, Without) else rows
    if isinstance(found, FileRows) and isinstance(found.file, Hdf5File):
        return found.file.added_rows((*found.inputs, *found.outputs))
    return 0


def _straight(file: SeekableFile, choice: Choice, drop_missing: bool) -> tuple[RowChunks, TableReport]:
    count = file.count((*choice.inputs, *choice.outputs))
    if count == 0:
        raise DataError(f"{file.path}: there is no row; give at least one")
    if choice.all_others:
        (first,) = next(file.rows([choice.inputs], LOOKED_AT, 0, min(count, LOOKED_AT)))
        choice, notes = without_useless(choice, dict(zip(choice.inputs, first.T, strict=True)))
    else:
        notes = ()
    report = _report(file, choice, count, notes)
    rows = FileRows(file, choice.inputs, choice.outputs, count, may_lack=drop_missing)
    if not drop_missing:
        return rows, report
    lacking, why = _lacking(rows)
    if len(lacking) == count:
        raise DataError(f"{file.path}: every row lacks a number ({why}); mend the file")
    return (Without(rows, lacking) if len(lacking) else rows), replace(report, dropped=len(lacking), why_dropped=why)


def _report(file: ColumnFile, choice: Choice, rows: int, notes: tuple[str, ...]) -> TableReport:
    return TableReport(
        path=file.path,
        inputs={name: file.units[name] for name in choice.inputs},
        outputs={name: file.units[name] for name in choice.outputs},
        rows=rows,
        left_out=choice.left_out,
        notes=(*file.notes, *notes),
    )


def _lacking(rows: FileRows) -> tuple[Int[np.ndarray, " E"], str]:
    """Numbers of the rows that lack a value, and what the first of them lacks."""
    found, first, why = [], 0, ""
    for x, y in rows.chunks(ROWS_AT_ONCE):
        table = np.concatenate([x, y], axis=1)
        lacking = np.flatnonzero(~np.isfinite(table).all(axis=1))
        if len(lacking) and not why:
            why = first_missing(rows.file, Choice(rows.inputs, rows.outputs), table, first + np.arange(len(table)))
        found.append(first + lacking)
        first += len(table)
    return np.concatenate(found), why


@dataclass
class _Seen:
    """What one pass over a text tells beside the rows."""

    rows: int = 0
    dropped: int = 0
    blank: int = 0
    why_dropped: str = ""


def _copied(
    file: TextFile, choice: Choice, drop_missing: bool, directory: Path, announce: Announce
) -> tuple[RowChunks, TableReport]:
    """The rows of a copy in HDF5, found by the content of the text and by all that says how to read it."""
    columns = {
        name: np.array(
            [file.dialect.style.number(row[k]) if k < len(row) else np.nan for row in file.dialect.sample], dtype=float
        )
        for name in choice.inputs
        for k in [file.dialect.names.index(name)]
        if name not in file.reading.choices
    }
    columns |= {name: np.zeros(1) for name in choice.inputs if name in file.reading.choices}
    choice, notes = without_useless(choice, columns) if file.dialect.sample else (choice, ())
    what = [SCHEMA, file_digest(file.path), asdict(file.reading), choice.inputs, choice.outputs, drop_missing]
    name = f"{file.path.stem}-{hashlib.sha256(json.dumps(what).encode()).hexdigest()[:16]}.h5"
    path = directory / name
    if not path.is_file():
        seen = _Seen()
        write_rows(
            path,
            choice.inputs,
            choice.outputs,
            _complete(file, choice, drop_missing, seen, announce),
            attributes=lambda: asdict(seen),
        )
    with h5py.File(path, "r") as copy:
        told = copy.attrs
        seen = _Seen(int(told["rows"]), int(told["dropped"]), int(told["blank"]), str(told["why_dropped"]))
    kept = seen.rows - seen.dropped
    if kept == 0:
        problem = f"every row lacks a number ({seen.why_dropped})" if seen.rows else "there is no row below the names"
        raise DataError(f"{file.path}: {problem}; give at least one")
    report = replace(_report(file, choice, seen.rows, notes), dropped=seen.dropped, why_dropped=seen.why_dropped)
    return FileRows(Hdf5File.of(path, Reading()), choice.inputs, choice.outputs, kept), report


def _complete(file: TextFile, choice: Choice, drop_missing: bool, seen: _Seen, announce: Announce) -> Iterator[Chunk]:
    """The rows of a text that lack nothing."""
    names, size = [*choice.inputs, *choice.outputs], file.path.stat().st_size
    count, first = len(choice.inputs), 0
    for table in file.chunks(names):
        rows = first + np.arange(len(table))
        first += len(table)
        lacking = ~np.isfinite(table).all(axis=1)
        if lacking.any():
            blank = np.zeros(len(table), dtype=bool)
            empty = np.flatnonzero(np.isnan(table).all(axis=1))
            if len(empty):
                blank[empty] = file.blank(rows[empty])
            seen.blank += int(blank.sum())
            lacking &= ~blank
            if lacking.any() and not seen.why_dropped:
                seen.why_dropped = first_missing(file, choice, table[~blank], rows[~blank])
                if not drop_missing:
                    raise DataError(f"{file.path}, {seen.why_dropped}; {REMEDY}")
            seen.dropped += int(lacking.sum())
            seen.rows += int((~blank).sum())
            table = table[~(lacking | blank)]
        else:
            seen.rows += len(table)
        announce(f"reading {file.path.name} ({size / 1e6:,.0f} MB) into a copy that is read faster", 0, 1)
        yield table[:, :count], table[:, count:]
