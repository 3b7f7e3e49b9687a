"""The same finite elements and time steps without Kronecker products: sparse matrices of the square, factorised for
each step."""

from __future__ import annotations

import numpy as np
import skfem
from scipy.sparse import csc_matrix
from scipy.sparse.linalg import splu
from skfem.helpers import dot, grad

from binn_cli.config.schema import HeatConfig
from binn_cli.datasets.heat_fem import parts, quadrature_points


def nodal_values(config: HeatConfig, k: float, step: int) -> tuple[np.ndarray, np.ndarray]:
    """Interior nodes (2, n) and u there for P = 1 after so many substeps."""
    side = np.linspace(0.0, 1.0, config.cells + 1)
    mesh = skfem.MeshQuad.init_tensor(side, side)
    element = {1: skfem.ElementQuad1, 2: skfem.ElementQuad2}[config.element_order]()
    basis = skfem.Basis(mesh, element, intorder=2 * config.element_order)
    fine = skfem.Basis(mesh, element, intorder=2 * quadrature_points(config) - 1)
    interior = basis.complement_dofs(basis.get_dofs())
    mass, stiffness = (
        csc_matrix(skfem.BilinearForm(form).assemble(basis))[interior][:, interior]
        for form in (lambda u, v, _: u * v, lambda u, v, _: dot(grad(u), grad(v)))
    )
    load = skfem.LinearForm(lambda v, w: source(w.x, config) * v).assemble(fine)[interior]
    implicit = {"crank_nicolson": 0.5, "backward_euler": 1.0}[config.scheme]
    u = np.zeros(len(interior))
    for done in range(step):
        length = config.end_time / ((config.times - 1) * config.substeps * parts(done))
        factors = splu(csc_matrix(mass + implicit * length * k * stiffness))
        for _ in range(parts(done)):
            u = factors.solve((mass - (1 - implicit) * length * k * stiffness) @ u + length * load)
    return basis.doflocs[:, interior], u


def source(x: np.ndarray, config: HeatConfig) -> np.ndarray:
    """b at points (2, …)."""
    return sum(
        np.exp(-2 * ((x[0] - cx) ** 2 + (x[1] - cy) ** 2) / config.source_radius**2) for cx, cy in config.source_centers
    )
