"""One-dimensional spaces of piecewise polynomials: smooth splines, discontinuous polynomials, and C-HiDeNN
functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from jaxtyping import Float, Int
from numpy.polynomial import legendre
from scipy.interpolate import BSpline


class Space(Protocol):
    """Functions of one coordinate that are polynomials between breakpoints."""

    @property
    def breakpoints(self) -> Float[np.ndarray, " e+1"]:
        """(e + 1,) rising."""
        ...

    @property
    def degree(self) -> int:
        """Degree of the polynomials."""
        ...

    @property
    def size(self) -> int:
        """Number of basis functions n."""
        ...

    def values(self, x: Float[np.ndarray, " m"], derivative: int = 0) -> Float[np.ndarray, "m n"]:
        """The basis functions, or their derivatives, at m points; outside of the breakpoints the nearest polynomial
        goes on."""
        ...

    def combined(self, x: Float[np.ndarray, " m"], coefficients: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "m k"]:
        """k functions of the space at m points."""
        ...

    def tree(self) -> dict[str, Any]:
        """Plain values from which `space_from` makes the space again."""
        ...


def quadrature(
    breakpoints: Float[np.ndarray, " e+1"], order: int
) -> tuple[Float[np.ndarray, " q"], Float[np.ndarray, " q"]]:
    """Points and weights of Gauss-Legendre quadrature with `order` points per interval, exact up to the degree 2 order
    - 1."""
    nodes, weights = legendre.leggauss(order)
    half = np.diff(breakpoints)[:, None] / 2
    return (breakpoints[:-1, None] + half * (nodes + 1)).ravel(), (half * weights).ravel()


@dataclass(frozen=True)
class Spline:
    """Splines of one degree with as many continuous derivatives as there can be; degree 1 has hat functions.

    Attributes:
        breakpoints: (e + 1,) rising.
        degree: at least 1.
        dropped: whether the first and the last function are left out, so that all others are zero at that end.
    """

    breakpoints: Float[np.ndarray, " e+1"]
    degree: int
    dropped: tuple[bool, bool] = (False, False)

    @property
    def size(self) -> int:
        """Number of basis functions n."""
        return len(self.breakpoints) - 1 + self.degree - sum(self.dropped)

    @cached_property
    def _knots(self) -> Float[np.ndarray, " k"]:
        ends = self.breakpoints[[0, -1]]
        return np.concatenate([np.full(self.degree, ends[0]), self.breakpoints, np.full(self.degree, ends[1])])

    def _padded(self, coefficients: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "m k"]:
        return np.pad(coefficients, ((int(self.dropped[0]), int(self.dropped[1])), (0, 0)))

    def values(self, x: Float[np.ndarray, " m"], derivative: int = 0) -> Float[np.ndarray, "m n"]:
        """The basis functions, or their derivatives, at m points."""
        curve = BSpline(self._knots, self._padded(np.eye(self.size)), self.degree)
        return np.asarray((curve.derivative(derivative) if derivative else curve)(x))

    def combined(self, x: Float[np.ndarray, " m"], coefficients: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "m k"]:
        """k functions of the space at m points."""
        return np.asarray(BSpline(self._knots, self._padded(coefficients), self.degree)(x))

    def tree(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "kind": "spline",
            "breakpoints": self.breakpoints,
            "degree": self.degree,
            "dropped_first": self.dropped[0],
            "dropped_last": self.dropped[1],
        }


@dataclass(frozen=True)
class Broken:
    """Polynomials of one degree on every interval, free to jump in between; the basis is orthonormal.

    At a breakpoint the value is that of the interval before it, as befits what runs with time.

    Attributes:
        breakpoints: (e + 1,) rising.
        degree: at least 0.
    """

    breakpoints: Float[np.ndarray, " e+1"]
    degree: int

    @property
    def size(self) -> int:
        """Number of basis functions n, ordered by interval and then by degree."""
        return (len(self.breakpoints) - 1) * (self.degree + 1)

    def interval(self, x: Float[np.ndarray, " m"]) -> Int[np.ndarray, " m"]:
        """The number of the interval that holds each point."""
        return np.clip(np.searchsorted(self.breakpoints, x) - 1, 0, len(self.breakpoints) - 2)

    def local(
        self, x: Float[np.ndarray, " m"], derivative: int = 0, interval: Int[np.ndarray, " m"] | None = None
    ) -> Float[np.ndarray, "m degree+1"]:
        """The functions of each point's own interval, or of a stated one."""
        within = self.interval(x) if interval is None else interval
        left, width = self.breakpoints[within], np.diff(self.breakpoints)[within]
        scaled = 2 * (x - left) / width - 1
        norms = np.sqrt((2 * np.arange(self.degree + 1) + 1) / width[:, None])
        if not derivative:
            return legendre.legvander(scaled, self.degree) * norms
        series = legendre.legder(np.eye(self.degree + 1), m=derivative)
        return (
            legendre.legvander(scaled, self.degree)[:, : len(series)]
            @ series
            * norms
            * (2 / width[:, None]) ** derivative
        )

    def values(self, x: Float[np.ndarray, " m"], derivative: int = 0) -> Float[np.ndarray, "m n"]:
        """The basis functions, or their derivatives, at m points."""
        found = np.zeros((len(x), len(self.breakpoints) - 1, self.degree + 1))
        found[np.arange(len(x)), self.interval(x)] = self.local(x, derivative)
        return found.reshape(len(x), self.size)

    def combined(self, x: Float[np.ndarray, " m"], coefficients: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "m k"]:
        """k functions of the space at m points."""
        if len(self.breakpoints) == 2:
            return self.local(x) @ coefficients
        own = coefficients.reshape(len(self.breakpoints) - 1, self.degree + 1, -1)
        local, interval = self.local(x), self.interval(x)
        found = np.empty((len(x), own.shape[2]))
        order = np.argsort(interval, kind="stable")
        bounds = np.searchsorted(interval[order], np.arange(len(own) + 1))
        for number in np.unique(interval):
            rows = order[bounds[number] : bounds[number + 1]]
            found[rows] = local[rows] @ own[number]
        return found

    def tree(self) -> dict[str, Any]:
        """Plain values."""
        return {"kind": "broken", "breakpoints": self.breakpoints, "degree": self.degree}


