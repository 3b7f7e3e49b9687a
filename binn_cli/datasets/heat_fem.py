"""The heat equation on the unit square by finite elements, at unit source strength.

u_t − kΔu = b on (0, 1)² × (0, T], u = 0 on the boundary and at t = 0, b = Σ_i exp(−2|x − x_i|²/r0²). Eq. 36 of the paper prints
+kΔu, the ill-posed backward equation; the sign here is the correct one.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.interpolate import make_interp_spline
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import SuperLU, splu

from binn_cli.config.schema import HeatConfig
from binn_cli.errors import ConfigError

VERSION = "heat-fem/1"
"""Changes whenever the same configuration gives other values, so that cached solutions of before are not used."""

START_PARTS = 16
"""Into how many parts the very first substep is divided; see `parts`."""

MOST_POINTS = 1500
"""Gauss points along a side that a narrow source may ask for: their squares are held in memory."""


class System(NamedTuple):
    """The semi-discrete equation M u' + k K u = F of the interior nodes.

    Attributes:
        mass: M, (n, n).
        stiffness: K, (n, n), for k = 1.
        load: F, (n,), for P = 1.
        nodes: (m,) coordinates of the nodes along a side, boundary included.
        position: (n,) where each unknown stands in the flattened (m, m) grid of nodes.
    """

    mass: csr_matrix
    stiffness: csr_matrix
    load: Float[np.ndarray, " n"]
    nodes: Float[np.ndarray, " m"]
    position: Int[np.ndarray, " n"]


def parts(step: int) -> int:
    """Into how many equal parts substep number `step` (from 0) is divided: 16, 8, 8, 4, 4, 4, 4, 2, …, 1.

    The source is switched on at t = 0, and narrow sources excite modes that decay faster than one substep; a step length
    in proportion to the time since the start keeps the relative error about even, at the price of 48 more steps.
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
            problem = f"must be at least {4 / (config.cells * (most - 3)):.2g} on {config.cells} cells, not {config.source_radius:g}"
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

        Between the nodes the values come from the quintic spline through the nodal ones: with quadratic elements these are
        fourth-order accurate, whereas the finite-element function itself is third-order (a factor of 15 at the default mesh).

        Args:
            k: conductivity, greater than 0.
            x: coordinates in [0, 1].
            y: coordinates in [0, 1].
            steps: rising numbers of substeps since t = 0; 0 is t = 0 itself.
        """
        system, config = self._system, self._config
        substep = config.end_time / ((config.times - 1) * config.substeps)
        implicit = {"crank_nicolson": 0.5, "backward_euler": 1.0}[config.scheme]
        along_x, along_y = spline_rows(system.nodes, x), spline_rows(system.nodes, y)
        wanted = {int(step): column for column, step in enumerate(steps)}
        values = np.zeros((len(x), len(y), len(steps)))
        u, grid, divided = np.zeros(len(system.load)), np.zeros(len(system.nodes) ** 2), 0
        for step in range(max(wanted)):
            if parts(step) != divided:
                divided = parts(step)
                length = substep / divided
                factors = _factorised(system.mass + implicit * length * k * system.stiffness)
                explicit = system.mass - (1 - implicit) * length * k * system.stiffness
            for _ in range(divided):
                u = factors.solve(explicit @ u + length * system.load)
            if (column := wanted.get(step + 1)) is not None:
                grid[system.position] = u
                values[:, :, column] = along_x @ grid.reshape(len(system.nodes), -1) @ along_y.T
        self.solves += 1
        return values


def quadrature_points(config: HeatConfig) -> int:
    """Gauss points along x in a cell, with which the load is integrated: at least five, more where a cell is wider than a source."""
    return max(5, math.ceil(4 / (config.cells * config.source_radius)) + 3)


def assembled(config: HeatConfig) -> System:
    """Mass, stiffness and load on `cells` × `cells` squares of the given element order."""
    import skfem
    from skfem.helpers import dot, grad

    side = np.linspace(0.0, 1.0, config.cells + 1)
    mesh = skfem.MeshQuad.init_tensor(side, side)
    element = {1: skfem.ElementQuad1, 2: skfem.ElementQuad2}[config.element_order]()
    basis = skfem.Basis(mesh, element, intorder=2 * config.element_order)
    fine = skfem.Basis(mesh, element, intorder=2 * quadrature_points(config) - 1)
    interior = basis.complement_dofs(basis.get_dofs())
    mass = skfem.BilinearForm(lambda u, v, _: u * v).assemble(basis)
    stiffness = skfem.BilinearForm(lambda u, v, _: dot(grad(u), grad(v))).assemble(basis)
    load = skfem.LinearForm(lambda v, w: _source(w.x, config) * v).assemble(fine)
    m = config.element_order * config.cells + 1
    i, j = np.rint(basis.doflocs[:, interior] * (m - 1)).astype(int)
    return System(
        csr_matrix(mass)[interior][:, interior],
        csr_matrix(stiffness)[interior][:, interior],
        load[interior],
        np.linspace(0, 1, m),
        i * m + j,
    )


def spline_rows(nodes: Float[np.ndarray, " m"], points: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n m"]:
    """The matrix that takes nodal values to the values of their interpolating spline, quintic where there are nodes enough."""
    return make_interp_spline(nodes, np.eye(len(nodes)), k=min(5, len(nodes) - 1))(points)


def _source(x: Float[np.ndarray, "2 *quadrature"], config: HeatConfig) -> Float[np.ndarray, "*quadrature"]:
    total = np.zeros(x.shape[1:])
    for cx, cy in config.source_centers:
        total += np.exp(-2 * ((x[0] - cx) ** 2 + (x[1] - cy) ** 2) / config.source_radius**2)
    return total


def _factorised(matrix: csr_matrix) -> SuperLU:
    # The matrix is symmetric and positive definite: no pivoting, and an ordering that keeps the fill-in small.
    return splu(matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
