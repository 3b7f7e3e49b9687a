"""The user's own scattered data: rows of a file, some of them set aside for the test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from binn_cli.config.schema import TableConfig
from binn_cli.datasets.dataset import Announce, silent
from binn_cli.datasets.digest import file_digest
from binn_cli.datasets.hdf5_rows import Hdf5Rows
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.random_streams import stream
from binn_cli.datasets.row_selection import Without, picked
from binn_cli.datasets.rows import RowChunks, Within, require_within
from binn_cli.datasets.table_file import HDF5, read_columns, require
from binn_cli.errors import ConfigError, DataError


class Table:
    """Rows of a file on one axis, `point`; each row is a case of its own."""

    name = "table"
    note = ""
    size_parameter = "n_train"

    def __init__(self, config: TableConfig, seed: int) -> None:
        """Nothing is read before it is asked for.

        Raises:
            ConfigError: if no file is named, or a file that is not HDF5 shall be read in chunks.
        """
        if not config.path:
            raise ConfigError("dataset.path", "names no file; give the HDF5, CSV or npz file with your data")
        self.config, self.seed, self.path = config, seed, Path(config.path)
        self.initial_cases = config.initial_cases
        if config.stream and self.path.suffix.lower() not in HDF5:
            raise ConfigError("dataset.stream", f"must be false for {self.path.name}: only HDF5 can be read in chunks ({', '.join(HDF5)})")

    def identity(self) -> dict[str, str]:
        """The digest of every file that is named, by its key.

        Raises:
            DataError: if one cannot be read.
        """
        named = {"dataset.path": self.config.path, "dataset.test_path": self.config.test_path}
        return {key: file_digest(Path(path)) for key, path in named.items() if path}

    @cached_property
    def _data(self) -> ProductData:
        return self._read(self.path)

    def _read(self, path: Path) -> ProductData:
        inputs, outputs, (x, y) = read_columns(path, self.config.inputs, self.config.outputs)
        if len(x) == 0:
            raise DataError(f"{path}: there is no row; give at least one")
        if len(x) != len(y):
            raise DataError(f"{path}: the inputs have {len(x):,} rows, but the outputs {len(y):,}")
        require_within(x, 0, inputs, self.stated_ranges(inputs), str(path))
        return ProductData((Axis("point", x, inputs),), y, outputs)

    @property
    def candidates(self) -> Axis:
        """Every row of the file: (N, D)."""
        return self._data.axes[0]

    @cached_property
    def held_out(self) -> tuple[int, ...]:
        """The rows that are set aside, ascending; none where the test has a file of its own."""
        return tuple(self._set_aside(self._data.n_points).tolist())

    def _set_aside(self, n: int) -> Int[np.ndarray, " E"]:
        if self.config.test_path:
            return np.zeros(0, dtype=int)
        count = max(1, round(self.config.test_share * n))
        if count >= n:
            raise DataError(
                f"{self.path}: {n} rows cannot be divided into training and test; lower dataset.test_share or give dataset.test_path"
            )
        return np.sort(stream(self.seed, "table test").choice(n, count, replace=False, shuffle=False))

    @cached_property
    def order(self) -> Int[np.ndarray, " n"]:
        """All other rows in random order."""
        left = np.setdiff1d(np.arange(self._data.n_points), np.asarray(self.held_out, dtype=int))
        order = stream(self.seed, "table order").permutation(left)
        order.flags.writeable = False
        return order

    def label(self, cases: Sequence[int] | np.ndarray, announce: Announce = silent) -> ProductData:
        """The given rows of the file."""
        rows = np.asarray(cases, dtype=int)
        return ProductData((self.candidates.taken(rows),), self._data.values[rows], self._data.outputs)

    def training(self, announce: Announce = silent) -> ProductData:
        """The first n_train rows of `order`, or all of them."""
        if self.config.n_train > len(self.order):
            raise ConfigError(
                "dataset.n_train", f"must be at most {len(self.order):,}, the rows not set aside, not {self.config.n_train:,}"
            )
        return self.label(self.order[: self.config.n_train or None])

    def evaluation(self, announce: Announce = silent) -> Mapping[str, ProductData]:
        """`test`: the rows set aside, or those of `test_path`."""
        if self.config.test_path:
            return {"test": self._read(Path(self.config.test_path))}
        if not self.config.stream:
            return {"test": self.label(self.held_out)}
        return {"test": picked(self._streamed, self._left_out)}

    def rows(self) -> RowChunks | None:
        """The training rows as they stand in the file, or None where they are to be in memory."""
        if not self.config.stream:
            return None
        if self.config.n_train:
            raise ConfigError("dataset.n_train", "must be 0 where dataset.stream is true: all rows are read that are not set aside")
        unnamed = [name for name in self._file.inputs if name not in (self.config.ranges or {})]
        if self.config.ranges and unnamed:
            raise ConfigError("dataset.ranges", f"must name every input where dataset.stream is true; {', '.join(unnamed)} is missing")
        return Without(self._streamed, self._left_out)

    def stated_ranges(self, inputs: Sequence[str]) -> Float[np.ndarray, "D 2"]:
        """`dataset.ranges`; NaN for inputs that it does not name."""
        ranges = self.config.ranges or {}
        for name in ranges:
            if name not in inputs:
                raise ConfigError("dataset.ranges", f"names {name!r}, which is not an input; the inputs are {', '.join(inputs)}")
        return np.array([ranges.get(name, [np.nan, np.nan]) for name in inputs])

    def remarks(self) -> tuple[str, ...]:
        """That the file has grown while it was read in chunks, whose later rows were not used."""
        found = self._file.rows_now() - self._file.n_points if self.config.stream else 0
        return (f"{self.path} has grown by {found:,} rows since the run began; they were not used",) if found else ()

    @cached_property
    def _file(self) -> Hdf5Rows:
        """All rows as of the first time that somebody asks for them: training and test rows stay apart if more are written meanwhile."""
        require(self.path)
        return Hdf5Rows.of(self.path, self.config.inputs, self.config.outputs)

    @cached_property
    def _left_out(self) -> Int[np.ndarray, " E"]:
        return self._set_aside(self._file.n_points)

    @cached_property
    def _streamed(self) -> RowChunks:
        ranges = self.stated_ranges(self._file.inputs)
        return Within(self._file, ranges, str(self.path)) if self.config.ranges else self._file
