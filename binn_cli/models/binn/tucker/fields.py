"""The functions of every axis of a fitted Tucker decomposition at any points, with their linearised variance.

In the gauge of the higher-order SVD the tangent directions of the core and of every factor are orthogonal over the
data, if a factor's changes within the span of its own functions are left to the core. So the linearised Laplace
posterior of all blocks at once (`laplace.py`) is the blocks' own posteriors, each restricted to what no other block can
do:

    Var y = <S, ∏_a (V_aᵀ f_a)²> + Σ_a Σ_e (core contracted with V_ae and the other axes' functions)² c_ae(x_a),

where S is the core's variance along the products of its directions V_a, and c_ae(x) is the variance of the weights of
axis a along direction e, seen and unseen by the data.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float, Int
from scipy.spatial import cKDTree

from binn_cli.models.binn.bases.base import Basis
from binn_cli.models.binn.bases.build import basis_of, basis_tree
from binn_cli.models.binn.tucker.axes import GridAxis, complement
from binn_cli.models.binn.tucker.blocks import FactorPosterior

SAME_POINT = 1e-9
"""Distance, in units of the domain, within which a point is a node of a nodal axis."""

NEIGHBOURS = 8
"""Nodes from which values between the nodes of an axis are interpolated."""


@dataclass(frozen=True)
class AxisFunctions:
    """The Q functions of one axis with a basis.

    Attributes:
        basis: the basis.
        weights: (Q, J) mean weights.
        seen: (J, K) orthonormal directions in which the data speak and that no other block can move.
        directions: (Q, E) directions of functions along which the weights are independent.
        variance: (E, K) variance of the weights along them, in every direction that is seen.
        prior: (E,) variance that every other direction keeps.
        span: (J, s) orthonormal directions that are left to the core.
    """

    basis: Basis
    weights: Float[np.ndarray, "Q J"]
    seen: Float[np.ndarray, "J K"]
    directions: Float[np.ndarray, "Q E"]
    variance: Float[np.ndarray, "E K"]
    prior: Float[np.ndarray, " E"]
    span: Float[np.ndarray, "J s"]

    @classmethod
    def of(cls, basis: Basis, axis: GridAxis, block: FactorPosterior, prior: Float[np.ndarray, " Q"]) -> AxisFunctions:
        """The functions of a fitted factor.

        What the weights can do within the span of the axis's own functions, z → A z, the core does as well; their
        covariance is that in the rest, whose Gram matrix is diagonalised anew.
        """
        assert axis.directions is not None
        beside, squared, span = complement(block.mean, axis.squared)
        # ratio = γ_e s_k² / σ²: the precision along direction e per unit of the squared singular value.
        gain = block.ratio[:, :1] / np.maximum(axis.squared[:1], np.finfo(float).tiny)
        variance = 1.0 / (1.0 + gain * squared)
        seen = axis.directions @ beside
        # Unseen directions keep the prior: in units of it, along every direction, one.
        return cls(
            basis, block.mean @ axis.directions.T, seen, block.vectors, variance, np.ones(block.vectors.shape[1]),
            axis.directions @ span,
        )  # fmt: skip

    def mean(self, x: Float[np.ndarray, "n 1"]) -> Float[np.ndarray, "n Q"]:
        """Mean functions at points."""
        return self.moments(x, variance=False)[0]

    def moments(
        self, x: Float[np.ndarray, "n 1"], variance: bool
    ) -> tuple[Float[np.ndarray, "n Q"], Float[np.ndarray, "n E"] | None]:
        """Mean functions, and the variance of the functions along each direction, at points."""
        phi = self.basis(x[:, 0])
        mean = phi @ self.weights.T
        if not variance:
            return mean, None
        seen, rest = self._split(phi)
        unseen = np.sum(rest**2, axis=1)
        return mean, seen**2 @ self.variance.T + unseen[:, None] * self.prior

    def covariances(
        self, x: Float[np.ndarray, "n 1"], other: Float[np.ndarray, "m 1"] | None, which: Int[np.ndarray, " e"]
    ) -> tuple[Float[np.ndarray, "e n m"], Float[np.ndarray, "m e"]]:
        """Covariance along some of the directions between points, or between them and others, and the variances of the
        latter."""
        sides = [self._split(self.basis(side[:, 0])) for side in ((x,) if other is None else (x, other))]
        (seen, unseen), (there, rest) = sides[0], sides[-1]
        outside = unseen @ rest.T
        each = np.stack([(seen * self.variance[e]) @ there.T + self.prior[e] * outside for e in which])
        alone = np.sum(rest**2, axis=1)[:, None]
        return each, there**2 @ self.variance[which].T + alone * self.prior[which]

    def _split(self, phi: Float[np.ndarray, "n J"]) -> tuple[Float[np.ndarray, "n K"], Float[np.ndarray, "n J"]]:
        """Basis values in the directions that are seen, and what is neither seen nor left to the core."""
        seen, span = phi @ self.seen, phi @ self.span
        return seen, phi - seen @ self.seen.T - span @ self.span.T

    def tree(self) -> dict[str, Any]:
        """Names, arrays and numbers, for `/surrogate`."""
        arrays = {name: getattr(self, name) for name in ("weights", "seen", "directions", "variance", "prior", "span")}
        return {"basis": basis_tree(self.basis), **arrays}


@dataclass(frozen=True)
class NodalFunctions:
    """The Q functions of an axis whose points are their own functions: known at the nodes, interpolated between them.

    Attributes:
        nodes: (n, D) the points in units of the domain.
        values: (n, Q) mean functions at the nodes.
        directions: (Q, E) directions of functions along which the values are independent.
        variance: (n, E) variance of the values along them.
        between: (E,) variance of a function between the nodes, from how well each node is interpolated from its
            neighbours.
    """

    nodes: Float[np.ndarray, "n D"]
    values: Float[np.ndarray, "n Q"]
    directions: Float[np.ndarray, "Q E"]
    variance: Float[np.ndarray, "n E"]
    between: Float[np.ndarray, " E"]

    @classmethod
    def of(cls, nodes: Float[np.ndarray, "n D"], block: FactorPosterior) -> NodalFunctions:
        """The functions of a fitted factor; its changes within the functions' own span are left to the core."""
        values = np.ascontiguousarray(block.mean.T)
        basis, _ = np.linalg.qr(values)
        free = np.maximum(1.0 - np.sum(basis**2, axis=1), 0.0)
        variance = free[:, None] / (1.0 + block.ratio[:, 0])
        found = cls(nodes, values, block.vectors, variance, np.zeros(block.vectors.shape[1]))
        return cls(nodes, values, block.vectors, variance, found._left_out())

    def _left_out(self) -> Float[np.ndarray, " E"]:
        """Mean square error of interpolating nodes from their neighbours, along the directions."""
        n = len(self.nodes)
        if n <= NEIGHBOURS + self.nodes.shape[1]:
            return np.mean(np.linalg.lstsq(self.directions, self.values.T, rcond=None)[0] ** 2, axis=1)
        some = np.unique(np.linspace(0, n - 1, min(n, 500)).round().astype(int))
        guessed = self._interpolate(self.nodes[some], self.values, skip=True)
        away = np.linalg.lstsq(self.directions, (guessed - self.values[some]).T, rcond=None)[0]
        return np.mean(away**2, axis=1)

    @cached_property
    def _tree(self) -> cKDTree:
        """The nodes, sorted so that neighbours are found: once, not for every block of points."""
        return cKDTree(self.nodes)

    def _found(self, x: Float[np.ndarray, "m D"]) -> tuple[np.ndarray, np.ndarray]:
        """The node nearest to every point, and whether the point is that node."""
        if x.shape == self.nodes.shape and np.array_equal(x, self.nodes):
            return np.arange(len(x)), np.ones(len(x), dtype=bool)
        distance, index = self._tree.query(x)
        return index, distance <= SAME_POINT

    def _interpolate(self, x: np.ndarray, values: np.ndarray, *, skip: bool = False) -> np.ndarray:
        """Locally linear regression on the nearest nodes, the nearest but one first where `skip`."""
        count = min(NEIGHBOURS + self.nodes.shape[1], len(self.nodes) - skip)
        distance, index = self._tree.query(x, k=count + skip)
        distance, index = np.atleast_2d(distance)[:, skip:], np.atleast_2d(index)[:, skip:]
        scale = np.maximum(distance[:, -1:], np.finfo(float).tiny)
        weight = (1.0 - 0.9 * (distance / scale) ** 2)[..., None]
        around = (self.nodes[index] - x[:, None, :]) / scale[..., None]
        design = np.concatenate([np.ones((*around.shape[:2], 1)), around], axis=2)
        gram = np.einsum("mki,mkj->mij", weight * design, design) + 1e-6 * np.eye(design.shape[2])
        rhs = np.einsum("mki,mkq->miq", weight * design, values[index])
        return np.linalg.solve(gram, rhs)[:, 0]

    def mean(self, x: Float[np.ndarray, "m D"]) -> Float[np.ndarray, "m Q"]:
        """Mean functions at points."""
        return self.moments(x, variance=False)[0]

    def moments(
        self, x: Float[np.ndarray, "m D"], variance: bool
    ) -> tuple[Float[np.ndarray, "m Q"], Float[np.ndarray, "m E"] | None]:
        """Mean functions, and the variance of the functions along each direction, at points."""
        index, node = self._found(x)
        found = self.values[index]
        if not node.all():
            found[~node] = self._interpolate(x[~node], self.values)
        if not variance:
            return found, None
        return found, self.variance[index] + np.where(node[:, None], 0.0, self.between)

    def tree(self) -> dict[str, Any]:
        """Names and arrays, for `/surrogate`."""
        return {name: getattr(self, name) for name in ("nodes", "values", "directions", "variance", "between")}


def functions_from_tree(tree: Mapping[str, Any]) -> AxisFunctions | NodalFunctions:
    """The functions that `tree` of either kind described."""
    if "nodes" in tree:
        return NodalFunctions(
            *(np.asarray(tree[name]) for name in ("nodes", "values", "directions", "variance", "between"))
        )
    arrays = (np.asarray(tree[name]) for name in ("weights", "seen", "directions", "variance", "prior", "span"))
    return AxisFunctions(basis_of(tree["basis"]), *arrays)
