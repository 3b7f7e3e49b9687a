"""Alternation over the coordinates of a tensor train, enriched by the residual: the solution where there are many
coordinates.

Every step solves the equation for one coordinate's core, with all others fixed, and adds directions of the residual to
the ranks, so that the next step can leave the present ranks (AMEn; Dolgov and Savostyanov, "Alternating minimal energy
methods for linear systems in higher dimensions", 2014). Between the steps the cores on either side are orthonormal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float
from scipy import linalg

from binn_cli.datasets.problem import Form, Term
from binn_cli.errors import BinnError, TooLarge
from binn_cli.models.galerkin.modes import NotDiagonal, eigenpairs, pair_of_forms, require_positive
from binn_cli.models.galerkin.sums import summed
from binn_cli.models.galerkin.system import System
from binn_cli.models.galerkin.train import Core, Train, needed, rounded, svd

ENRICHMENT = 2
"""Directions of the residual that are added to every rank."""

CUT = 1e-4
"""Share of a sweep's change, or of the tolerance, that is cut off from a core."""

MOST_CUT = 1e-6
"""What is cut off at most, as a share of the energy."""

MOST_SWEEPS = 40
MOST_RANK = 22
"""Products of functions between two coordinates at most, before the residual adds to them."""

STALLED_SWEEPS = 3
"""Sweeps without a smaller change after which more of them would not help."""

DENSE = 2600
"""Unknowns of a step that are solved for with one dense matrix."""

BLOCK = 640
"""Unknowns of a step for each eigenvector of its coordinate, where the operator is diagonal in these."""


@dataclass(frozen=True)
class Coordinates:
    """Orthonormal coordinates along one dimension, and the operator's matrices in them.

    Attributes:
        vectors: (n, n) coefficients of the coordinates' basis.
        matrices: by form; (n,) where all forms are diagonal, else (n, n).
        diagonal: whether they are.
    """

    vectors: Float[np.ndarray, "n n"]
    matrices: dict[Form, np.ndarray]
    diagonal: bool

    @property
    def energies(self) -> Float[np.ndarray, " n"]:
        """Roots of the coordinates' eigenvalues, as far as there are positive ones, over the smallest."""
        found = np.ones(len(self.vectors))
        for form, values in self.matrices.items():
            if self.diagonal and form.trial == 1 and values[0] > 0:
                found = np.sqrt(1.0 + values / values[0])
        return found


@dataclass(frozen=True)
class Progress:
    """How the alternation went.

    Attributes:
        residuals: (sweeps,) largest residual of a step before it was solved, over its right-hand side.
        changes: (sweeps,) largest change of a step, over its solution.
        converged: whether the last change was small enough.
    """

    residuals: Float[np.ndarray, " s"]
    changes: Float[np.ndarray, " s"]
    converged: bool


def coordinates_of(system: System, name: str) -> Coordinates:
    """Eigenvectors of the two forms of a dimension, or any orthonormal basis where there are more."""
    assembly, forms = system.assemblies[name], system.forms(name)
    require_positive(system, name)
    try:
        mass, other = pair_of_forms(system, name)
    except NotDiagonal:
        vectors = linalg.inv(np.linalg.cholesky(assembly.mass)).T
        return Coordinates(vectors, {form: vectors.T @ assembly.matrix(form) @ vectors for form in forms}, False)
    matrix = assembly.matrix(mass)
    if other is None:
        return Coordinates(linalg.inv(np.linalg.cholesky(matrix)).T, {mass: np.ones(len(matrix))}, True)
    eigenvalues, vectors = eigenpairs(assembly.matrix(other), matrix)
    return Coordinates(vectors, {mass: np.ones(len(matrix)), other: eigenvalues}, True)


