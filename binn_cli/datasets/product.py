"""Product-structured data: a tensor of values over every combination of the points of several axes.

A table of N scattered points is the case of one axis; a grid of simulations is several axes of one coordinate and a
last axis, the case axis, with one point per simulation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float, Int

from binn_cli.errors import DataError


def _frozen(array: np.ndarray) -> np.ndarray:
    view = np.ascontiguousarray(array, dtype=np.float64).view()
    view.flags.writeable = False
    return view


def _mask(observed: Bool[np.ndarray, "*points"] | None, shape: tuple[int, ...]) -> Bool[np.ndarray, "*points"] | None:
    """The mask of observed combinations, read-only, or None where everything is observed."""
    if observed is None:
        return None
    mask = np.array(observed, dtype=bool)
    if mask.shape != shape:
        raise DataError(
            f"the mask of observed values has the shape {mask.shape}, but there are {shape} combinations of points"
        )
    if not mask.any():
        raise DataError("no value is observed; give at least one")
    mask.flags.writeable = False
    return None if mask.all() else mask


def _units(units: Sequence[str], names: tuple[str, ...], owner: str) -> tuple[str, ...]:
    if units and len(units) != len(names):
        raise DataError(f"{owner}: {len(units)} units for {len(names)} names; give one for each, or none at all")
    return tuple(units) or ("",) * len(names)


@dataclass(frozen=True)
class Axis:
    """The points of one axis, each of one or more coordinates.

    Attributes:
        name: what one point of the axis is (`x`, `t`, `case`, `point`).
        points: (n, D) coordinate values, in `units`.
        coordinates: the D names of the coordinates, unique over all axes of a data set.
        units: the D units, an empty string where a coordinate has none.

    Raises:
        DataError: if shapes and names disagree, the axis is empty, or a coordinate is not finite.
    """

    name: str
    points: Float[np.ndarray, "n D"]
    coordinates: tuple[str, ...]
    units: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        points = _frozen(self.points)
        if points.ndim != 2 or points.shape[0] == 0 or points.shape[1] != len(self.coordinates):
            raise DataError(
                f"axis {self.name!r}: points of shape {points.shape} do not fit the {len(self.coordinates)} "
                f"coordinates "
                f"{', '.join(self.coordinates)}; give at least one row, one column a coordinate"
            )
        if not np.isfinite(points).all():
            row, column = np.argwhere(~np.isfinite(points))[0]
            raise DataError(
                f"axis {self.name!r}: {points[row, column]} in row {row}, column {self.coordinates[column]!r}; every "
                f"input must be finite"
            )
        object.__setattr__(self, "points", points)
        object.__setattr__(self, "units", _units(self.units, self.coordinates, f"axis {self.name!r}"))

    @classmethod
    def of(cls, name: str, values: Float[np.ndarray, " n"], unit: str = "") -> Axis:
        """An axis of one coordinate, which bears the axis's own name."""
        return cls(name, np.asarray(values, dtype=np.float64)[:, None], (name,), (unit,))

    @property
    def size(self) -> int:
        """Number of points n."""
        return self.points.shape[0]

    def taken(self, rows: Sequence[int] | np.ndarray) -> Axis:
        """The axis with only the given rows, in that order; a mask of n booleans picks the rows that are true."""
        picked = np.asarray(rows)
        return replace(self, points=self.points[picked if picked.dtype == bool else picked.astype(int)])


def extended(axes: tuple[Axis, ...], more: tuple[Axis, ...]) -> tuple[Axis, ...]:
    """Axes with the points of another last axis behind those of their own.

    Raises:
        DataError: if the other axes differ.
    """
    same = [axis.coordinates for axis in axes] == [axis.coordinates for axis in more]
    if not same or not all(
        np.array_equal(mine.points, other.points) for mine, other in zip(axes[:-1], more[:-1], strict=True)
    ):
        raise DataError("a slab must have the same axes, but for the last, and the same outputs as the data it extends")
    return (*axes[:-1], replace(axes[-1], points=np.concatenate([axes[-1].points, more[-1].points])))


