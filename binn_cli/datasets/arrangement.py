"""The rows of a table as cases: each row one, or all rows of a simulation together; and what of them is kept for the
test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from jaxtyping import Int

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.structure import LEAST_OBSERVED, Structure, found_structure, grouped, is_place, looks_scattered


class Arrangement(Protocol):
    """Candidates for training, and which of them go together.

    Attributes:
        candidates: an axis with a point for each.
        units: for every candidate which of the things it belongs to that the test keeps as a whole.
        text: in words, such as `3 grid axes × 55 cases`; empty for plain rows.
    """

    @property
    def candidates(self) -> Axis:
        """See the class."""
        ...

    @property
    def units(self) -> Int[np.ndarray, " n"]:
        """See the class."""
        ...

    @property
    def text(self) -> str:
        """See the class."""
        ...

    def label(self, chosen: Sequence[int] | np.ndarray) -> ProductData:
        """The data of some candidates, in that order."""
        ...

    def training(self, chosen: Int[np.ndarray, " n"]) -> ProductData:
        """The same in whatever order and structure suits learning all of them at once."""
        ...

    @property
    def field_axes(self) -> tuple[Axis, ...]:
        """Points of a field by which a case is judged that has not been seen; none where a candidate is a row."""
        ...


@dataclass(frozen=True)
class ByRow:
    """Every row is a candidate.

    Attributes:
        data: all rows on one axis.
        structure: the grid that they are, if they are one.
        units: see `Arrangement`.
        text: see `Arrangement`.
    """

    data: ProductData
    structure: Structure | None
    units: Int[np.ndarray, " n"]
    text: str = ""

    @property
    def candidates(self) -> Axis:
        """See `Arrangement`."""
        return self.data.axes[0]

    def label(self, chosen: Sequence[int] | np.ndarray) -> ProductData:
        """See `Arrangement`."""
        rows = np.asarray(chosen, dtype=int)
        return replace(self.data, axes=(self.candidates.taken(rows),), values=self.data.values[rows])

    def training(self, chosen: Int[np.ndarray, " n"]) -> ProductData:
        """See `Arrangement`: a grid, with gaps where rows are left out, unless the gaps are more than half of it."""
        if self.structure is None or len(chosen) < LEAST_OBSERVED * np.prod(self.structure.shape):
            return self.label(chosen)
        return product(self.structure, self.data, chosen)

    @property
    def field_axes(self) -> tuple[Axis, ...]:
        """See `Arrangement`."""
        return ()


@dataclass(frozen=True)
class ByCase:
    """Every simulation is a candidate, whose field is known at the same points.

    Attributes:
        data: the product of the points and the cases.
        text: see `Arrangement`.
    """

    data: ProductData
    text: str

    @property
    def candidates(self) -> Axis:
        """See `Arrangement`."""
        return self.data.axes[-1]

    @property
    def units(self) -> Int[np.ndarray, " n"]:
        """See `Arrangement`."""
        return np.arange(self.candidates.size)

    def label(self, chosen: Sequence[int] | np.ndarray) -> ProductData:
        """See `Arrangement`."""
        cases, data = np.asarray(chosen, dtype=int), self.data
        observed = None if data.observed is None else data.observed[..., cases]
        return replace(
            data,
            axes=(*data.axes[:-1], self.candidates.taken(cases)),
            values=data.values[..., cases, :],
            observed=observed,
        )

    def training(self, chosen: Int[np.ndarray, " n"]) -> ProductData:
        """See `Arrangement`."""
        return self.label(chosen)

    @property
    def field_axes(self) -> tuple[Axis, ...]:
        """See `Arrangement`."""
        return self.data.axes[:-1]


@dataclass(frozen=True)
class ByMesh:
    """Every simulation is a candidate, and each has points of its own.

    Attributes:
        data: all rows on one axis, whose last coordinates are the parameters of the simulations.
        case: which simulation every row is of, rising.
        candidates: see `Arrangement`.
    """

    data: ProductData
    case: Int[np.ndarray, " N"]
    candidates: Axis

    @property
    def units(self) -> Int[np.ndarray, " n"]:
        """See `Arrangement`."""
        return np.arange(self.candidates.size)

    @property
    def text(self) -> str:
        """See `Arrangement`."""
        return f"{self.candidates.size:,} cases with points of their own"

    def _rows(self, case: int) -> np.ndarray:
        begin, end = np.searchsorted(self.case, (case, case + 1))
        return np.arange(begin, end)

    def label(self, chosen: Sequence[int] | np.ndarray) -> ProductData:
        """See `Arrangement`."""
        rows = np.concatenate([self._rows(int(case)) for case in chosen])
        return replace(self.data, axes=(self.data.axes[0].taken(rows),), values=self.data.values[rows])

    def training(self, chosen: Int[np.ndarray, " n"]) -> ProductData:
        """See `Arrangement`."""
        return self.label(chosen)

    @property
    def field_axes(self) -> tuple[Axis, ...]:
        """See `Arrangement`: the points of the first simulation."""
        axis, count = self.data.axes[0], len(self.data.inputs) - len(self.candidates.coordinates)
        return (Axis("point", axis.points[self._rows(0), :count], axis.coordinates[:count], axis.units[:count]),)

    @classmethod
    def of(cls, data: ProductData, case: Int[np.ndarray, " N"], parameters: Sequence[str]) -> ByMesh:
        """Rows in any order, of which `case` says the simulation and `parameters` the inputs that are its own."""
        rows = np.argsort(case, kind="stable")
        moved = with_inputs(data, [*(name for name in data.inputs if name not in parameters), *parameters])
        first = np.searchsorted(case[rows], np.arange(int(case.max()) + 1))
        own = moved.axes[0].points[rows][first][:, -len(parameters) :]
        candidates = Axis("case", own, tuple(parameters), moved.axes[0].units[-len(parameters) :])
        return cls(replace(moved, axes=(moved.axes[0].taken(rows),), values=data.values[rows]), case[rows], candidates)


def with_inputs(data: ProductData, names: Sequence[str]) -> ProductData:
    """The rows of a table with their inputs in another order."""
    (axis,) = data.axes
    order = [axis.coordinates.index(name) for name in names]
    if order == list(range(len(order))):
        return data
    moved = Axis(axis.name, axis.points[:, order], tuple(names), tuple(axis.units[k] for k in order))
    return replace(data, axes=(moved,))


def arranged(data: ProductData, cases: Sequence[str], *, structured: bool) -> Arrangement:
    """The arrangement of the rows of a table.

    Args:
        data: all rows on one axis.
        cases: names of the inputs that say which simulation a row is of; found where empty.
        structured: whether to look for axes.

    Raises:
        ConfigError: if `cases` names what is no input, or does not tell simulations apart.
    """
    (axis,) = data.axes
    structure, copies = (found_structure(axis.points, data.inputs, cases) if structured else None), ""
    if structured and structure is None and len(single := _without_copies(data)) < axis.size:
        # A grid with rows that stand there twice is one without the copies.
        structure = found_structure(axis.points[single], data.inputs, cases)
        if structure is not None:
            n = axis.size - len(single)
            copies = f", {n:,} {'copy of a row' if n == 1 else 'copies of rows'} left out"
            data = replace(data, axes=(axis.taken(single),), values=data.values[single])
            axis = data.axes[0]
    if structure is not None and structure.has_cases:
        return ByCase(product(structure, data), structure.text + copies)
    if structure is not None and not cases:
        # The grid has its axes in this order, and so must rows.
        ordered = with_inputs(data, [data.inputs[k] for own in structure.columns for k in own])
        return ByRow(
            ordered,
            replace(structure, columns=_counted(structure.columns)),
            np.arange(axis.size),
            structure.text + copies,
        )
    group = grouped(axis.points, data.inputs, cases) if structured or cases else None
    if group is None:
        return ByRow(data, None, np.arange(axis.size))
    parameters = [name for name in data.inputs if (name in cases if cases else not is_place(name))]
    return ByMesh.of(data, group, parameters)


def _without_copies(data: ProductData) -> Int[np.ndarray, " n"]:
    """The rows of a table that may be a grid, of rows that agree in inputs and outputs the first alone."""
    points = data.axes[0].points
    if len(points) < 2 or looks_scattered(points):
        return np.arange(len(points))
    import pandas as pd

    return np.flatnonzero(~pd.DataFrame(np.concatenate([points, data.values], axis=1)).duplicated().to_numpy())


def _counted(columns: tuple[tuple[int, ...], ...]) -> tuple[tuple[int, ...], ...]:
    """The columns of every axis once they stand in the order of the axes."""
    ends = np.cumsum([len(own) for own in columns])
    return tuple(tuple(range(end - len(own), end)) for own, end in zip(columns, ends.tolist(), strict=True))


def product(structure: Structure, data: ProductData, rows: Int[np.ndarray, " n"] | None = None) -> ProductData:
    """The rows of a table, or some of them, as the product that they are."""
    (axis,) = data.axes
    values, observed = structure.spread(data.values, rows)
    return ProductData(structure.axes(axis.coordinates, axis.units), values, data.outputs, data.output_units, observed)