def solve_alternating(
    system: System, tolerance: float, announce: Callable[[int, float], None] = lambda sweep, residual: None
) -> tuple[Train, Progress]:
    """The Galerkin solution as a tensor train.

    Args:
        system: a problem in spaces.
        tolerance: largest change of a sweep, over the norm of the solution.
        announce: called after every sweep with its number and residual.

    Raises:
        TooLarge: if a step has too many unknowns.
        BinnError: if it has no solution.
    """
    found = {name: coordinates_of(system, name) for name in system.assemblies}
    operator = _operator(system.problem.operator, system, found)
    time = system.problem.time
    loads = []
    for load in system.loads:
        vectors = dict(load.vectors) | ({} if time is None else {time.name: system.time_vector(load)})
        loads.append([own.vectors.T @ vectors[name] for name, own in found.items()])
    right = summed([load.coefficient for load in system.loads], loads)
    energies = [own.energies for own in found.values()]
    cores, progress = _Alternation(operator, right, energies).run(tolerance, announce)
    named = zip(found.values(), cores, strict=True)
    return Train(system.spaces, tuple(np.einsum("nm,amb->anb", own.vectors, core) for own, core in named)), progress


def _operator(terms: Sequence[Term], system: System, coordinates: dict[str, Coordinates]) -> list[np.ndarray]:
    """The operator as a train of matrices: (a, n, b) where a dimension is diagonal, else (a, n, n, b)."""
    flat = [[own.matrices[system.form(term, name)].ravel() for name, own in coordinates.items()] for term in terms]
    cores = summed([term.coefficient for term in terms], flat)
    found = []
    for core, own in zip(cores, coordinates.values(), strict=True):
        a, _, b = core.shape
        n = len(own.vectors)
        found.append(core if own.diagonal else core.reshape(a, n, n, b))
    return found


