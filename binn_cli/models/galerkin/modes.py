"""Eigenvectors along one coordinate, in which its two forms are both diagonal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import linalg

from binn_cli.datasets.problem import MASS, Form
from binn_cli.errors import BinnError
from binn_cli.models.galerkin.system import System
from binn_cli.models.galerkin.train import needed, svd


class NotDiagonal(Exception):
    """The operator has no common eigenvectors; the text says along which coordinate."""


class TooManyModes(NotDiagonal):
    """It has them, but their combinations would not fit into memory."""


@dataclass(frozen=True)
class Modes:
    """Eigenvectors along a coordinate.

    Attributes:
        vectors: (n, r) coefficients, orthonormal with respect to the mass.
        eigenvalues: (r,) of the other form; None where there is none.
        form: the other form.
        loads: (r, s) the loads along this coordinate.
    """

    vectors: Float[np.ndarray, "n r"]
    eigenvalues: Float[np.ndarray, " r"] | None
    form: Form | None
    loads: Float[np.ndarray, "r s"]

    def factor(self, form: Form) -> Float[np.ndarray, " r"]:
        """What a form is in these coordinates."""
        return (
            self.eigenvalues if form == self.form and self.eigenvalues is not None else np.ones(self.vectors.shape[1])
        )


def pair_of_forms(system: System, name: str) -> tuple[Form, Form | None]:
    """The mass form and the other one along a coordinate.

    Raises:
        NotDiagonal: if there are more, or one is not symmetric.
    """
    forms = system.forms(name)
    if not all(form.symmetric for form in forms):
        raise NotDiagonal(f"{name} has a derivative of first order")
    if MASS in forms or len(forms) == 1:
        others = [form for form in forms if form != MASS]
        if len(others) > 1:
            raise NotDiagonal(f"{name} has {len(forms)} different forms")
        return MASS, others[0] if others else None
    masses = [form for form in forms if form.trial == 0 and _is_positive(system, name, form)]
    if len(forms) > 2 or not masses:
        raise NotDiagonal(f"{name} has {len(forms)} different forms")
    return masses[0], next(form for form in forms if form != masses[0])


def _is_positive(system: System, name: str, form: Form) -> bool:
    points = system.assemblies[name].space.breakpoints
    return bool(np.all(form.weight(np.linspace(points[0], points[-1], 257)) > 0))


def require_positive(system: System, name: str) -> None:
    """Raise where the only form along a coordinate has a weight that is not positive: it is a factor of the whole
    equation."""
    forms = system.forms(name)
    if len(forms) > 1 or forms[0].trial or forms[0].test:
        return
    (form,) = forms
    if not _is_positive(system, name, form):
        low, high = system.assemblies[name].space.breakpoints[[0, -1]]
        raise BinnError(
            f'the coefficient "{form.weight.text}" is not positive for all {name} from {low:g} to {high:g}: where it '
            "is zero or infinite the equation has no unique solution; choose another range (not through zero), or "
            "write a minus in front of the term"
        )


def modes_of(system: System, name: str, mass: Form, other: Form | None) -> Modes:
    """The eigenvectors of two forms along a coordinate; where there is only one, what spans the loads."""
    require_positive(system, name)
    assembly = system.assemblies[name]
    distinct = np.stack([load.vectors[name] for load in system.loads], axis=1)
    matrix = assembly.matrix(mass)
    if other is not None:
        eigenvalues, vectors = eigenpairs(assembly.matrix(other), matrix)
        return Modes(vectors, eigenvalues, other, vectors.T @ distinct)
    # Nothing acts along this coordinate, so the solution is in the span of the loads.
    lower = np.linalg.cholesky(matrix)
    left, sizes, right = svd(linalg.solve_triangular(lower, distinct, lower=True))
    kept = needed(sizes, 1e-14 * float(np.linalg.norm(sizes)))
    vectors = linalg.solve_triangular(lower.T, left[:, :kept])
    return Modes(vectors, None, None, sizes[:kept, None] * right[:kept])


def eigenpairs(
    other: Float[np.ndarray, "n n"], mass: Float[np.ndarray, "n n"]
) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n n"]]:
    """λ, rising, and v of B v = λ A v, the vectors orthonormal with respect to the mass A.

    Where B is a stiffness its eigenvalues differ by many orders, and the small ones matter: they are the inverses of
    the large ones of A v = μ (B + σ A) v, which are accurate to the last digits.
    """
    shift = 1e-3 * float(np.trace(other) / np.trace(mass)) / len(mass) ** 2
    try:
        inverse, vectors = linalg.eigh(mass, other + shift * mass)
    except linalg.LinAlgError:
        values, vectors = linalg.eigh(other, mass)
        return values, vectors
    if inverse[0] <= 0:
        values, vectors = linalg.eigh(other, mass)
        return values, vectors
    return 1.0 / inverse[::-1] - shift, (vectors / np.sqrt(inverse))[:, ::-1]


def outer(vectors: Sequence[Float[np.ndarray, " n"]]) -> Float[np.ndarray, "*n"]:
    """The outer product of vectors."""
    found = np.ones(())
    for vector in vectors:
        found = np.multiply.outer(found, vector)
    return found
