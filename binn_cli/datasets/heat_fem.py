"""The heat equation on the unit square by finite elements, at unit source strength.

u_t − kΔu = b on (0, 1)² × (0, T], u = 0 on the boundary and at t = 0, b = Σ_i exp(−2|x − x_i|²/r0²). Eq. 36 of the
paper prints +kΔu, the ill-posed backward equation; the sign here is the correct one.

On a mesh of squares the matrices are Kronecker products of those of one side, M ⊗ M and K ⊗ M + M ⊗ K, so that one
small eigenvalue problem K v = λ M v diagonalises both for every k (fast diagonalisation: Lynch, Rice and Thomas,
"Direct solution of partial difference equations by tensor product methods", 1964). A step of the theta scheme is then
one product and one sum for each pair of eigenvectors.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.interpolate import make_interp_spline
from scipy.linalg import eigh

from binn_cli.config.schema import HeatConfig
from binn_cli.errors import ConfigError

VERSION = "heat-fem/2"
"""Changes whenever the same configuration gives other values, so that cached solutions of before are not used."""

START_PARTS = 16
"""Into how many parts the very first substep is divided; see `parts`."""

MOST_POINTS = 1500
"""Gauss points along a side that a narrow source may ask for; one narrower still is no more than a point on any
mesh."""


class System(NamedTuple):
    """The semi-discrete equation M u' + k K u = F of the interior nodes, in the eigenvectors of one side.

    Attributes:
        vectors: V, (n, n), a column each, with VᵀMV = 1 for the mass matrix M of one side; u = V c Vᵀ on the grid of
            interior nodes.
        rates: λ, (n,), so that c_ij decays with k (λ_i + λ_j).
        load: VᵀFV, (n, n), for P = 1.
        nodes: (n + 2,) coordinates of the nodes along a side, boundary included.
    """

    vectors: Float[np.ndarray, "n n"]
    rates: Float[np.ndarray, " n"]
    load: Float[np.ndarray, "n n"]
    nodes: Float[np.ndarray, " m"]


def parts(step: int) -> int:
    """Into how many equal parts substep number `step` (from 0) is divided: 16, 8, 8, 4, 4, 4, 4, 2, …, 1.

    The source is switched on at t = 0, and narrow sources excite modes that decay faster than one substep; a step
    length in proportion to the time since the start keeps the relative error about even, at the price of 48 more steps.
    """
    return max(1, START_PARTS >> ((step + 1).bit_length() - 1))


class HeatSolver:
    """Finite elements in space and a theta scheme in time on one mesh of squares."""

    def __init__(self, config: HeatConfig) -> None:
        """Nothing is assembled before the first solve.

        Raises:
            ConfigError: if the sources are too narrow to be integrated.
        """
        most = max(5, MOST_POINTS // config.cells)
        if quadrature_points(config) > most:
            problem = (
                f"must be at least {4 / (config.cells * (most - 3)):.2g} on {config.cells} cells, not "
                f"{config.source_radius:g}"
            )
            raise ConfigError("dataset.source_radius", f"{problem}: too narrow to be integrated")
        self._config = config
        self.solves = 0
        """How many time integrations have been done."""

    @cached_property
    def _system(self) -> System:
        return assembled(self._config)

    def solution(
        self, k: float, x: Float[np.ndarray, " nx"], y: Float[np.ndarray, " ny"], steps: Int[np.ndarray, " nt"]
    ) -> Float[np.ndarray, "nx ny nt"]:
        """u for P = 1 at the product of the points x and y, after the given numbers of substeps.

        Between the nodes the values come from the quintic spline through the nodal ones: with quadratic elements these
        are fourth-order accurate, whereas the finite-element function itself is third-order (a factor of 15 at the
        default mesh).

        Args:
            k: conductivity, greater than 0.
            x: coordinates in [0, 1].
            y: coordinates in [0, 1].
            steps: rising numbers of substeps since t = 0; 0 is t = 0 itself.
        """
        system, config = self._system, self._config
        substep = config.end_time / ((config.times - 1) * config.substeps)
        implicit = {"crank_nicolson": 0.5, "backward_euler": 1.0}[config.scheme]
        # From coefficients to values at the points; the boundary's nodes are zero.
        to_x, to_y = (spline_rows(system.nodes, points)[:, 1:-1] @ system.vectors for points in (x, y))
        rate = k * (system.rates[:, None] + system.rates)
        wanted = {int(step): column for column, step in enumerate(steps)}
        values = np.zeros((len(x), len(y), len(steps)))
        u, divided = np.zeros_like(rate), 0
        for step in range(max(wanted)):
            if parts(step) != divided:
                divided = parts(step)
                length = substep / divided
                scale = 1 + implicit * length * rate
                kept, added = (1 - (1 - implicit) * length * rate) / scale, length * system.load / scale
            for _ in range(divided):
                u = kept * u + added
            if (column := wanted.get(step + 1)) is not None:
                values[:, :, column] = to_x @ u @ to_y.T
        self.solves += 1
        return values


def quadrature_points(config: HeatConfig) -> int:
    """Gauss points along x in a cell, with which the load is integrated: at least five, more where a cell is wider than
    a source."""
    return max(5, math.ceil(4 / (config.cells * config.source_radius)) + 3)


def assembled(config: HeatConfig) -> System:
    """The system on `cells` × `cells` squares of the given element order."""
    import skfem
    from skfem.helpers import dot, grad

    mesh = skfem.MeshLine(np.linspace(0.0, 1.0, config.cells + 1))
    element = {1: skfem.ElementLineP1, 2: skfem.ElementLineP2}[config.element_order]()
    basis = skfem.Basis(mesh, element, intorder=2 * config.element_order)
    fine = skfem.Basis(mesh, element, intorder=2 * quadrature_points(config) - 1)
    order = np.argsort(basis.doflocs[0])
    interior = order[1:-1]
    mass = skfem.BilinearForm(lambda u, v, _: u * v).assemble(basis).toarray()
    stiffness = skfem.BilinearForm(lambda u, v, _: dot(grad(u), grad(v))).assemble(basis).toarray()
    rates, vectors = eigh(stiffness[np.ix_(interior, interior)], mass[np.ix_(interior, interior)])

    def of_sources(centers: Float[np.ndarray, " s"]) -> Float[np.ndarray, "n s"]:
        """Coefficients of every source's factor along one side."""
        forms = [
            skfem.LinearForm(lambda v, w, at=at: np.exp(-2 * ((w.x[0] - at) / config.source_radius) ** 2) * v)
            for at in centers
        ]
        return vectors.T @ np.stack([form.assemble(fine)[interior] for form in forms], axis=1)

    along_x, along_y = (of_sources(centers) for centers in np.asarray(config.source_centers, dtype=np.float64).T)
    return System(vectors, rates, along_x @ along_y.T, basis.doflocs[0, order])


def spline_rows(nodes: Float[np.ndarray, " m"], points: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n m"]:
    """The matrix that takes nodal values to the values of their interpolating spline, quintic where there are nodes
    enough."""
    return make_interp_spline(nodes, np.eye(len(nodes)), k=min(5, len(nodes) - 1))(points)
