"""The points of a field, where they stand in a file of their own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.columns.column_file import Reading, read
from binn_cli.datasets.columns.table_reader import opened_columns
from binn_cli.errors import DataError


def read_mesh(path: Path, axes: Sequence[str]) -> dict[str, Float[np.ndarray, " n"]]:
    """The coordinates of each point: the named columns of a table, or all of them.

    Raises:
        DataError: if it cannot be read, or a value is not finite.
    """
    file = opened_columns(path, Reading(), axes)
    names = list(axes) or list(file.units)
    missing = [name for name in names if name not in file.units]
    if missing or not names:
        raise DataError(
            f"{path}: there is no column {missing[0] if missing else 'of numbers'!r}; it has {', '.join(file.units)}"
        )
    table = read(file, names)
    if len(table) == 0 or not np.isfinite(table).all():
        raise DataError(
            f"{path}: every point needs a finite value of {', '.join(names)}, and there must be one at least"
        )
    return {name: table[:, k] for k, name in enumerate(names)}
