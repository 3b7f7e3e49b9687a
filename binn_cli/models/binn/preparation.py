"""From data in original units to sufficient statistics: bases on every dimension, whitening, projection, truncation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from binn_cli.datasets.product import Axis, ProductData
from binn_cli.models.arrays import Array
from binn_cli.models.binn import statistics as stats
from binn_cli.models.binn.accumulation import Products
from binn_cli.models.binn.basis import Basis
from binn_cli.models.binn.history import History, history_of
from binn_cli.models.binn.owners import owners_of
from binn_cli.models.binn.statistics import GridAxis, PointAxis, Statistics
from binn_cli.models.compilation import CompiledFunction, Stopwatch, available_cores
from binn_cli.models.normalization import InputMap, OutputMap

NEGLIGIBLE = 1e-15
"""Singular values of a grid's design matrix below this share of the largest are round-off; those directions keep their prior."""

INVISIBLE = 1e-6
"""On an axis of several coordinates, directions below this share of the largest anywhere on the domain are left to their prior."""

DENSE_POINTS = 201


@dataclass(frozen=True)
class Prepared:
    """Statistics and what ties them to the bases.

    Attributes:
        statistics: what inference reads.
        directions: for each dimension (J, K): weights = directions @ whitened weights, in the span of the data.
        ranks: multilinear ranks of the core, after rounding up.
        history: the cases that the core was made of, from which it can grow; None for data of one axis.
    """

    statistics: Statistics
    directions: tuple[Float[Array, "J K"], ...]
    ranks: tuple[int, ...]
    history: History | None = None


@dataclass(frozen=True)
class _Designs:
    """Axes in whitened coordinates.

    Attributes:
        axes: every axis; the projections of those of one coordinate are blank.
        left: for each axis of one coordinate its orthonormal directions (n, K), None for the others.
        directions: as in `Prepared`.
    """

    axes: tuple[GridAxis | PointAxis, ...]
    left: tuple[Float[Array, "n K"] | None, ...]
    directions: tuple[Float[Array, "J K"], ...]


def _evaluate(basis: Basis, x: Float[Array, " n"], rows: Array) -> Float[Array, "n J"]:
    return jnp.where(jnp.arange(x.shape[0])[:, None] < rows, basis(x), 0.0)


def _whitened(basis: Basis, x: Float[Array, " n"], rows: Array) -> tuple[Array, Array, Array]:
    return stats.whiten(_evaluate(basis, x, rows))


def _projected(values: Array, shift: Array, scale: Array, rows: Array, left: tuple) -> tuple[Array, tuple]:
    tensor = stats.project(stats.standardised(values, shift, scale, rows), left)
    return tensor, stats.spectra(tensor)


def _along_cases(tensor: Array, left: Array | None) -> tuple[Array, tuple]:
    tensor = stats.project(tensor, (*(None,) * (tensor.ndim - 2), left))
    return tensor, stats.spectra(tensor)


