"""A Tucker decomposition after its data, the last axis perhaps in the limit of infinitely many modes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.limit.process import Process
from binn_cli.models.binn.multilinear import mode_dot, multi_mode_dot
from binn_cli.models.binn.tucker.fields import AxisFunctions, NodalFunctions, functions_from_tree
from binn_cli.models.binn.tucker.layout import Group, align

ENTRIES = 2**19
"""Numbers of the largest table of one chunk of points that are scattered over several axes (4 MB)."""


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

    @cached_property
    def _latest(self) -> dict[bytes, tuple[np.ndarray, np.ndarray]]:
        return {}

    def _moments(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Means and variances, those of the points asked for last kept: mean and spread come one after the other."""
        key = x.tobytes()
        if key not in self._latest:
            found = [process.moments(x) for process in self.processes]
            self._latest.clear()
            self._latest[key] = tuple(np.stack(part, axis=1) for part in zip(*found, strict=True))  # type: ignore[assignment]
        return self._latest[key]

    def mean(self, x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n Q"]:
        """Mean functions at points."""
        return self._moments(x)[0]

    def spread(self, x: Float[np.ndarray, "n D"]) -> Float[np.ndarray, "n Q"]:
        """Variance of every function at points."""
        return self._moments(x)[1]

    def tree(self) -> dict[str, Any]:
        """Names, arrays and numbers, for `/surrogate`."""
        return {"processes": {f"{q:03d}": process.tree() for q, process in enumerate(self.processes)}}


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
        tables = [f.mean(x) for f, x in zip(self.functions, points, strict=True)]
        mean = multi_mode_dot(self.core, tables)
        if not variance:
            return mean, None
        squares = [(t @ v) ** 2 for t, v in zip(tables, self.core_vectors, strict=True)]
        total = multi_mode_dot(self.core_variance, squares)
        for a, (own, x) in enumerate(zip(self.functions, points, strict=True)):
            spread = own.spread(x)
            if not spread.any():
                continue
            others: list[np.ndarray | None] = [None if b == a else t for b, t in enumerate(tables)]
            along = mode_dot(multi_mode_dot(self.core, others), own.directions.T, a)
            np.multiply(along, along, out=along)
            total += mode_dot(along, spread, a)
        return mean, total

    def _on_groups(self, groups: list[Group], variance: bool) -> tuple[np.ndarray, np.ndarray | None]:
        """On products of groups, in each of which several axes have the same points: all combinations one by one."""
        sizes = [len(group.points) for group in groups]
        total = int(np.prod(sizes))
        mean, spread = np.empty(total), np.empty(total) if variance else None
        ranks = self.core.shape
        step = max(1, ENTRIES // (self.core.size // min(ranks)))
        starts = np.cumsum([0, *self.widths])
        tables = [self._tables(group, starts, variance) for group in groups]
        for begin in range(0, total, step):
            rows = np.arange(begin, min(begin + step, total))
            index = np.unravel_index(rows, sizes)
            values: list[np.ndarray] = [np.zeros(0)] * len(ranks)
            spreads: list[np.ndarray] = [np.zeros(0)] * len(ranks)
            for own, where in zip(tables, index, strict=True):
                for axis, value, spreading in own:
                    values[axis] = value[where]
                    spreads[axis] = spreading[where] if variance else np.zeros(0)
            mean[rows], found = self._at(values, spreads, variance)
            if spread is not None:
                spread[rows] = found
        return mean, spread

    def _tables(self, group: Group, starts: np.ndarray, variance: bool) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """Axis, mean functions and their spread at the points of a group, for each of its axes."""
        found, begin = [], 0
        for axis in group.axes:
            width = int(starts[axis + 1] - starts[axis])
            x = np.ascontiguousarray(group.points[:, begin : begin + width])
            begin += width
            own = self.functions[axis]
            found.append((axis, own.mean(x), own.spread(x) if variance else np.zeros(0)))
        return found

    def _at(self, values: list[np.ndarray], spreads: list[np.ndarray], variance: bool) -> tuple[np.ndarray, np.ndarray]:
        """Mean and variance at points whose functions are known."""
        if not variance:
            return _contract(self.core, values), np.zeros(0)
        mean, slopes = _slopes(self.core, values)
        squares = [(v @ own) ** 2 for v, own in zip(values, self.core_vectors, strict=True)]
        total = _contract(self.core_variance, squares)
        for own, slope, spread in zip(self.functions, slopes, spreads, strict=True):
            total += np.einsum("ne,ne->n", (slope @ own.directions) ** 2, spread)
        return mean, total

    def fields(self, points: Sequence[Float[np.ndarray, "n D"]]) -> Float[np.ndarray, "p Q"]:
        """What multiplies each function of the last axis, at every combination of the other axes' points."""
        tables = [f.mean(x) for f, x in zip(self.functions[:-1], points, strict=True)]
        return multi_mode_dot(self.core, [*tables, None]).reshape(-1, self.core.shape[-1])

    def case_coordinates(
        self, points: Sequence[Float[np.ndarray, "n D"]], cases: Float[np.ndarray, "c D"]
    ) -> CaseCoordinates:
        """What is unknown about whole cases: the last axis's functions, in coordinates whose squares add up over a
        case.

        With the other axes' functions at their means a case is Σ_q T_q f^(q)(c); with L Lᵀ the Gram matrix of the T_q
        over the points of a case, the squared norm of Lᵀ f(c) is that of the case.
        """
        tables = [f.mean(x) for f, x in zip(self.functions[:-1], points, strict=True)]
        applied = self.core
        for axis, table in enumerate(tables):
            applied = mode_dot(applied, table.T @ table, axis)
        width = self.core.shape[-1]
        gram = self.core.reshape(-1, width).T @ applied.reshape(-1, width)
        values, vectors = np.linalg.eigh(gram)
        lift = vectors * np.sqrt(np.maximum(values, 0.0))
        last = self.functions[-1]
        if isinstance(last, LimitFunctions):
            each = [process.covariance(cases) for process in last.processes]
            return CaseCoordinates(lift, each, np.eye(width))
        assert isinstance(last, AxisFunctions)
        phi = last.basis(cases[:, 0])
        seen, span = phi @ last.seen, phi @ last.span
        unseen = phi - seen @ last.seen.T - span @ last.span.T
        each = [(seen * v) @ seen.T + p * (unseen @ unseen.T) for v, p in zip(last.variance, last.prior, strict=True)]
        return CaseCoordinates(lift, each, last.directions)

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


@dataclass(frozen=True)
class CaseCoordinates:
    """The functions of the last axis as jointly normal coordinates of n cases.

    Attributes:
        lift: (Q, r) from functions to coordinates a = liftᵀ f.
        covariances: for each of E independent directions the (n, n) covariance between cases.
        directions: (Q, E) the directions in functions.
    """

    lift: Float[np.ndarray, "Q r"]
    covariances: list[Float[np.ndarray, "n n"]]
    directions: Float[np.ndarray, "Q E"]

    def joined(self) -> Float[np.ndarray, "n r n r"]:
        """The covariance of all coordinates of all cases."""
        turned = self.lift.T @ self.directions  # (r, E)
        return np.einsum("re,se,enm->nrms", turned, turned, np.stack(self.covariances), optimize=True)


def _contract(core: Float[np.ndarray, "*Q"], values: Sequence[Float[np.ndarray, "n Q"]]) -> Float[np.ndarray, " n"]:
    """The core contracted with every axis's functions at the same n points."""
    left, right = _halves(core.shape)
    first, second = (_face_splitting([values[a] for a in half]) for half in (left, right))
    return np.einsum("nq,nq->n", first @ core.reshape(first.shape[1], -1), second)


def _halves(shape: tuple[int, ...]) -> tuple[range, range]:
    """Leading and other axes such that the two tables of products are together as small as can be."""
    cut = min(range(1, len(shape) + 1), key=lambda c: np.prod(shape[:c]) + np.prod(shape[c:]))
    return range(cut), range(cut, len(shape))


def _face_splitting(tables: Sequence[Float[np.ndarray, "n Q"]]) -> Float[np.ndarray, "n P"]:
    """All products of one column per table, row by row (the transposed Khatri-Rao product)."""
    if not tables:
        return np.ones((1, 1))
    return reduce(lambda a, b: (a[:, :, None] * b[:, None, :]).reshape(len(a), -1), tables)


def _slopes(
    core: Float[np.ndarray, "*Q"], values: Sequence[Float[np.ndarray, "n Q"]]
) -> tuple[Float[np.ndarray, " n"], list[Float[np.ndarray, "n Q"]]]:
    """The core contracted with all functions, and with all but those of each axis: the gradient of the first."""
    left, right = _halves(core.shape)
    matrix = core.reshape(int(np.prod([core.shape[a] for a in left])), -1)
    first, second = (_face_splitting([values[a] for a in half]) for half in (left, right))
    down = first @ matrix  # (n, products of the right half)
    up = np.broadcast_to(second, (len(values[0]), second.shape[1])) @ matrix.T
    mean = np.einsum("nq,nq->n", down, np.broadcast_to(second, down.shape))
    return mean, [*_within(up, [values[a] for a in left]), *_within(down, [values[a] for a in right])]


def _within(
    tensor: Float[np.ndarray, "n P"], tables: Sequence[Float[np.ndarray, "n Q"]]
) -> list[Float[np.ndarray, "n Q"]]:
    """A tensor per point, with an index per table, contracted with all tables but each in turn."""
    if not tables:
        return []
    n, sizes = len(tensor), [t.shape[1] for t in tables]
    if len(tables) == 1:
        return [tensor]
    shaped = tensor.reshape(n, sizes[0], -1)
    rest = _face_splitting(tables[1:])
    first = np.matmul(shaped, rest[:, :, None])[:, :, 0]
    inner = np.matmul(tables[0][:, None, :], shaped)[:, 0]
    return [first, *_within(inner, tables[1:])]
