"""Results that somebody has: a table with a row for each case, or for each point of each case's field."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.calls import COMPLETE, PENDING, STATUSES
from binn_cli.datasets.columns.column_file import Reading, read
from binn_cli.datasets.columns.dialect import found_dialect
from binn_cli.datasets.columns.opening import kind_of
from binn_cli.datasets.columns.records import records
from binn_cli.datasets.columns.table_reader import opened_columns
from binn_cli.datasets.simulator.cases import text_of
from binn_cli.datasets.simulator.constraints import Constraints
from binn_cli.datasets.simulator.decoding import Field, Layout, decoded, placed
from binn_cli.datasets.simulator.errors import plain
from binn_cli.datasets.simulator.space import Space
from binn_cli.errors import DataError

FILE, STATUS, REASON, SECONDS = "file", "status", "reason", "seconds"
"""Columns of a table of answers beside parameters, coordinates and outputs."""
SAME_VALUE = 1e-9
"""Share of the largest value by which two answers to one question may differ and be the same."""


@dataclass(frozen=True, eq=False)
class Answer:
    """The answer for one case.

    Attributes:
        point: the case.
        status: COMPLETE, or why there is no field.
        field: the outputs, None unless complete.
        reason: why there is none.
        seconds: how long it took; NaN where nobody says.
        place: where it stands, such as `results.csv, line 3`.
    """

    point: Float[np.ndarray, " D"]
    status: str
    field: Field | None = None
    reason: str = ""
    seconds: float = float("nan")
    place: str = ""

    def agrees_with(self, other: Answer) -> bool:
        """Whether both say the same."""
        if self.status != other.status:
            return False
        if self.field is None or other.field is None:
            return self.field is other.field
        if self.field.differs_from(other.field.axes) or self.field.values.shape != other.field.values.shape:
            return False
        largest = np.abs(other.field.values).max(axis=tuple(range(other.field.values.ndim - 1)), initial=0.0)
        return bool(np.all(np.abs(self.field.values - other.field.values) <= SAME_VALUE * largest))


@dataclass(frozen=True)
class _Row:
    place: str
    values: Mapping[str, Any]


def read_answers(path: Path, space: Space, constraints: Constraints, layout: Layout, output: str = "") -> list[Answer]:
    """The answers in a file, one for each case, in the order of their first rows.

    Args:
        path: text (CSV and the like) or JSON, a list of objects; another kind of table where it has numbers only.
        space: the parameters, each of which needs a column.
        constraints: what every case must fulfil.
        layout: outputs and coordinates; a column `file` may name files with the outputs instead.
        output: what the solver's own file is called, should `file` name directories.

    Raises:
        DataError: with the line, if a row cannot be used or two rows say different things.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    grouped: dict[bytes, tuple[Float[np.ndarray, " D"], list[_Row]]] = {}
    rows = list(_rows(path, space, layout))
    if not rows:
        raise DataError(f"{path}: there is no row below the names")
    for row in rows:
        try:
            point = space.read(row.values)
        except DataError as error:
            raise DataError(f"{row.place}: {error}") from error
        broken = constraints.broken(point)
        if broken:
            raise DataError(f"{row.place}: {text_of(space.told(point))} does not fulfil the constraint {broken}")
        grouped.setdefault(point.tobytes(), (point, []))[1].append(row)
    return [_answer(path, point, of_case, layout, output) for point, of_case in grouped.values()]


def _rows(path: Path, space: Space, layout: Layout) -> Iterator[_Row]:
    if path.suffix.lower() == ".json":
        yield from _json_rows(path)
        return
    if kind_of(path) != "text":
        file = opened_columns(path, Reading(), (*space.names, *layout.outputs))
        names = list(file.units)
        for i, numbers in enumerate(read(file, names)):
            yield _Row(f"{path}, {file.place(i)}", dict(zip(names, numbers.tolist(), strict=True)))
        return
    dialect = found_dialect(path, Reading(), (*space.names, *layout.outputs, STATUS, FILE))
    twice = [name for name in dialect.names if name and dialect.names.count(name) > 1]
    if twice:
        raise DataError(f"{path}, line {dialect.names_line}: two columns are called {twice[0]!r}")
    for record in records(path, dialect):
        if record.is_blank:
            continue
        place = f"{path}, line {record.line}"
        if len(record.values) != len(dialect.names):
            raise DataError(f"{place}: has {len(record.values)} values, but there are {len(dialect.names)} names")
        values: dict[str, Any] = {}
        for name, text in zip(dialect.names, record.values, strict=True):
            number = dialect.style.number(text)
            values[name] = text.strip() if number is None else number if text.strip() else ""
        yield _Row(place, values)


