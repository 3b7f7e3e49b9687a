"""Columns of Parquet files, read by pyarrow."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.columns.arrays import texts_of_numbers
from binn_cli.datasets.columns.column_file import (
    LeftOut,
    Reading,
    counted_from_zero,
    none_blank,
    place_among,
    without_numbers,
)
from binn_cli.datasets.columns.doubts import LOOKED_AT
from binn_cli.datasets.columns.opening import reported
from binn_cli.errors import DataError, MissingExtraError

ROWS_AT_ONCE = 2**17


@dataclass(frozen=True)
class ParquetFile:
    """Columns of a Parquet file; see `ColumnFile`. Groups of rows can be read from anywhere.

    Attributes:
        path: the file.
        reading: what the user says of it.
        units: units of the columns, from the metadata `unit` or `units` of its fields.
        left_out: the other columns.
        first_rows: number of the first row of every group of rows, and of all rows at the end.
    """

    path: Path
    reading: Reading
    units: Mapping[str, str]
    left_out: Mapping[str, LeftOut]
    first_rows: tuple[int, ...]
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, path: Path, reading: Reading, wanted: Sequence[str] = ()) -> ParquetFile:
        """The columns of a file, of which only the footer and the first texts are read; `wanted` are names that are
        asked for, also of an index.

        Raises:
            DataError: if it cannot be read.
            MissingExtraError: if pyarrow is not installed.
        """
        with _opened(path) as file:
            schema = file.schema_arrow
            index = _index_columns(schema) - set(wanted)
            texts = _texts(file, schema)
            units: dict[str, str] = {}
            left_out: dict[str, LeftOut] = {}
            for column in schema:
                names = [other.name for other in schema]
                if names.count(column.name) > 1:
                    left_out[column.name] = LeftOut("is the name of several columns; give each a name of its own", True)
                elif column.name in index:
                    left_out[column.name] = LeftOut("the index of a data frame")
                elif (reason := _unusable(column.type)) is not None and not (
                    reason == "text" and column.name in reading.choices
                ):
                    left_out[column.name] = texts_of_numbers(texts.get(column.name, ())) or LeftOut(reason)
                else:
                    units[column.name] = _unit(column)
            counts = [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
        return cls(path, reading, units, left_out, tuple(np.concatenate([[0], np.cumsum(counts)]).astype(int).tolist()))

    def count(self, names: Sequence[str]) -> int:
        """How many rows there are."""
        return self.first_rows[-1]

    def chunks(self, names: Sequence[str]) -> Iterator[Float[np.ndarray, "r k"]]:
        """See `ColumnFile`."""
        for (table,) in self.rows([names], ROWS_AT_ONCE, 0, self.first_rows[-1]):
            yield table

    def rows(
        self, groups: Sequence[Sequence[str]], size: int, begin: int, end: int
    ) -> Iterator[tuple[Float[np.ndarray, "r k"], ...]]:
        """See `SeekableFile`; groups of rows before `begin` are not read."""
        names = [name for group in groups for name in group]
        cuts = np.cumsum([len(group) for group in groups])[:-1]
        for table in self._chunks(names, size, begin, end):
            yield tuple(np.ascontiguousarray(part) for part in np.split(table, cuts, axis=1))

    def _chunks(self, names: Sequence[str], size: int, begin: int, end: int) -> Iterator[Float[np.ndarray, "r k"]]:
        """Batches of rows put together to chunks of one size."""
        read = [i for i, first in enumerate(self.first_rows[:-1]) if first < end and self.first_rows[i + 1] > begin]
        if not read:
            return
        first, held, count = self.first_rows[read[0]], list[np.ndarray](), 0
        with _opened(self.path) as file:
            for batch in file.iter_batches(
                min(size, ROWS_AT_ONCE), row_groups=read, columns=list(dict.fromkeys(names))
            ):
                table = self._table(batch, names)[max(0, begin - first) : max(0, end - first)]
                first += batch.num_rows
                while count + len(table) >= size:
                    here = size - count
                    yield np.concatenate([*held, table[:here]]) if held else table[:here]
                    held, count, table = [], 0, table[here:]
                if len(table):
                    held.append(table)
                    count += len(table)
        if held:
            yield np.concatenate(held)

    def _table(self, batch: Any, names: Sequence[str]) -> Float[np.ndarray, "r k"]:
        import pyarrow as pa

        table = np.empty((batch.num_rows, len(names)))
        for k, name in enumerate(names):
            column = batch.column(batch.schema.get_field_index(name))
            if pa.types.is_dictionary(column.type):
                column = column.dictionary_decode()
            if (choices := self.reading.choices.get(name)) is not None and not _is_number(column.type):
                table[:, k] = _places(column.to_pylist(), name, choices, self.path)
                continue
            table[:, k] = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return without_numbers(table, self.reading.missing_numbers)

    def place(self, row: int) -> str:
        """See `ColumnFile`."""
        return counted_from_zero(row)

    def text(self, row: int, name: str) -> str:
        """See `ColumnFile`."""
        (values,) = self._chunks([name], 1, row, row + 1)
        return "empty" if np.isnan(values[0, 0]) else str(values[0, 0])

    def blank(self, rows: np.ndarray) -> np.ndarray:
        """See `ColumnFile`."""
        return none_blank(rows)


def _is_number(kind: Any) -> bool:
    return _unusable(kind) is None


def _places(texts: Sequence[str | None], name: str, choices: Sequence[str], path: Path) -> list[float]:
    """Texts as their places among the choices, NaN for a missing one."""
    found = [float("nan") if text is None else place_among(text.strip(), choices) for text in texts]
    if None in found:
        text = texts[found.index(None)]
        raise DataError(f"{path}: {name!r} is {text!r}, which is none of its choices {', '.join(choices)}")
    return [float(place) for place in found if place is not None]


def _opened(path: Path) -> Any:
    try:
        import pyarrow as pa
        import pyarrow.parquet as parquet
    except ModuleNotFoundError as error:
        raise MissingExtraError("parquet", f"reading {path.name}") from error
    with reported(path):
        try:
            return parquet.ParquetFile(path, memory_map=False)
        except pa.ArrowInvalid as error:
            raise DataError(
                f"{path}: is a Parquet file that is cut short or was changed ({_first_line(error)}); copy it again"
            ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")


def _index_columns(schema: Any) -> set[str]:
    """Columns that pandas has made of the index of a data frame."""
    told = (schema.metadata or {}).get(b"pandas")
    if not told:
        return set()
    names = {name for name in json.loads(told).get("index_columns", []) if isinstance(name, str)}
    # Several levels with names are the parameters of a study.
    named = {name for name in names if not name.startswith("__index_level_")}
    return names - named if len(named) > 1 else names


def _texts(file: Any, schema: Any) -> dict[str, list[Any]]:
    """The first values of every column of text."""
    import pyarrow as pa

    kinds = (pa.types.is_string, pa.types.is_large_string)
    names = [column.name for column in schema if any(is_kind(column.type) for is_kind in kinds)]
    names = [name for name in names if schema.names.count(name) == 1]
    batch = next(file.iter_batches(LOOKED_AT, columns=names), None) if names else None
    return (
        {} if batch is None else {name: batch.column(name).to_pylist() for name in names if name in batch.schema.names}
    )


def _unusable(kind: Any) -> str | None:
    import pyarrow as pa

    types = pa.types
    kind = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind):
        return None
    if types.is_string(kind) or types.is_large_string(kind) or types.is_binary(kind):
        return "text"
    return "dates" if types.is_temporal(kind) else f"elements of type {kind}"


def _unit(column: Any) -> str:
    metadata = column.metadata or {}
    return (metadata.get(b"units") or metadata.get(b"unit") or b"").decode("utf-8", "replace")
