"""What `binn check` has found in data, before anything is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class ColumnCheck:
    """One column.

    Attributes:
        name, unit: what it is called, and its unit.
        role: `input` or `output`; `number` where nobody has said which columns are outputs.
        low, high: its range.
        distinct: how many values it takes; None where the rows are read in chunks.
        missing: how many rows lack it.
        remarks: what is odd about it.
    """

    name: str
    unit: str
    role: str
    low: float
    high: float
    distinct: int | None
    missing: int = 0
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Outside:
    """Test points beyond the training range of an input.

    Attributes:
        name: the input.
        count: how many points.
        farthest: how far the farthest is, as a share of the range.
    """

    name: str
    count: int
    farthest: float


@dataclass(frozen=True)
class DataCheck:
    """All of it.

    Attributes:
        dataset: the option of the group `dataset`.
        line: what was read, in one line; empty where nothing is read from a file.
        structure: the axes that the rows are, in words; empty for scattered rows.
        rows: how many rows there are, those that lack a number included.
        n_train, n_test: points of the splits, 0 where there are none.
        columns: every column that would be used.
        same_inputs: rows whose inputs another row has too; None where the rows are read in chunks.
        other_outputs: how many of these have other outputs than the first of the same inputs.
        outside: inputs of which test points lie outside the training range.
        n_outside: how many test points do in any input.
        refused: the sentence with which `binn run` would refuse the data as they are; empty where it would not.
        remarks: what else should be said.
    """

    dataset: str
    line: str
    structure: str
    rows: int
    n_train: int
    n_test: int
    columns: tuple[ColumnCheck, ...]
    same_inputs: int | None = 0
    other_outputs: int = 0
    outside: tuple[Outside, ...] = ()
    n_outside: int = 0
    refused: str = ""
    remarks: tuple[str, ...] = field(default=())

    def as_object(self) -> Mapping[str, Any]:
        """The same as plain values that JSON knows."""
        return asdict(self)