class _Alternation:
    """The state of the sweeps: cores of the solution x and of the residual z, and what stands left and right of the
    present one."""

    def __init__(
        self, operator: Sequence[np.ndarray], right: Sequence[Core], energies: Sequence[Float[np.ndarray, " n"]]
    ) -> None:
        draw = np.random.default_rng(0)
        sizes, last = [core.shape[1] for core in right], len(right) - 1
        self.operator, self.right, self.energies = list(operator), list(right), list(energies)
        # The right-hand side is a better start than noise, whose products over many coordinates are far from any
        # solution.
        self.x = [np.asarray(core) for core in rounded(right, 1e-2, ENRICHMENT)]
        self.z: list[Core] = [
            draw.standard_normal((1 if d == 0 else ENRICHMENT, n, 1 if d == last else ENRICHMENT))
            for d, n in enumerate(sizes)
        ]

    def run(self, tolerance: float, announce: Callable[[int, float], None]) -> tuple[list[Core], Progress]:
        """Sweep until nothing changes."""
        residuals: list[float] = []
        changes: list[float] = []
        best, stalled = np.inf, 0
        for sweep in range(MOST_SWEEPS):
            self._to_the_left()
            # What is far below the present change is no part of the solution yet, and would only fill the ranks.
            present = changes[-1] if changes else 1.0
            residual, change = self._sweep(max(CUT * tolerance, min(CUT * present, MOST_CUT)))
            residuals.append(residual)
            changes.append(change)
            announce(sweep + 1, residual)
            if change < tolerance:
                break
            # Round-off keeps ill-conditioned systems from changing less: then more sweeps do not help.
            if sweep > 8 and change > 0.5 * best and change < 1e3 * tolerance:
                break
            stalled = stalled + 1 if change > 0.5 * best else 0
            if stalled >= STALLED_SWEEPS and sweep > 8:
                break
            best = min(best, change)
        progress = Progress(np.array(residuals), np.array(changes), changes[-1] < 1e3 * tolerance)
        return rounded(self.x, 0.1 * tolerance), progress

    def _to_the_left(self) -> None:
        """Make all cores but the first orthonormal, and build what stands right of every core."""
        self.x, self.z = _orthonormal(self.x), _orthonormal(self.z)
        one = np.ones((1, 1, 1))
        self.right_xa: list[np.ndarray] = [one] * (len(self.x) + 1)
        self.right_za: list[np.ndarray] = [one] * (len(self.x) + 1)
        self.right_xf: list[np.ndarray] = [one[0]] * (len(self.x) + 1)
        self.right_zf: list[np.ndarray] = [one[0]] * (len(self.x) + 1)
        for d in range(len(self.x) - 1, 0, -1):
            self.right_xa[d] = _from_right(self.right_xa[d + 1], self.x[d], self.operator[d], self.x[d])
            self.right_za[d] = _from_right(self.right_za[d + 1], self.z[d], self.operator[d], self.x[d])
            self.right_xf[d] = _load_from_right(self.right_xf[d + 1], self.x[d], self.right[d])
            self.right_zf[d] = _load_from_right(self.right_zf[d + 1], self.z[d], self.right[d])

    def _sweep(self, cut: float) -> tuple[float, float]:
        """Solve for every core from left to right, without a share `cut` of its energy; gives the largest residual and
        change."""
        xa = za = np.ones((1, 1, 1))
        xf = zf = np.ones((1, 1))
        worst = largest = 0.0
        for d, core in enumerate(self.x):
            a, f = self.operator[d], self.right[d]
            target = _load(xf, f, self.right_xf[d + 1])
            solved = _solved(xa, a, self.right_xa[d + 1], target)
            size = float(np.linalg.norm(target)) or 1.0
            worst = max(worst, float(np.linalg.norm(_applied(xa, a, self.right_xa[d + 1], core) - target)) / size)
            largest = max(largest, float(np.linalg.norm(solved - core)) / (float(np.linalg.norm(solved)) or 1.0))
            if d == len(self.x) - 1:
                self.x[d] = solved
                break
            r, n, q = solved.shape
            left, rest = _truncated(solved, self.energies[d], cut)
            kept = left.shape[1]
            kept_core = (left @ rest).reshape(r, n, q)
            missing = _load(xf, f, self.right_zf[d + 1]) - _applied(xa, a, self.right_za[d + 1], kept_core)
            all_missing = _load(zf, f, self.right_zf[d + 1]) - _applied(za, a, self.right_za[d + 1], kept_core)
            orthonormal, change = np.linalg.qr(np.concatenate([left, missing.reshape(r * n, -1)], axis=1))
            self.x[d] = orthonormal.reshape(r, n, -1)
            self.x[d + 1] = np.tensordot(change[:, :kept] @ rest, self.x[d + 1], axes=1)
            rz, _, qz = all_missing.shape
            self.z[d] = svd(all_missing.reshape(rz * n, qz))[0][:, :ENRICHMENT].reshape(rz, n, -1)
            za, zf = _from_left(za, self.z[d], a, self.x[d]), _load_from_left(zf, self.z[d], f)
            xa, xf = _from_left(xa, self.x[d], a, self.x[d]), _load_from_left(xf, self.x[d], f)
        return worst, largest


def _truncated(
    core: Core, energies: Float[np.ndarray, " n"], tolerance: float
) -> tuple[Float[np.ndarray, "rn k"], Float[np.ndarray, "k q"]]:
    """Orthonormal columns and what they are multiplied by, up to a share of the core's energy.

    What is cut off must be small in energy, not only in size: the next steps minimise the energy of the error, in which
    a small part of a high frequency is large.
    """
    r, n, q = core.shape
    weights = np.tile(energies, r)[:, None]
    left, sizes, right = svd(weights * core.reshape(r * n, q))
    kept = needed(sizes, tolerance * float(np.linalg.norm(sizes)), MOST_RANK)
    orthonormal, change = np.linalg.qr(left[:, :kept] / weights)
    return orthonormal, change @ (sizes[:kept, None] * right[:kept])


