"""Named columns in the arrays of a file, and which of them are inputs and outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from binn_cli.errors import DataError

Column = tuple[str, int | None]
"""Name of an array in a file and, if it has two dimensions, which of its columns."""


def places_of(path: Path, shapes: dict[str, tuple[int, ...]], names_of: Callable[[str], Sequence[str] | None]) -> dict[str, Column]:
    """Where each named column is."""
    found: dict[str, Column] = {}
    for array, shape in shapes.items():
        if len(shape) == 1:
            found[array] = (array, None)
        elif len(shape) == 2:
            names = names_of(array)
            own = [f"{array}[{c}]" for c in range(shape[1])] if names is None else [str(name) for name in names]
            if len(own) != shape[1]:
                raise DataError(f"{path}: {array!r} has {shape[1]} columns, but {len(own)} names for them")
            found.update({name: (array, c) for c, name in enumerate(own)})
    if not found:
        raise DataError(f"{path}: there is no column; give arrays of one or two dimensions")
    return found


def text_of(name: Any) -> str:
    """A name that a file holds as text or as bytes."""
    return name.decode() if isinstance(name, bytes) else str(name)


def chosen_columns(
    path: Path, known: Sequence[str], inputs: Sequence[str], outputs: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of inputs and outputs; no inputs stands for every column that is not an output.

    Raises:
        DataError: if a name is unknown, or nothing is left.
    """
    listed = ", ".join(known)
    if not outputs:
        raise DataError(f"{path}: name the columns that are outputs with dataset.outputs=[…]; the file has {listed}")
    for name in (*inputs, *outputs):
        if name not in known:
            raise DataError(f"{path}: there is no column {name!r}; the file has {listed}")
    taken = tuple(inputs) or tuple(name for name in known if name not in outputs)
    if not taken:
        raise DataError(f"{path}: every column is an output; leave at least one for an input")
    return taken, tuple(outputs)