def spectra_of(data: ProductData, outputs: OutputMap, capacity: int | None, watch: Stopwatch) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Eigenvalues and eigenvectors of every unfolding of the standardised data, rows of padding left out."""
    size = max(data.axes[-1].size, capacity or 0)
    values = _padded(data.values, size, data.values.ndim - 2)
    _, found = projected(watch, values, outputs.shift, outputs.scale, data.axes[-1].size, (None,) * len(data.axes))
    return tuple((np.asarray(e)[: a.size], np.asarray(v)[: a.size, : a.size]) for a, (e, v) in zip(data.axes, found, strict=True))


evaluate, whitened = CompiledFunction(_evaluate), CompiledFunction(_whitened)
projected, along_cases = CompiledFunction(_projected), CompiledFunction(_along_cases)
truncated, line_sums = CompiledFunction(stats.project), CompiledFunction(stats.line_sums)


def _padded(array: np.ndarray, size: int, axis: int) -> np.ndarray:
    if array.shape[axis] == size:
        return array
    width = [(0, 0)] * array.ndim
    width[axis] = (0, size - array.shape[axis])
    return np.pad(array, width)


@dataclass(frozen=True)
class Preparation:
    """How data become statistics.

    Attributes:
        bases: one for each dimension.
        inputs: the map of inputs.
        outputs: the map of outputs.
        tolerance: relative size of what the truncation of the core may leave behind; 0 keeps every direction.
        capacity: final length of the last axis, to which it is padded.
        ranks: the ranks of an earlier fit, kept where they are large enough.
    """

    bases: tuple[Basis, ...]
    inputs: InputMap
    outputs: OutputMap
    tolerance: float
    capacity: int | None = None
    ranks: tuple[int, ...] | None = None

    def __call__(self, data: ProductData, watch: Stopwatch, before: History | None = None) -> Prepared:
        """Prepare data; compilation is charged to the stopwatch.

        Args:
            data: the data.
            watch: counts the seconds of compiling.
            before: the history of an earlier fit with the same bases and units, whose cases are not read again.
        """
        only = data.axes[0]
        if len(data.axes) == 1 and only.points.shape == (only.size, 1) and only.size > stats.LARGEST_SVD:
            return self._long_axis(data, watch)
        designs = self._designs(data.axes, watch)
        if len(data.axes) > 1:
            growing = self.capacity is not None and self.capacity > data.axes[-1].size
            history = history_of(data, self.outputs, designs.left[:-1], before, growing, watch)
            return self._of_history(history, designs, watch)
        sizes = self._sizes(data.axes)
        values = _padded(data.values, sizes[-1], 0)
        if designs.left[0] is None:
            tensor, spectra = _table(data, values, self.outputs), ()
        else:
            tensor, spectra = projected(watch, values, self.outputs.shift, self.outputs.scale, data.axes[0].size, designs.left)
        energy = np.sum(((data.values - self.outputs.shift) / self.outputs.scale) ** 2, axis=0)
        return self._compress(tensor, energy, data.n_points, spectra, designs, watch)

    def updated(self, history: History, slab: ProductData, watch: Stopwatch) -> Prepared:
        """Prepare the cases of a history together with more of them, without the data that it was made of.

        Raises:
            DataError: if the slab's axes, but for the last, are not those of the history.
        """
        leading = self._designs(slab.axes, watch).left[:-1]
        grown = history.extended(slab, self.outputs, leading, watch)
        return self._of_history(grown, self._designs(grown.axes, watch), watch)

    def _sizes(self, axes: tuple[Axis, ...]) -> list[int]:
        """Lengths of the axes, the last with its padding."""
        return [*(axis.size for axis in axes[:-1]), max(axes[-1].size, self.capacity or 0)]

    def _designs(self, axes: tuple[Axis, ...], watch: Stopwatch) -> _Designs:
        """Every axis in whitened coordinates, before its projection is known."""
        columns, sizes = _columns(axes), self._sizes(axes)
        left: list[Array | None] = []
        built: list[GridAxis | PointAxis] = []
        directions: list[Array] = []
        for a, axis in enumerate(axes):
            points = self.inputs(axis.points, columns[a])
            bases = self.bases[columns[a]]
            if points.shape[1] == 1:
                growing = self.capacity is not None and a == len(axes) - 1
                u, singular, v = self._grid(bases[0], points[:, 0], sizes[a], growing, watch)
                built.append(GridAxis(np.zeros((0, 0)), singular**2))
                left.append(u)
                directions.append(v)
            else:
                own, v_all = self._points(bases, points, sizes[a], watch)
                built.append(own)
                left.append(None)
                directions.extend(v_all)
        return _Designs(tuple(built), tuple(left), tuple(directions))

    def _of_history(self, history: History, designs: _Designs, watch: Stopwatch) -> Prepared:
        size = self._sizes(history.axes)[-1]
        tensor, spectra = along_cases(watch, _padded(history.tensor, size, history.tensor.ndim - 1), designs.left[-1])
        points = int(np.prod([axis.size for axis in history.axes]))
        prepared = self._compress(tensor, history.energy.sum(axis=1), points, spectra, designs, watch)
        return replace(prepared, history=history)

    def _grid(self, basis: Basis, x: np.ndarray, size: int, growing: bool, watch: Stopwatch) -> tuple[Array, Array, Array]:
        u, singular, v = map(np.asarray, whitened(watch, basis, _padded(x, size, 0), len(x)))
        if growing:  # an axis that grows keeps a fixed number of directions, or every new case would compile anew
            return u, singular, v
        kept = int(np.sum(singular > NEGLIGIBLE * singular[0]))
        return u[:, :kept], singular[:kept], v[:, :kept]

    def _points(self, bases: tuple[Basis, ...], points: np.ndarray, size: int, watch: Stopwatch) -> tuple[PointAxis, list[np.ndarray]]:
        found = [np.unique(x, return_inverse=True) for x in points.T]
        shared, joints = owners_of(found, size, growing=self.capacity is not None)
        designs: list[Array] = []
        directions: list[np.ndarray] = []
        for basis, x, (distinct, _), owner in zip(bases, points.T, found, shared, strict=True):
            if owner is None:
                designs.append(evaluate(watch, basis, _padded(x, size, 0), len(x)))
                directions.append(np.eye(basis.centers.shape[0]))
                continue
            rows = len(distinct) if self.capacity is None else size + 1
            u, singular, v = map(np.asarray, whitened(watch, basis, _padded(distinct, rows, 0), len(distinct)))
            kept = min(len(singular), self._resolvable(basis, watch))
            u, singular, v = u[:, :kept], singular[:kept], v[:, :kept]
            designs.append(u * singular)
            directions.append(v)
        return PointAxis(None, tuple(designs), tuple(shared), tuple(map(Products.of, bases)), joints), directions

    def _resolvable(self, basis: Basis, watch: Stopwatch) -> int:
        """How many directions of a basis a coordinate can tell apart; the others, invisible on the whole domain, keep their prior.

        It depends on the basis alone, so that new cases do not change the shape of anything.
        """
        if self.tolerance == 0:
            return int(basis.centers.shape[0])
        _, singular, _ = whitened(watch, basis, np.linspace(0.0, 1.0, DENSE_POINTS), DENSE_POINTS)
        singular = np.asarray(singular)
        return int(np.sum(singular > INVISIBLE * singular[0]))

    def _compress(self, tensor: Array, energy: np.ndarray, points: int, spectra: tuple, designs: _Designs, watch: Stopwatch) -> Prepared:
        """Truncate the projected tensor to its multilinear ranks."""
        axes = list(designs.axes)
        single = len(axes) == 1
        ranks: list[int] = []
        bases: list[Array | None] = []
        for a, axis in enumerate(axes):
            if single and isinstance(axis, PointAxis):
                ranks.append(tensor.shape[1])
                bases.append(None)
                continue
            eigenvalues, vectors = map(np.asarray, spectra[a])
            limit = vectors.shape[1]
            previous = None if self.ranks is None else self.ranks[a]
            rank = limit
            if self.tolerance > 0:
                rank = stats.bucketed(stats.rank_at(eigenvalues, self.tolerance, len(axes)), limit, previous)
            ranks.append(rank)
            bases.append(vectors[:, :rank])
            if isinstance(axis, GridAxis):
                axes[a] = GridAxis(bases[a].T * np.sqrt(axis.squared), axis.squared)  # type: ignore[union-attr]
            else:
                axes[a] = axis._replace(projection=bases[a])
        core = tensor if all(b is None for b in bases) else truncated(watch, tensor, tuple(bases))
        statistics = Statistics(core, energy, np.asarray(float(points)), tuple(axes))
        return Prepared(statistics, designs.directions, tuple(ranks))

    def _long_axis(self, data: ProductData, watch: Stopwatch) -> Prepared:
        x = self.inputs(data.axes[0].points, slice(0, 1))[:, 0]
        shared = self.bases[0], self.outputs.shift, self.outputs.scale
        found = line_sums.each(watch, shared, _pieces(x, data.values, available_cores()))
        gram, moment, energy = (np.sum(parts, axis=0) for parts in zip(*found, strict=True))
        squared, v = stats.whitened_gram(gram)
        # Here the core holds V^T Phi^T y, the right-hand side itself: dividing by small singular values would lose accuracy.
        axis = GridAxis(np.eye(len(squared)), squared)
        return Prepared(Statistics(moment @ v, energy, np.asarray(float(data.n_points)), (axis,)), (v,), (len(squared),))


def _pieces(x: Float[np.ndarray, " n"], values: Float[np.ndarray, "n L"], count: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Rows in as many pieces of the same length, and how many rows of each are data."""
    size = -(-len(x) // count)
    found = []
    for begin in range(0, len(x), size):
        own = x[begin : begin + size], values[begin : begin + size]
        missing = size - len(own[0])
        if missing:
            own = np.pad(own[0], (0, missing)), np.pad(own[1], ((0, missing), (0, 0)))
        found.append((*own, np.asarray(size - missing)))
    return found


def _table(data: ProductData, values: np.ndarray, outputs: OutputMap) -> Array:
    """Standardised outputs of scattered points, which nothing compresses; rows of padding are zero."""
    return np.moveaxis((values - outputs.shift) / outputs.scale, -1, 0) * (np.arange(len(values)) < data.axes[-1].size)


def _columns(axes: tuple[Axis, ...]) -> list[slice]:
    """Which of the D dimensions belong to each axis."""
    ends = np.cumsum([0] + [len(axis.coordinates) for axis in axes])
    return [slice(int(a), int(b)) for a, b in pairwise(ends)]
