"""Files that take answers block by block: CSV, Parquet, and HDF5 that is NetCDF too; whole or not there at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from binn_cli.datasets.product import Axis
from binn_cli.errors import BinnError, MissingExtraError
from binn_cli.models.scope import Scope
from binn_cli.prediction.answer_hdf5 import Hdf5Answers
from binn_cli.prediction.blocks import Answer
from binn_cli.whole_file import replacing

OUTSIDE = "outside"
STDOUT = Path("-")


class AnswerFile(Protocol):
    """A file that takes answers in order."""

    def write(self, answer: Answer) -> None:
        """Add an answer behind those before."""
        ...

    def close(self) -> None:
        """Write what is left."""
        ...


def column_names(scope: Scope, arrays: Sequence[str]) -> list[str]:
    """Names of the columns of a table of answers: the inputs, `OUTPUT_mean` and so on, `outside`; an input of such a
    name gets another."""
    answers = [f"{output}_{array}" for output in scope.outputs for array in arrays]
    inputs = [f"{name} (input)" if name in (*answers, OUTSIDE) else name for name in scope.inputs]
    return [*inputs, *answers, OUTSIDE]


def columns_of(answer: Answer, scope: Scope) -> list[np.ndarray]:
    """The columns of an answer in that order; a grid with every combination as a row, the last axis fastest. Choices
    are texts again."""
    shape = answer.outside.shape
    index: tuple[np.ndarray, ...] = np.indices(shape, sparse=True)
    inputs = [
        np.broadcast_to(own[where], shape).ravel()
        for table, where in zip(answer.points, index, strict=True)
        for own in table.T
    ]
    for name, texts in scope.choices.items():
        column = scope.inputs.index(name)
        inputs[column] = np.array(texts, dtype=object)[inputs[column].astype(int)]
    outputs = answer.mean.shape[-1]
    answers = [array[..., k].ravel() for k in range(outputs) for array in answer.arrays.values()]
    return [*inputs, *answers, answer.outside.ravel()]


class _Text:
    """CSV, by pandas; a flag is 0 or 1, and every number reads back as it was."""

    def __init__(self, path: Path, scope: Scope) -> None:
        self._target: Any = None if path == STDOUT else open(path, "w", encoding="utf-8", newline="")  # noqa: SIM115 (until close)
        self._scope, self._begun = scope, False

    def write(self, answer: Answer) -> None:
        """Append the rows of a block."""
        import sys

        import pandas as pd

        *numbers, outside = columns_of(answer, self._scope)
        names = column_names(self._scope, tuple(answer.arrays))
        frame = pd.DataFrame(dict(enumerate([*numbers, outside.astype(np.int8)])))
        target = sys.stdout if self._target is None else self._target
        frame.to_csv(target, header=False if self._begun else names, index=False, lineterminator="\n")
        self._begun = True

    def close(self) -> None:
        if self._target is not None:
            self._target.close()


class _Parquet:
    """Parquet, by pyarrow; units stand in the metadata of the columns."""

    def __init__(self, path: Path, scope: Scope) -> None:
        try:
            import pyarrow  # noqa: F401
        except ModuleNotFoundError as error:
            raise MissingExtraError("parquet", f"writing {path.name}") from error
        self._path, self._scope = path, scope
        self._file: Any = None

    def write(self, answer: Answer) -> None:
        """Append the rows of a block."""
        import pyarrow as pa
        import pyarrow.parquet as parquet

        scope, columns = self._scope, columns_of(answer, self._scope)
        names = column_names(scope, tuple(answer.arrays))
        if self._file is None:
            units = [*scope.input_units, *(unit for unit in scope.output_units for _ in answer.arrays), ""]
            fields = [
                pa.field(name, _type_of(column, name is names[-1]), False, {"units": unit} if unit else None)
                for name, unit, column in zip(names, units, columns, strict=True)
            ]
            self._schema = pa.schema(fields)
            self._file = parquet.ParquetWriter(self._path, self._schema)
        self._file.write_table(pa.Table.from_arrays([pa.array(column) for column in columns], schema=self._schema))

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _type_of(column: np.ndarray, is_flag: bool) -> Any:
    import pyarrow as pa

    return pa.bool_() if is_flag else pa.string() if column.dtype == object else pa.float64()


KINDS: dict[str, Callable[[Path, Scope, Sequence[Axis]], AnswerFile]] = {
    ".csv": lambda path, scope, axes: _Text(path, scope),
    ".parquet": lambda path, scope, axes: _Parquet(path, scope),
    ".pq": lambda path, scope, axes: _Parquet(path, scope),
    **dict.fromkeys((".nc", ".nc4", ".h5", ".hdf5"), Hdf5Answers),
}
"""What writes a file, by its ending."""


def require_kind(path: Path) -> None:
    """Raise unless the ending says what the file shall be.

    Raises:
        BinnError: with the endings that are known.
    """
    if path != STDOUT and path.suffix.lower() not in KINDS:
        ending = f"the ending {path.suffix}" if path.suffix else "no ending"
        raise BinnError(
            f"{path}: has {ending}; the file of predictions must end in {', '.join(KINDS)}, or be - for CSV on stdout"
        )


@contextmanager
def opened_for_answers(path: Path, scope: Scope, axes: Sequence[Axis]) -> Iterator[AnswerFile]:
    """A new file at `path`, which appears when the block ends well and not before; what was there stays until then.

    Args:
        path: the file; `-` stands for CSV on stdout.
        scope: names and units.
        axes: those of a grid; none for scattered points.

    Raises:
        BinnError: if it cannot be written.
    """
    require_kind(path)
    if path == STDOUT:
        yield _Text(path, scope)
        return
    try:
        with replacing(path, durable=True) as temporary:
            file = KINDS[path.suffix.lower()](temporary, scope, axes)
            try:
                yield file
            finally:
                file.close()
    except OSError as error:
        raise BinnError(
            f"{path}: cannot be written ({error.strerror or error}); free some space or name another place"
        ) from error