@dataclass(frozen=True)
class Chidenn:
    """C-HiDeNN functions: hat functions times the Lagrange interpolation over a patch of nodes around each of theirs.

    Attributes:
        breakpoints: (e + 1,) the nodes, rising.
        patch: nodes on either side that belong to a node's patch, at least 1.
        dropped: whether the first and the last function are left out, so that all others are zero at that end.
    """

    breakpoints: Float[np.ndarray, " e+1"]
    patch: int
    dropped: tuple[bool, bool] = (False, False)

    @property
    def degree(self) -> int:
        """A hat function times a polynomial over the patch."""
        return 1 + min(2 * self.patch, len(self.breakpoints) - 1)

    @property
    def size(self) -> int:
        """Number of basis functions n, one per node."""
        return len(self.breakpoints) - sum(self.dropped)

    @cached_property
    def _pieces(self) -> tuple[Broken, Float[np.ndarray, "b n"]]:
        """The polynomials of every interval, and the basis functions in terms of these."""
        nodes, pieces = self.breakpoints, Broken(self.breakpoints, self.degree)
        x, weights = quadrature(nodes, self.degree + 1)
        interval, rows = pieces.interval(x), np.arange(len(x))
        share = (x - nodes[interval]) / np.diff(nodes)[interval]
        values = np.zeros((len(x), len(nodes)))
        for side, hat in ((0, 1 - share), (1, share)):
            first = np.clip(interval + side - self.patch, 0, max(0, len(nodes) - 1 - 2 * self.patch))
            members = first[:, None] + np.arange(min(2 * self.patch + 1, len(nodes)))
            values[rows[:, None], members] += hat[:, None] * _lagrange(nodes[members], x)
        first, last = self.dropped
        return pieces, (pieces.values(x).T @ (weights[:, None] * values))[:, int(first) : len(nodes) - int(last)]

    def values(self, x: Float[np.ndarray, " m"], derivative: int = 0) -> Float[np.ndarray, "m n"]:
        """The basis functions, or their derivatives, at m points."""
        pieces, change = self._pieces
        return pieces.values(x, derivative) @ change

    def combined(self, x: Float[np.ndarray, " m"], coefficients: Float[np.ndarray, "n k"]) -> Float[np.ndarray, "m k"]:
        """k functions of the space at m points."""
        pieces, change = self._pieces
        return pieces.combined(x, change @ coefficients)

    def tree(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "kind": "chidenn",
            "breakpoints": self.breakpoints,
            "patch": self.patch,
            "dropped_first": self.dropped[0],
            "dropped_last": self.dropped[1],
        }


def _lagrange(nodes: Float[np.ndarray, "m k"], x: Float[np.ndarray, " m"]) -> Float[np.ndarray, "m k"]:
    """Lagrange polynomials over k nodes of each point's own, at the points."""
    k = nodes.shape[1]
    found = np.ones_like(nodes)
    for i in range(k):
        for j in range(k):
            if i != j:
                found[:, i] *= (x - nodes[:, j]) / (nodes[:, i] - nodes[:, j])
    return found


def space_from(tree: Mapping[str, Any]) -> Space:
    """The space that `tree` described."""
    breakpoints = np.asarray(tree["breakpoints"], dtype=np.float64)
    kind = str(tree["kind"])
    if kind == "broken":
        return Broken(breakpoints, int(tree["degree"]))
    dropped = (bool(tree["dropped_first"]), bool(tree["dropped_last"]))
    return (
        Spline(breakpoints, int(tree["degree"]), dropped)
        if kind == "spline"
        else Chidenn(breakpoints, int(tree["patch"]), dropped)
    )