def _json_rows(path: Path) -> Iterator[_Row]:
    try:
        found = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error})") from error
    found = found.get("cases", found) if isinstance(found, dict) else found
    if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
        raise DataError(f"{path}: must hold a list of objects, one for each case")
    for number, item in enumerate(found, 1):
        flat = {**item, **item.get("parameters", {})}
        yield _Row(f"{path}, object {number}", {key: "" if value is None else value for key, value in flat.items()})


def _answer(path: Path, point: Float[np.ndarray, " D"], rows: list[_Row], layout: Layout, output: str) -> Answer:
    first = rows[0]
    status = _status(first, layout)
    for row in rows[1:]:
        if _status(row, layout) != status:
            raise DataError(f"{row.place}: gives the case of {first.place} another status; say one or the other")
    seconds = _number(first, SECONDS) if str(_beside(first, SECONDS, layout)) else float("nan")
    reason = plain(str(_beside(first, REASON, layout))) or ("" if status == COMPLETE else "its answer says no more")
    if status != COMPLETE:
        return Answer(point, status, None, reason, seconds, first.place)
    field = _of_file(path, first, layout, output) if _beside(first, FILE, layout) else _of_rows(rows, layout)
    return Answer(point, status, field, "", seconds, first.place)


def _beside(row: _Row, name: str, layout: Layout) -> Any:
    """What a row says beside parameters and outputs, one of which may have that name instead; empty where nothing."""
    return "" if name in (*layout.parameters, *layout.outputs, *layout.axes) else row.values.get(name, "")


def _status(row: _Row, layout: Layout) -> str:
    told = str(_beside(row, STATUS, layout)).strip().lower().replace(" ", "_")
    if told in ("", "ok", "done", COMPLETE):
        if (
            told == ""
            and not _beside(row, FILE, layout)
            and all(str(row.values.get(name, "")) == "" for name in layout.outputs)
        ):
            missing = [name for name in layout.outputs if name not in row.values]
            if missing:
                raise DataError(
                    f"{row.place}: there is no column {missing[0]!r}, and none called {FILE!r} that names a file "
                    f"with it"
                )
            raise DataError(
                f"{row.place}: has no value of {layout.outputs[0]!r}; if the simulation failed, say so in a column "
                f"{STATUS!r}"
            )
        return COMPLETE
    if told not in STATUSES or told == PENDING:
        allowed = ", ".join(status for status in STATUSES if status != PENDING)
        raise DataError(f"{row.place}: the status {told!r} is not one of {allowed}")
    return told


def _number(row: _Row, name: str) -> float:
    value = row.values.get(name, "")
    if isinstance(value, int | float) and not isinstance(value, bool) and np.isfinite(value):
        return float(value)
    said = "missing" if value == "" else f"{value!r}, which is not a finite number"
    raise DataError(f"{row.place}: {name!r} is {said}; if the simulation failed, say so in a column {STATUS!r}")


def _of_file(path: Path, row: _Row, layout: Layout, output: str) -> Field:
    named = path.parent / str(row.values[FILE])
    try:
        return decoded(named / output if named.is_dir() else named, layout)
    except DataError as error:
        raise DataError(f"{row.place}: {error}") from error


def _of_rows(rows: list[_Row], layout: Layout) -> Field:
    first = rows[0]
    values = np.array([[_number(row, name) for name in layout.outputs] for row in rows])
    if len(rows) == 1 and not layout.axes:
        return Field((), values[0])
    known = (*layout.parameters, *layout.outputs, FILE, STATUS, REASON, SECONDS, "case", "round", "gain")
    names = layout.axes or tuple(
        name for name in first.values if name not in known and not isinstance(first.values[name], str)
    )
    points = {name: np.array([_number(row, name) for row in rows]) for name in names}
    if len({tuple(column[i] for column in points.values()) for i in range(len(rows))}) < len(rows):
        _require_one_answer(rows, values, points)
        keep = (
            np.unique(np.column_stack(list(points.values())), axis=0, return_index=True)[1] if points else np.array([0])
        )
        values, points = values[np.sort(keep)], {name: column[np.sort(keep)] for name, column in points.items()}
        if len(values) == 1 and not layout.axes:
            return Field((), values[0])
    return placed(first.place, points, values, layout)


def _require_one_answer(rows: list[_Row], values: Float[np.ndarray, "n L"], points: Mapping[str, np.ndarray]) -> None:
    """Raise if two rows of one case and one point have different values."""
    seen: dict[tuple[float, ...], int] = {}
    for i in range(len(rows)):
        before = seen.setdefault(tuple(float(column[i]) for column in points.values()), i)
        if not np.allclose(values[i], values[before], rtol=SAME_VALUE, atol=0.0):
            raise DataError(
                f"{rows[i].place}: the same case as in {rows[before].place}, but {values[i].tolist()} instead of "
                f"{values[before].tolist()}; a case has one answer: take one of the rows out"
            )
