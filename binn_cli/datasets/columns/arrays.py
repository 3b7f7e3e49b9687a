"""Columns out of named arrays of one or two dimensions, or of records with fields: how HDF5, NumPy and MAT-files hold a
table."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from binn_cli.datasets.columns.column_file import LeftOut
from binn_cli.datasets.columns.doubts import of_numbers


@dataclass(frozen=True)
class Place:
    """Where a column is.

    Attributes:
        array: name of the array.
        column: which of its columns, where it has two dimensions.
        member: which of its fields, where its elements are records.
        across: whether its columns lie along its first dimension, and the rows along the second.
    """

    array: str
    column: int | None = None
    member: str | None = None
    across: bool = False

    def of(self, rows: np.ndarray) -> Any:
        """The column of some of an array's rows, or the element of a single one."""
        if self.member:
            return rows[self.member]
        return rows if self.column is None else rows[..., self.column]


@dataclass
class Layout:
    """What the arrays of a file hold.

    Attributes:
        places: where every column of numbers is, by its name.
        lengths: how many rows every column has.
        left_out: what is no column of numbers, and why.
    """

    places: dict[str, Place] = field(default_factory=dict)
    lengths: dict[str, int] = field(default_factory=dict)
    left_out: dict[str, LeftOut] = field(default_factory=dict)

    def add(self, name: str, place: Place, kind: np.dtype, length: int) -> None:
        """A column, or the reason why it is none; a name that is taken stays with the first, and both are doubtful."""
        if name in self.places or name in self.left_out:
            other = self.places.pop(name, None)
            where = " and ".join(dict.fromkeys(repr(found.array) for found in (other, place) if found))
            self.left_out[name] = LeftOut(f"is the name of several columns in {where}; give each its own", True)
        elif (problem := unusable(kind)) is not None:
            self.left_out[name] = problem
        else:
            self.places[name], self.lengths[name] = place, length


def unusable(kind: np.dtype) -> LeftOut | None:
    """Why elements of a type are not numbers, or None where they are."""
    if kind.kind in "biuf":
        return None
    if kind.kind == "c":
        return LeftOut(
            "holds complex numbers, which are two numbers each; store real and imaginary part as two columns", True
        )
    names = {
        "O": "text or objects",
        "S": "text",
        "U": "text",
        "M": "dates",
        "m": "durations",
        "V": "records within records",
    }
    return LeftOut(names.get(kind.kind, f"elements of type {kind}"))


def layout_of(
    arrays: Mapping[str, tuple[tuple[int, ...], np.dtype]],
    names_of: Callable[[str], Sequence[str] | None],
    known: Mapping[str, LeftOut] | None = None,
    lying: Container[str] = (),
) -> Layout:
    """The columns of arrays.

    Args:
        arrays: shape and element type of every array.
        names_of: names of the columns of an array of two dimensions, None where it has none.
        known: arrays that are no columns, for reasons that only the file knows.
        lying: arrays of two dimensions whose columns lie along the first.
    """
    layout = Layout(left_out=dict(known or {}))
    for array, (shape, kind) in arrays.items():
        if array in layout.left_out:
            continue
        if kind.names:
            if len(shape) != 1:
                layout.left_out[array] = LeftOut(f"records in {len(shape)} dimensions")
                continue
            for member in kind.names:
                layout.add(member, Place(array, member=member), kind[member], shape[0])
        elif len(shape) == 1 or (len(shape) == 2 and shape[1] == 1 and names_of(array) is None):
            layout.add(array, Place(array, column=None if len(shape) == 1 else 0), kind, shape[0])
        elif len(shape) == 2 and shape[0] == 1 < shape[1] and names_of(array) is None:
            layout.add(array, Place(array, column=0, across=True), kind, shape[1])
        elif len(shape) == 2:
            given, across = names_of(array), array in lying
            rows, count = shape[::-1] if across else shape
            names = [f"{array}[{c}]" for c in range(count)] if given is None else list(given)
            if len(names) != count:
                layout.left_out[array] = LeftOut(
                    f"has {count} columns, but {len(names)} names for them; give each one name", True
                )
                continue
            for c, name in enumerate(names):
                layout.add(name, Place(array, column=c, across=across), kind, rows)
        else:
            layout.left_out[array] = LeftOut("a single value" if not shape else f"an array of {len(shape)} dimensions")
    return layout


def as_text(name: Any) -> str:
    """A name that may be bytes."""
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)


def texts_of_numbers(texts: Sequence[Any]) -> LeftOut | None:
    """What is to be said of texts that are numbers, as programs leave them that read no types; None for others."""
    some = [as_text(text) for text in texts if text is not None]
    beside = of_numbers(some)
    return LeftOut(f"holds numbers {beside}, such as {some[0]!r}; store them as numbers", True) if beside else None
