"""A Tucker decomposition after its data, the last axis perhaps in the limit of infinitely many modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from binn_cli.models.binn.limit.interpolant import Interpolant, covers
from binn_cli.models.binn.limit.process import MANY, Process, building
from binn_cli.models.binn.limit.warping import warp
from binn_cli.models.binn.multilinear import mode_dot, multi_mode_dot
from binn_cli.models.binn.tucker.cells import AxisCells
from binn_cli.models.binn.tucker.contraction import Contraction
from binn_cli.models.binn.tucker.fields import AxisFunctions, NodalFunctions, functions_from_tree
from binn_cli.models.binn.tucker.layout import Group, align

ROWS = 512
"""Points at which the functions of several axes are multiplied at once: their products stay in the cache."""

TOGETHER = 2**13
"""Scattered points whose functions are evaluated at once."""

CLOSE = 1e-14
"""What polynomials may be off, relative to the largest function of an axis as the core weighs them."""

CLOSE_FOR_ITSELF = 1e-9
"""The same relative to the function itself, however little the core makes of it."""


@dataclass(frozen=True)
class LimitFunctions:
    """The Q functions of the last axis in the limit: one process each, independent of one another.

    Attributes:
        processes: of every function.
    """

    processes: tuple[Process, ...]

    @property
    def directions(self) -> Float[np.ndarray, "Q Q"]:
        """Each function varies on its own."""
        return np.eye(len(self.processes))

    def moments(
        self, x: Float[np.ndarray, "n D"], variance: bool
    ) -> tuple[Float[np.ndarray, "n Q"], Float[np.ndarray, "n Q"] | None]:
        """Mean and variance of every function at points; a point that is asked often is answered once."""
        asked, where = _distinct(x)
        found = [process.moments(asked, variance=variance) for process in self.processes]
        mean, spread = (np.stack(part, axis=1) for part in zip(*found, strict=True))
        if where is not None:
            mean, spread = mean[where], spread[where] if variance else spread
        return mean, spread if variance else None

    def mean(self, x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n Q"]:
        """Mean functions at points."""
        return self.moments(x, variance=False)[0]

    def polynomials(self, weights: Float[np.ndarray, " Q"]) -> CasePolynomials | None:
        """The functions of one or two inputs as polynomials, whose `weights` say how much the core makes of each."""
        first = self.processes[0]
        if first.points.shape[1] > 2 or any(not np.array_equal(p.rates, first.rates) for p in self.processes):
            return None
        sizes = weights * [np.max(np.abs(p.targets)) for p in self.processes]
        spreads = np.array([p.scale**2 * np.mean(np.exp(p.draws[:, -2])) for p in self.processes])
        weights = np.maximum(weights, np.finfo(float).tiny)
        means = np.minimum(CLOSE * np.max(sizes), CLOSE_FOR_ITSELF * sizes) / weights
        variances = np.minimum(CLOSE * np.max(weights**2 * spreads) / weights**2, CLOSE_FOR_ITSELF * spreads)

        def means_at(u: np.ndarray) -> np.ndarray:
            return np.stack([process.at_warped(u, False)[0] for process in self.processes], axis=1)

        def variances_at(u: np.ndarray) -> np.ndarray:
            return np.stack([process.at_warped(u, True)[1] for process in self.processes], axis=1)

        dimensions, tiny = first.points.shape[1], np.finfo(float).tiny
        mean = Interpolant.of(means_at, dimensions, np.maximum(means, tiny))
        spread = None if mean is None else Interpolant.of(variances_at, dimensions, np.maximum(variances, tiny))
        return None if mean is None or spread is None else CasePolynomials(mean, spread, first.rates)

    def variances(self, x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n Q"]:
        """Variance of every function at points."""
        found = self.moments(x, variance=True)[1]
        assert found is not None
        return found

    def covariances(
        self, x: Float[np.ndarray, "n D"], other: Float[np.ndarray, "m D"] | None, which: Int[np.ndarray, " e"]
    ) -> tuple[Float[np.ndarray, "e n m"], Float[np.ndarray, "m e"]]:
        """Covariance of some of the functions between points, or between them and others, and the variances of the
        latter."""
        found = [self.processes[int(q)].covariance_and_variance(x, other) for q in which]
        return np.stack([own for own, _ in found]), np.stack([own for _, own in found], axis=1)

    def tree(self) -> dict[str, Any]:
        """Names, arrays and numbers, for `/surrogate`."""
        return {"processes": {f"{q:03d}": process.tree() for q, process in enumerate(self.processes)}}


@dataclass(frozen=True)
class CasePolynomials:
    """The functions of `LimitFunctions` as polynomials of the stretched coordinates.

    Attributes:
        mean, spread: of every function its mean and its variance.
        rates: with which the coordinates are stretched.
    """

    mean: Interpolant
    spread: Interpolant
    rates: Float[np.ndarray, " D"]

    def __call__(
        self, x: Float[np.ndarray, "n D"], variance: bool, functions: LimitFunctions
    ) -> tuple[Float[np.ndarray, "Q n"], Float[np.ndarray, "Q n"] | None]:
        """Mean and variance of every function at points, the points last; outside the domain as the functions are."""
        u = warp(x, self.rates)
        mean = self.mean(u)
        spread = np.maximum(self.spread(u), 0.0) if variance else None
        inside = covers(u)
        if not inside.all():
            own, other = functions.moments(x[~inside], variance)
            mean[:, ~inside] = own.T
            if spread is not None and other is not None:
                spread[:, ~inside] = other.T
        return mean, spread


Functions = AxisFunctions | NodalFunctions | LimitFunctions


@dataclass(frozen=True)
class TuckerPosterior:
    """Σ_q G_q ∏_a f_a^(q_a)(x_a) for one output, in standardised units.

    Attributes:
        functions: of every axis.
        widths: number of coordinates of every axis.
        core: (Q_1, …, Q_A) mean of the core.
        core_vectors: for each axis (Q, Q) the directions in whose products the core's entries are independent.
        core_variance: (Q_1, …, Q_A) variance along every product of directions.
        noise: σ².
    """

    functions: tuple[Functions, ...]
    widths: tuple[int, ...]
    core: Float[np.ndarray, "*Q"]
    core_vectors: tuple[Float[np.ndarray, "Q Q"], ...]
    core_variance: Float[np.ndarray, "*Q"]
    noise: float

    @property
    def in_limit(self) -> bool:
        """Whether the last axis is in the limit of infinitely many modes."""
        return isinstance(self.functions[-1], LimitFunctions)

    def moments(
        self, points: Sequence[Float[np.ndarray, "n D"]], *, variance: bool = True
    ) -> tuple[Float[np.ndarray, "*n"], Float[np.ndarray, "*n"] | None]:
        """Mean and variance on the product of prediction axes, whose coordinates may be grouped as they like."""
        shape = tuple(len(p) for p in points)
        groups = align(points, self.widths)
        if all(len(group.axes) == 1 for group in groups):
            mean, spread = self._on_product([group.points for group in groups], variance)
        else:
            mean, spread = self._on_groups(groups, variance)
        return mean.reshape(shape), None if spread is None else spread.reshape(shape)

    def _on_product(self, points: list[np.ndarray], variance: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """On the product of whole axes: nothing is done once per combination that could be done once per axis."""
        found = [f.moments(x, variance) for f, x in zip(self.functions, points, strict=True)]
        tables = [mean for mean, _ in found]
        mean = multi_mode_dot(self.core, tables)
        if not variance:
            return mean, None
        squares = [(t @ v) ** 2 for t, v in zip(tables, self.core_vectors, strict=True)]
        total = multi_mode_dot(self.core_variance, squares)
        for a, (own, (_, spread)) in enumerate(zip(self.functions, found, strict=True)):
            assert spread is not None
            if not spread.any():
                continue
            others: list[np.ndarray | None] = [None if b == a else t for b, t in enumerate(tables)]
            along = mode_dot(multi_mode_dot(self.core, others), own.directions.T, a)
            np.multiply(along, along, out=along)
            total += mode_dot(along, spread, a)
        return mean, total

    def _on_groups(self, groups: list[Group], variance: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """On products of groups, in each of which several axes have the same points: all combinations one by one."""
        if len(groups) == 1 and len(groups[0].points) >= MANY:
            return self._scattered(groups[0].points, variance)
        sizes = [len(group.points) for group in groups]
        total = int(np.prod(sizes))
        mean, spread = np.empty(total), np.empty(total) if variance else None
        starts = np.cumsum([0, *self.widths])
        tables = [self._tables(group, starts, variance) for group in groups]
        contraction = self._contraction
        for begin in range(0, total, ROWS):
            rows = np.arange(begin, min(begin + ROWS, total))
            index = np.unravel_index(rows, sizes)
            values: list[np.ndarray] = [np.zeros(0)] * self.core.ndim
            spreads: list[np.ndarray] = [np.zeros(0)] * self.core.ndim
            for own, where in zip(tables, index, strict=True):
                for axis, value, spreading in own:
                    values[axis] = value[where].T.copy()
                    if spreading is not None:
                        spreads[axis] = spreading[where].T
            if spread is None:
                mean[rows] = contraction.mean(values)
            else:
                mean[rows], spread[rows] = contraction.moments(values, spreads)
        return mean, spread

    def _scattered(self, points: Float[np.ndarray, "n D"], variance: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """At many points one by one, all functions as polynomials where they are smooth enough."""
        with building:
            quick, contraction = self._quick, self._contraction
        starts = np.cumsum([0, *self.widths])
        mean, spread = np.empty(len(points)), np.empty(len(points)) if variance else None
        for begin in range(0, len(points), TOGETHER):
            x = points[begin : begin + TOGETHER]
            found = [
                self._values(axis, quick[axis], np.ascontiguousarray(x[:, starts[axis] : starts[axis + 1]]), variance)
                for axis in range(len(self.functions))
            ]
            for here in range(0, len(x), ROWS):
                rows = slice(begin + here, begin + min(here + ROWS, len(x)))
                own = slice(here, here + ROWS)
                values = [value[:, own].copy() for value, _ in found]  # rows a power of two apart share cache lines
                if spread is None:
                    mean[rows] = contraction.mean(values)
                else:
                    spreads = [other[:, own].copy() for _, other in found if other is not None]
                    mean[rows], spread[rows] = contraction.moments(values, spreads)
        return mean, spread

    def _values(
        self, axis: int, quick: AxisCells | CasePolynomials | None, x: Float[np.ndarray, "n D"], variance: bool
    ) -> tuple[Float[np.ndarray, "Q n"], Float[np.ndarray, "E n"] | None]:
        """The functions of an axis and their variance, the points last."""
        own = self.functions[axis]
        if isinstance(quick, CasePolynomials) and isinstance(own, LimitFunctions):
            return quick(x, variance, own)
        if isinstance(quick, AxisCells):
            return quick(x[:, 0], variance)
        mean, spread = own.moments(x, variance)
        return np.ascontiguousarray(mean.T), None if spread is None else np.ascontiguousarray(spread.T)

    @cached_property
    def _quick(self) -> list[AxisCells | CasePolynomials | None]:
        """The functions of every axis as polynomials; None where they are evaluated as they are."""
        found: list[AxisCells | CasePolynomials | None] = []
        for axis, own in enumerate(self.functions):
            if isinstance(own, AxisFunctions):
                found.append(AxisCells.of(own))
            elif isinstance(own, LimitFunctions):
                others = tuple(other for other in range(self.core.ndim) if other != axis)
                found.append(own.polynomials(np.sqrt(np.sum(self.core**2, axis=others))))
            else:
                found.append(None)
        return found

    @cached_property
    def _contraction(self) -> Contraction:
        directions = tuple(own.directions for own in self.functions)
        return Contraction(self.core, self.core_vectors, self.core_variance, directions)

    def _tables(
        self, group: Group, starts: np.ndarray, variance: bool
    ) -> list[tuple[int, np.ndarray, np.ndarray | None]]:
        """Axis, mean functions and their spread at the points of a group, for each of its axes."""
        found, begin = [], 0
        for axis in group.axes:
            width = int(starts[axis + 1] - starts[axis])
            x = np.ascontiguousarray(group.points[:, begin : begin + width])
            begin += width
            found.append((axis, *self.functions[axis].moments(x, variance)))
        return found

    def fields(self, points: Sequence[Float[np.ndarray, "n D"]]) -> Float[np.ndarray, "p Q"]:
        """What multiplies each function of the last axis, at every combination of the other axes' points."""
        tables = [f.mean(x) for f, x in zip(self.functions[:-1], points, strict=True)]
        return multi_mode_dot(self.core, [*tables, None]).reshape(-1, self.core.shape[-1])

    def tree(self) -> dict[str, Any]:
        """Names, arrays and numbers, for `/surrogate`."""
        return {
            "functions": {f"{a:03d}": f.tree() for a, f in enumerate(self.functions)},
            "widths": np.asarray(self.widths), "core": self.core, "core_variance": self.core_variance,
            "core_vectors": {f"{a:03d}": v for a, v in enumerate(self.core_vectors)}, "noise": self.noise,
        }  # fmt: skip

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> TuckerPosterior:
        """The posterior that `tree` described."""
        functions: list[Functions] = []
        for key in sorted(tree["functions"]):
            own = tree["functions"][key]
            if "processes" in own:
                names = sorted(own["processes"])
                functions.append(LimitFunctions(tuple(Process.from_tree(own["processes"][name]) for name in names)))
            else:
                functions.append(functions_from_tree(own))
        vectors = tuple(np.asarray(tree["core_vectors"][key]) for key in sorted(tree["core_vectors"]))
        widths = tuple(int(w) for w in np.atleast_1d(tree["widths"]))
        core, variance = np.asarray(tree["core"]), np.asarray(tree["core_variance"])
        return cls(tuple(functions), widths, core, vectors, variance, float(tree["noise"]))


def _distinct(x: Float[np.ndarray, "n D"]) -> tuple[Float[np.ndarray, "m D"], np.ndarray | None]:
    """The distinct points and which of them every point is; None where they do not repeat enough to be worth it."""
    some = x[:: max(1, len(x) // 64)]
    if len(x) < 64 or len(np.unique(some, axis=0)) > len(some) // 2:
        return x, None
    found, where = np.unique(x, axis=0, return_inverse=True)
    return found, where.ravel()
