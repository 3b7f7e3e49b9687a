"""Compactly supported nonlinear interpolation of the C-HiDeNN kind, on equispaced nodes.

In every cell the hats of its two nodes blend two patch interpolants: phi_k(x) = sum_i hat_i(x) W^i_k(x), where W^i
interpolates on the 2 s + 1 nodes around node i with a radial basis of dilation a and the polynomials up to order p.
Hats and patch interpolants are one at their own node and zero at the others, and both reproduce what they contain; so
phi_k does too, while its support stays within s + 1 spacings. Equispaced nodes make every patch the same: one small
matrix holds all of them, and nodes beyond the domain take the place of special patches at its ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.arrays import Array
from binn_cli.models.binn.bases.base import namespace


@dataclass(frozen=True)
class Patch:
    """How a node's neighbourhood is interpolated.

    Attributes:
        size: s, nodes on either side.
        order: p, the highest power that is reproduced; at most 2 s, where the polynomials alone fill the patch.
        dilation: a, radius of the radial functions in spacings.
    """

    size: int = 2
    order: int = 4
    dilation: float = 4.0

    def coefficients(self) -> Float[np.ndarray, "T P"]:
        """Weights of the terms in the P = 2 s + 1 patch functions, which are one at their own node and zero at the
        others."""
        nodes = np.arange(-self.size, self.size + 1, dtype=np.float64)
        moments = np.concatenate(
            [radial_terms(nodes, self.size, self.dilation), power_terms(nodes, self.size, self.order)], axis=1
        )
        system = np.zeros((moments.shape[1],) * 2)
        system[: len(nodes)], system[len(nodes) :, : len(nodes)] = moments, moments[:, len(nodes) :].T
        return np.linalg.solve(system, np.eye(len(system), len(nodes)))


def radial_terms(t: Float[Array, " n"], size: int, dilation: float) -> Float[Array, "n P"]:
    """The cubic spline around each node of a patch, t spacings from its middle.

    This kernel is positive definite in one dimension, and its system stays well conditioned for long dilations, unlike
    a Gaussian's.
    """
    xp = namespace(t)
    z = xp.abs(t[:, None] - np.arange(-size, size + 1)) / dilation
    inner = 2.0 / 3.0 - 4.0 * z**2 + 4.0 * z**3
    return xp.where(z < 0.5, inner, 4.0 / 3.0 * xp.maximum(0.0, 1.0 - z) ** 3)


def power_terms(t: Float[Array, " n"], size: int, order: int) -> Float[Array, "n Q"]:
    """The Q = p + 1 powers, scaled so that they are at most one on the patch."""
    return (t[:, None] / size) ** np.arange(order + 1)


@dataclass(frozen=True)
class ChidennBasis:
    """Functions that are one at their own node, zero at every other, and sum to one where all nodes of a patch
    exist."""

    centers: Float[np.ndarray, " J"]
    spacing: float
    dilation: float
    coefficients: Float[np.ndarray, "T P"]

    @classmethod
    def of(cls, centers: Float[np.ndarray, " J"], spacing: float, patch: Patch) -> ChidennBasis:
        """The basis on the given equispaced nodes."""
        return cls(centers, spacing, float(patch.dilation), patch.coefficients())

    @property
    def patch(self) -> Patch:
        """How a node's neighbourhood is interpolated; the shape of the coefficients tells size and order."""
        terms, nodes = self.coefficients.shape
        return Patch((nodes - 1) // 2, terms - nodes - 1, float(self.dilation))

    def __call__(self, x: Float[Array, " n"]) -> Float[Array, "n J"]:
        """Values of the J functions at n points."""
        xp = namespace(x)
        terms, nodes = self.coefficients.shape
        size, order = (nodes - 1) // 2, terms - nodes - 1
        position = (x - self.centers[0]) / self.spacing
        cell = xp.floor(position)
        t = position - cell

        def interpolant(distance: Float[Array, " n"]) -> Float[Array, "n P"]:
            radial = radial_terms(distance, size, self.dilation)
            return radial @ self.coefficients[:nodes] + power_terms(distance, size, order) @ self.coefficients[nodes:]

        left, right = interpolant(t) * (1.0 - t)[:, None], interpolant(t - 1.0) * t[:, None]
        local = xp.pad(left, ((0, 0), (0, 1))) + xp.pad(right, ((0, 0), (1, 0)))
        # Only the 2 s + 2 nodes around a point's cell have a say: spread these few values over the J columns.
        reach = (xp.arange(self.centers.shape[0]) - (cell[:, None] - size)).astype(int)
        held = (reach >= 0) & (reach < local.shape[1])
        return xp.where(held, xp.take_along_axis(local, xp.where(held, reach, 0), axis=1), 0.0)
