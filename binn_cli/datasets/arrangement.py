"""The rows of a table as cases: each row one, or all rows of a simulation together; and what of them is kept for the test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from jaxtyping import Int

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.structure import LEAST_OBSERVED, Structure, found_structure, grouped


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
        return replace(data, axes=(*data.axes[:-1], self.candidates.taken(cases)), values=data.values[..., cases, :], observed=observed)

    def training(self, chosen: Int[np.ndarray, " n"]) -> ProductData:
        """See `Arrangement`."""
        return self.label(chosen)


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
    structure = found_structure(axis.points, data.inputs, cases) if structured else None
    if structure is not None and structure.has_cases:
        return ByCase(product(structure, data), structure.text)
    if structure is not None and not cases:
        return ByRow(data, structure, np.arange(axis.size), structure.text)
    group = grouped(axis.points, data.inputs, cases) if structured or cases else None
    if group is None:
        return ByRow(data, None, np.arange(axis.size))
    return ByRow(data, None, group, f"scattered rows of {int(group.max()) + 1:,} cases")


def product(structure: Structure, data: ProductData, rows: Int[np.ndarray, " n"] | None = None) -> ProductData:
    """The rows of a table, or some of them, as the product that they are."""
    (axis,) = data.axes
    values, observed = structure.spread(data.values, rows)
    return ProductData(structure.axes(axis.coordinates, axis.units), values, data.outputs, data.output_units, observed)