@dataclass(frozen=True)
class ProductData:
    """Values over the product of axes; immutable.

    Attributes:
        axes: the A axes; active learning appends cases along the last one.
        values: (n_1, …, n_A, L) the L outputs at every combination of axis points.
        outputs: the L names of the outputs.
        output_units: the L units.
        observed: (n_1, …, n_A) which combinations have values, None where all have; the others are NaN and never read.

    Raises:
        DataError: if shapes disagree, a name repeats, an observed value is not finite, or nothing is observed.
    """

    axes: tuple[Axis, ...]
    values: Float[np.ndarray, "*points L"]
    outputs: tuple[str, ...]
    output_units: tuple[str, ...] = ()
    observed: Bool[np.ndarray, "*points"] | None = None

    def __post_init__(self) -> None:
        values = _frozen(self.values)
        expected = (*(axis.size for axis in self.axes), len(self.outputs))
        if values.shape != expected:
            raise DataError(f"values of shape {values.shape} do not fit the axes and outputs, which need {expected}")
        for kind, names in (("coordinate", self.inputs), ("output", self.outputs)):
            if len(set(names)) != len(names):
                raise DataError(f"{kind} names repeat: {', '.join(names)}")
        if not self.outputs:
            raise DataError("there is no output; name at least one")
        observed = _mask(self.observed, values.shape[:-1])
        if observed is not None:
            values = _frozen(np.where(observed[..., None], values, np.nan))
        missing = ~np.isfinite(values) if observed is None else ~np.isfinite(values) & observed[..., None]
        if missing.any():
            index = np.argwhere(missing)[0]
            where = ", ".join(f"{axis.name} {i}" for axis, i in zip(self.axes, index, strict=False))
            raise DataError(
                f"output {self.outputs[index[-1]]!r} is {values[tuple(index)]} at row {where}; "
                "every value must be finite: drop the row or mend it"
            )
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "observed", observed)
        object.__setattr__(self, "output_units", _units(self.output_units, self.outputs, "outputs"))

    @property
    def inputs(self) -> tuple[str, ...]:
        """The D names of all coordinates, axis by axis."""
        return tuple(name for axis in self.axes for name in axis.coordinates)

    @property
    def n_points(self) -> int:
        """N: the number of combinations of axis points."""
        return int(np.prod([axis.size for axis in self.axes]))

    @property
    def n_observed(self) -> int:
        """How many of the combinations have values."""
        return self.n_points if self.observed is None else int(np.count_nonzero(self.observed))

    @property
    def observed_rows(self) -> Int[np.ndarray, " n"]:
        """Flat indices (C order) of the combinations that have values."""
        return np.arange(self.n_points) if self.observed is None else np.flatnonzero(self.observed)

    def scattered(self) -> ProductData:
        """The observed combinations as a plain table, for whoever knows nothing of missing ones."""
        inputs, values = self.table()
        units = tuple(unit for axis in self.axes for unit in axis.units)
        return ProductData((Axis("point", inputs, self.inputs, units),), values, self.outputs, self.output_units)

    def table(self, rows: np.ndarray | None = None) -> tuple[Float[np.ndarray, "N D"], Float[np.ndarray, "N L"]]:
        """Inputs and outputs of what was observed as a plain table; `rows` picks flat indices (C order) without
        building the rest."""
        if rows is None and len(self.axes) == 1 and self.observed is None:
            return self.axes[0].points, self.values
        shape = tuple(axis.size for axis in self.axes)
        flat = self.observed_rows if rows is None else np.asarray(rows)
        indices = np.unravel_index(flat, shape)
        inputs = np.concatenate([axis.points[i] for axis, i in zip(self.axes, indices, strict=True)], axis=1)
        return inputs, self.values.reshape(-1, len(self.outputs))[flat]

    def appended(self, slab: ProductData) -> ProductData:
        """This data with the slab's cases behind its own along the last axis.

        Raises:
            DataError: if the other axes or the outputs differ.
        """
        axes = extended(self.axes, slab.axes)
        if self.outputs != slab.outputs:
            raise DataError(
                "a slab must have the same axes, but for the last, and the same outputs as the data it extends"
            )
        values = np.concatenate([self.values, slab.values], axis=len(self.axes) - 1)
        observed = None
        if self.observed is not None or slab.observed is not None:
            masks = [
                np.ones(data.values.shape[:-1], dtype=bool) if data.observed is None else data.observed
                for data in (self, slab)
            ]
            observed = np.concatenate(masks, axis=len(self.axes) - 1)
        return replace(self, axes=axes, values=values, observed=observed)
