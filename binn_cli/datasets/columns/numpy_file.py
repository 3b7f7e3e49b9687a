"""Arrays of NumPy, `npz` and `npy`; pickled objects are never opened."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.columns.arrays import Layout, Place, as_text, layout_of, texts_of_numbers
from binn_cli.datasets.columns.column_file import (
    LeftOut,
    Reading,
    counted_from_zero,
    none_blank,
    require_equal_lengths,
    without_numbers,
)
from binn_cli.datasets.columns.doubts import LOOKED_AT
from binn_cli.datasets.columns.opening import reported
from binn_cli.errors import DataError

NAMES = "_columns"
"""What the name of an array with the names of another one's columns ends in."""
PICKLED = LeftOut(
    "holds pickled objects, which could run any program while they are read and so are never opened; store it as "
    "numbers"
)


@dataclass(frozen=True)
class NumpyFile:
    """Named arrays; see `ColumnFile`.

    Attributes:
        path: the file.
        reading: what the user says of it.
        arrays: those that hold numbers.
        layout: where the columns are.
    """

    path: Path
    reading: Reading
    arrays: Mapping[str, np.ndarray]
    layout: Layout
    notes: tuple[str, ...] = ()

    @classmethod
    def of(cls, path: Path, reading: Reading) -> NumpyFile:
        """All arrays of a file.

        Raises:
            DataError: if it cannot be read.
        """
        try:
            with reported(path):
                file = np.load(path, allow_pickle=False)
                loaded, pickled = (
                    ({path.stem: file}, dict[str, LeftOut]()) if isinstance(file, np.ndarray) else _members(file)
                )
        except (ValueError, KeyError, zipfile.BadZipFile) as error:
            if "pickle" in str(error):
                raise DataError(f"{path}: {PICKLED.reason}") from error
            raise DataError(f"{path}: cannot be read as arrays of NumPy ({error}); write or copy it again") from error
        texts = {name for name in loaded if name.endswith(NAMES) and name.removesuffix(NAMES) in loaded}

        def names_of(array: str) -> list[str] | None:
            given = loaded.get(array + NAMES)
            return None if given is None else [as_text(name) for name in given.tolist()]

        for name, array in loaded.items():
            is_text = name not in texts and array.dtype.kind in "US" and array.ndim == 1
            if is_text and (doubt := texts_of_numbers(array[:LOOKED_AT].tolist())) is not None:
                pickled[name] = doubt
        shapes = {name: (array.shape, array.dtype) for name, array in loaded.items() if name not in texts}
        return cls(path, reading, loaded, layout_of(shapes, names_of, pickled))

    @property
    def units(self) -> Mapping[str, str]:
        """See `ColumnFile`; arrays of NumPy have no units."""
        return dict.fromkeys(self.layout.places, "")

    @property
    def left_out(self) -> Mapping[str, LeftOut]:
        """See `ColumnFile`."""
        return self.layout.left_out

    def chunks(self, names: Sequence[str]) -> Iterator[Float[np.ndarray, "r k"]]:
        """See `ColumnFile`; all rows at once."""
        require_equal_lengths(self.path, {name: self.layout.lengths[name] for name in names})
        columns = []
        for place in (self.layout.places[name] for name in names):
            columns.append(np.asarray(place.of(self._rows(place)), dtype=np.float64))
        table = np.stack(columns, axis=1)
        yield without_numbers(table, self.reading.missing_numbers)

    def place(self, row: int) -> str:
        """See `ColumnFile`."""
        return counted_from_zero(row)

    def text(self, row: int, name: str) -> str:
        """See `ColumnFile`."""
        place = self.layout.places[name]
        return str(place.of(self._rows(place)[row]))

    def _rows(self, place: Place) -> np.ndarray:
        array = self.arrays[place.array]
        return array.T if place.across else array

    def blank(self, rows: np.ndarray) -> np.ndarray:
        """See `ColumnFile`."""
        return none_blank(rows)


def _members(file: np.lib.npyio.NpzFile) -> tuple[dict[str, np.ndarray], dict[str, LeftOut]]:
    """What can be read, and what is pickled."""
    loaded: dict[str, np.ndarray] = {}
    pickled: dict[str, LeftOut] = {}
    with file:
        for name in file.files:
            try:
                loaded[name] = file[name]
            except ValueError as error:
                if "Object arrays" not in str(error):
                    raise
                pickled[name] = PICKLED
    return loaded, pickled
