"""A Tucker decomposition after its data, the last axis perhaps in the limit of infinitely many modes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.limit.process import MANY, Process, building
from binn_cli.models.binn.multilinear import mode_dot, multi_mode_dot
from binn_cli.models.binn.point_tables import points_last
from binn_cli.models.binn.tucker.cells import AxisCells
from binn_cli.models.binn.tucker.contraction import Contraction
from binn_cli.models.binn.tucker.fields import AxisFunctions, NodalFunctions, functions_from_tree
from binn_cli.models.binn.tucker.layout import Group, align
from binn_cli.models.binn.tucker.limit_functions import CasePolynomials, LimitFunctions

ROWS = 2**10
"""Points at which the functions of several axes are multiplied at once: their products stay in the cache."""

TOGETHER = 2**13
"""Scattered points whose functions are evaluated at once."""

Functions = AxisFunctions | NodalFunctions | LimitFunctions

Transposed = Callable[[np.ndarray, bool], tuple[np.ndarray, np.ndarray | None]]
"""From points (n, D) of an axis to the means (Q, n) of its functions and, if asked for, their variances (E, n)."""


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
                own(np.ascontiguousarray(x[:, begin:end]), variance)
                for own, begin, end in zip(quick, starts[:-1], starts[1:], strict=True)
            ]
            for here in range(0, len(x), ROWS):
                rows = slice(begin + here, begin + min(here + ROWS, len(x)))
                own = slice(here, here + ROWS)
                values = [value[:, own] for value, _ in found]
                if spread is None:
                    mean[rows] = contraction.mean(values)
                else:
                    spreads = [other[:, own] for _, other in found if other is not None]
                    mean[rows], spread[rows] = contraction.moments(values, spreads)
        return mean, spread

    @cached_property
    def _quick(self) -> list[Transposed]:
        """The functions of every axis, as polynomials where they are smooth enough; the points last."""
        return [self.polynomials(axis) or partial(_as_they_are, own) for axis, own in enumerate(self.functions)]

    def polynomials(self, axis: int) -> AxisCells | CasePolynomials | None:
        """The functions of an axis as polynomials; None where they are not smooth enough."""
        own = self.functions[axis]
        if isinstance(own, AxisFunctions):
            return AxisCells.of(own)
        if isinstance(own, LimitFunctions):
            others = tuple(other for other in range(self.core.ndim) if other != axis)
            return own.polynomials(np.sqrt(np.sum(self.core**2, axis=others)))
        return None

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


def _as_they_are(
    functions: Functions, x: Float[np.ndarray, "n D"], variance: bool
) -> tuple[Float[np.ndarray, "Q n"], Float[np.ndarray, "E n"] | None]:
    mean, spread = functions.moments(x, variance)
    return points_last(mean), None if spread is None else points_last(spread)
