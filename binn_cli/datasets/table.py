"""The user's own data: rows of a file, some of them, or some of the simulations that they are of, set aside for the
test."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from binn_cli.config.schema import TableConfig
from binn_cli.config.schema.kinds import kinds_of, text_choices
from binn_cli.config.schema.table import DECIMALS, SEPARATORS
from binn_cli.datasets.arrangement import Arrangement, ByRow, arranged, with_inputs
from binn_cli.datasets.columns.column_file import Reading
from binn_cli.datasets.columns.streaming import added_rows, streamed_rows
from binn_cli.datasets.columns.table_reader import TableContent, TableReport, read_table
from binn_cli.datasets.dataset import Announce, silent
from binn_cli.datasets.digest import file_digest
from binn_cli.datasets.kinds import require_kinds
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.random_streams import stream
from binn_cli.datasets.row_selection import Only, Without, picked
from binn_cli.datasets.rows import RowChunks, TableRows, Within, require_within
from binn_cli.errors import ConfigError, DataError


def reading_options(config: TableConfig) -> Reading:
    """What the user says of the file."""
    return Reading(
        separator=SEPARATORS.get(config.separator, config.separator),
        decimal=DECIMALS.get(config.decimal, config.decimal),
        comment="" if config.comment == "none" else config.comment,
        encoding=config.encoding,
        units_row=config.units_row,
        missing_values=tuple(config.missing_values),
        choices=text_choices(config.kinds),
    )


class Table:
    """Rows of a file: each a case of its own, or all rows of a simulation one case; see `arrangement.py`."""

    name = "table"
    note = ""
    size_parameter = "n_train"

    def __init__(self, config: TableConfig, seed: int) -> None:
        """Nothing is read before it is asked for.

        Raises:
            ConfigError: if no file is named.
        """
        if not config.path:
            raise ConfigError(
                "dataset.path",
                "names no file; give the file with your data, such as CSV or other text, HDF5, NetCDF, Parquet or npz",
            )
        self.config, self.seed, self.path = config, seed, Path(config.path)
        self.initial_cases = config.initial_cases

    def identity(self) -> dict[str, str]:
        """The digest of every file that is named, by its key.

        Raises:
            DataError: if one cannot be read.
        """
        named = {"dataset.path": self.config.path, "dataset.test_path": self.config.test_path}
        return {key: file_digest(Path(path)) for key, path in named.items() if path}

    def reading(self, announce: Announce = silent) -> str:
        """What was read of the file and of that of the test, in one line."""
        test = f"test: {self._test.report.line}" if self.config.test_path else ""
        return "; ".join(part for part in (self.report.line, self.structure, test) if part)

    @property
    def structure(self) -> str:
        """The axes that the rows are, in words; empty where they are scattered."""
        return "" if self.config.stream else self._arrangement.text

    @cached_property
    def content(self) -> TableContent:
        """All rows of the file, and what was found in it."""
        return self._read(self.path, self.config.inputs, self.config.outputs)

    def _read(self, path: Path, inputs: Sequence[str], outputs: Sequence[str]) -> TableContent:
        content = read_table(
            path, reading_options(self.config), inputs, outputs, drop_missing=self.config.missing == "drop"
        )
        names = tuple(content.report.inputs)

        def place(row: int) -> str:
            return f"{path}, {content.file.place(int(content.kept[row]))}"

        require_within(
            content.x,
            names,
            self.stated_ranges(names),
            place,
        )
        require_kinds(content.x, names, kinds_of(self.config.kinds), place)
        return content

    @cached_property
    def _test(self) -> TableContent:
        """The rows of `test_path`, whose columns are known by their names.

        Raises:
            DataError: if it states other units.
        """
        known = self.report
        content = self._read(Path(self.config.test_path), list(known.inputs), list(known.outputs))
        for kind in ("inputs", "outputs"):
            for name, unit in getattr(known, kind).items():
                other = dict(zip(getattr(known, kind), getattr(content.report, kind).values(), strict=True))[name]
                if unit and other and unit != other:
                    problem = (
                        f"{name!r} is in {other}, but in {unit} in {self.path}; convert one of them, and state "
                        f"the same unit"
                    )
                    raise DataError(f"{self.config.test_path}: {problem}")
        return content

    @property
    def report(self) -> TableReport:
        """What was found in the file."""
        return self._streamed[1] if self.config.stream else self.content.report

    @cached_property
    def _arrangement(self) -> Arrangement:
        data = _product(self.content, self.content.report)
        return arranged(data, self.config.cases, structured=self.config.structure == "auto")

    @property
    def candidates(self) -> Axis:
        """Every row of the file or, where the rows are simulations on the same points, every simulation."""
        return self._arrangement.candidates

    @cached_property
    def held_out(self) -> tuple[int, ...]:
        """The candidates that are set aside, ascending; none where the test has a file of its own."""
        units = self._arrangement.units
        aside = np.zeros(int(units.max()) + 1, dtype=bool)
        aside[self._set_aside(len(aside))] = True
        return tuple(np.flatnonzero(aside[units]).tolist())

    def _set_aside(self, n: int) -> Int[np.ndarray, " E"]:
        """So many of n rows, or simulations, as `test_share` says."""
        if self.config.test_path:
            return np.zeros(0, dtype=int)
        count = max(1, round(self.config.test_share * n))
        if count >= n:
            rows = "1 row" if n == 1 else f"{n:,} rows"
            raise DataError(
                f"{self.path}: {rows} cannot be divided into training and test; lower dataset.test_share or give "
                f"dataset.test_path"
            )
        return np.sort(stream(self.seed, "table test").choice(n, count, replace=False, shuffle=False))

    @cached_property
    def order(self) -> Int[np.ndarray, " n"]:
        """All other candidates in random order."""
        left = np.delete(np.arange(self.candidates.size), np.asarray(self.held_out, dtype=int))
        order = stream(self.seed, "table order").permutation(left)
        order.flags.writeable = False
        return order

    def field_axes(self) -> tuple[Axis, ...]:
        """See `HasFields`."""
        return self._arrangement.field_axes

    def label(self, cases: Sequence[int] | np.ndarray, announce: Announce = silent) -> ProductData:
        """The given candidates."""
        return self._arrangement.label(cases)

    def training(self, announce: Announce = silent) -> ProductData:
        """The first n_train candidates of `order`, or all of them."""
        if self.config.n_train > len(self.order):
            what = "rows" if isinstance(self._arrangement, ByRow) else "cases"
            raise ConfigError(
                "dataset.n_train",
                f"must be at most {len(self.order):,}, the {what} not set aside, not {self.config.n_train:,}",
            )
        return self._arrangement.training(self.order[: self.config.n_train or None])

    def evaluation(self, announce: Announce = silent) -> Mapping[str, ProductData]:
        """`test`: the rows set aside, or those of `test_path`."""
        if self.config.test_path:
            test = _product(self._test, self.report)
            # In the order of the axes, where the training rows have become some.
            return {"test": test if self.config.stream else with_inputs(test, self.label([0]).inputs)}
        if not self.config.stream:
            return {"test": self.label(self.held_out)}
        return {"test": picked(self._within, self._left_out)}

    def rows(self) -> RowChunks | None:
        """The training rows as they stand in the file, or None where they are to be in memory."""
        if not self.config.stream:
            return None
        if self.config.n_train:
            raise ConfigError(
                "dataset.n_train", "must be 0 where dataset.stream is true: all rows are read that are not set aside"
            )
        unnamed = [name for name in self.report.inputs if name not in (self.config.ranges or {})]
        if self.config.ranges and unnamed:
            raise ConfigError(
                "dataset.ranges", f"must name every input where dataset.stream is true; {', '.join(unnamed)} is missing"
            )
        return Without(self._within, self._left_out)

    def evaluation_rows(self) -> Mapping[str, RowChunks]:
        """`test`, as `evaluation`, but rows that are set aside are never in memory as a whole."""
        if self.config.test_path:
            return {name: TableRows(data) for name, data in self.evaluation().items()}
        return {"test": Only(self._within, self._left_out)}

    def stated_ranges(self, inputs: Sequence[str]) -> Float[np.ndarray, "D 2"]:
        """`dataset.ranges`; NaN for inputs that it does not name."""
        ranges = self.config.ranges or {}
        for name in ranges:
            if name not in inputs:
                raise ConfigError(
                    "dataset.ranges", f"names {name!r}, which is not an input; the inputs are {', '.join(inputs)}"
                )
        return np.array([ranges.get(name, [np.nan, np.nan]) for name in inputs])

    def remarks(self) -> tuple[str, ...]:
        """That the file has grown while it was read in chunks, whose later rows were not used."""
        found = added_rows(self._streamed[0]) if self.config.stream else 0
        return (f"{self.path} has grown by {found:,} rows since the run began; they were not used",) if found else ()

    @cached_property
    def _within(self) -> RowChunks:
        rows, report = self._streamed
        ranges = self.stated_ranges(tuple(report.inputs))
        return Within(rows, ranges, str(self.path)) if self.config.ranges else rows

    @cached_property
    def _left_out(self) -> Int[np.ndarray, " E"]:
        return self._set_aside(self._streamed[0].n_points)

    @cached_property
    def _streamed(self) -> tuple[RowChunks, TableReport]:
        config = self.config
        return streamed_rows(
            self.path,
            reading_options(config),
            config.inputs,
            config.outputs,
            drop_missing=config.missing == "drop",
            directory=self._directory,
        )

    @cached_property
    def _directory(self) -> Path:
        if self.config.cache:
            return Path(self.config.cache).absolute()
        # It is removed together with this object.
        self._temporary = tempfile.TemporaryDirectory(prefix="binn-table-")
        return Path(self._temporary.name)


def _product(content: TableContent, known: TableReport) -> ProductData:
    """Rows on one axis, under the names and units of the training file."""
    axis = Axis("point", content.x, tuple(known.inputs), tuple(known.inputs.values()))
    return ProductData((axis,), content.y, tuple(known.outputs), tuple(known.outputs.values()))