def _orthonormal(cores: Sequence[Core]) -> list[Core]:
    """The same train with all cores but the first orthonormal."""
    found = list(cores)
    for d in range(len(found) - 1, 0, -1):
        r, n, q = found[d].shape
        orthonormal, rest = np.linalg.qr(found[d].reshape(r, n * q).T)
        found[d] = orthonormal.T.reshape(-1, n, q)
        found[d - 1] = np.tensordot(found[d - 1], rest, axes=(2, 1))
    return found


def _along(operator: np.ndarray, core: Core) -> Float[np.ndarray, "a n b r q"]:
    """A dimension's operator applied to a core."""
    if operator.ndim == 3:
        return np.einsum("anb,rnq->anbrq", operator, core)
    return np.tensordot(operator, core, axes=(2, 1))


def _from_left(left: np.ndarray, test: Core, operator: np.ndarray, trial: Core) -> Float[np.ndarray, "v b q"]:
    """What stands left of the next core: test, operator and trial contracted. `left` is (v, a, r)."""
    applied = np.tensordot(left, _along(operator, trial), axes=((1, 2), (0, 3)))  # v, n, b, q
    return np.tensordot(test, applied, axes=((0, 1), (0, 1)))


def _from_right(right: np.ndarray, test: Core, operator: np.ndarray, trial: Core) -> Float[np.ndarray, "v a r"]:
    """The same from the right; `right` is (v, b, q)."""
    applied = np.tensordot(_along(operator, trial), right, axes=((2, 4), (1, 2)))  # a, n, r, v
    return np.tensordot(test, applied, axes=((1, 2), (1, 3)))


def _load_from_left(left: np.ndarray, test: Core, load: Core) -> Float[np.ndarray, "v q"]:
    return np.tensordot(test, np.tensordot(left, load, axes=(1, 0)), axes=((0, 1), (0, 1)))


def _load_from_right(right: np.ndarray, test: Core, load: Core) -> Float[np.ndarray, "v r"]:
    return np.tensordot(test, np.tensordot(load, right, axes=(2, 1)), axes=((1, 2), (1, 2)))


def _load(left: np.ndarray, load: Core, right: np.ndarray) -> Core:
    return np.tensordot(np.tensordot(left, load, axes=(1, 0)), right, axes=(2, 1))


def _applied(left: np.ndarray, operator: np.ndarray, right: np.ndarray, core: Core) -> Core:
    inside = np.tensordot(left, _along(operator, core), axes=((1, 2), (0, 3)))  # v, n, b, q
    return np.tensordot(inside, right, axes=((2, 3), (1, 2)))


def _solved(left: np.ndarray, operator: np.ndarray, right: np.ndarray, target: Core) -> Core:
    """The core for which the equation holds against all products of the neighbours' functions."""
    r, n, q = target.shape
    try:
        if operator.ndim == 3:
            if r * q > BLOCK:
                raise TooLarge(
                    f"the solution needs more than {int(np.sqrt(BLOCK))} products of functions; take fewer points or "
                    "a smoother source"
                )
            partial = np.einsum("var,anb->nvrb", left, operator)
            blocks = np.tensordot(partial, right, axes=(3, 1)).transpose(0, 1, 3, 2, 4).reshape(n, r * q, r * q)
            solved = np.linalg.solve(blocks, target.transpose(1, 0, 2).reshape(n, r * q, 1))
            return solved.reshape(n, r, q).transpose(1, 0, 2)
        if r * n * q > DENSE:
            raise TooLarge(
                f"a step of the alternation has {r * n * q:,} unknowns, more than {DENSE:,}; take fewer points"
            )
        partial = np.tensordot(left, operator, axes=(1, 0))  # v, r, m, n, b
        matrix = np.tensordot(partial, right, axes=(4, 1)).transpose(0, 2, 4, 1, 3, 5)  # v, m, w, r, n, q
        return np.linalg.solve(matrix.reshape(r * n * q, r * n * q), target.ravel()).reshape(r, n, q)
    except np.linalg.LinAlgError as error:
        raise BinnError(
            "the equation has no unique solution: a step of the alternation met a singular matrix"
        ) from error
