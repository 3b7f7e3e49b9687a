"""Simultaneous diagonalisation: the direct solution where every coordinate has at most two forms.

A coordinate with a mass form A and another symmetric form B has eigenvectors of B v = λ A v, in which both are diagonal
(fast diagonalisation; Lynch, Rice and Thomas, 1964). If all coordinates but time are such, the operator is diagonal,
and time remains a scalar equation for every combination of eigenvalues. Where there are too many combinations, a
coordinate keeps only the Ritz vectors of a small space that holds exp(-τ A⁻¹ B) f for all τ ≥ 0, which the solution is
a combination of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.problem import MASS, SPACE
from binn_cli.errors import BinnError
from binn_cli.models.galerkin.evolution import Family
from binn_cli.models.galerkin.forms import is_time_derivative
from binn_cli.models.galerkin.modes import Modes, NotDiagonal, TooManyModes, modes_of, outer, pair_of_forms
from binn_cli.models.galerkin.system import Loaded, System
from binn_cli.models.galerkin.train import Train, from_tensor, needed, svd

MOST_COMBINATIONS = 8_000_000
"""Combinations of eigenvalues up to which they are all computed."""

MOST_NUMBERS = 60_000_000
"""Numbers of the largest array."""

RITZ_VECTORS = 30
"""About how many modes a reduced coordinate has."""

TIMES = 160
"""Values of τ whose exponentials span a reduced space."""

RESONANCE = 1e-9
"""Smallest eigenvalue of the whole operator, over the largest of its terms there, that counts as another value than
zero."""

ZERO_EIGENVALUE = 1e-12
"""The same over the eigenvalue in the middle."""

GROWTH = 50.0
"""Largest exponent by which a solution may grow in time."""


@dataclass(frozen=True)
class Spectrum:
    """What diagonalisation tells about the operator.

    Attributes:
        smallest: the eigenvalue of smallest size, which says how far an error of the right-hand side can be amplified.
        definite: whether all eigenvalues have one sign.
        combinations: how many there are.
    """

    smallest: float
    definite: bool
    combinations: int


def solve_diagonal(system: System, tolerance: float) -> tuple[Train, Spectrum]:
    """The Galerkin solution.

    Args:
        system: a problem in spaces.
        tolerance: what compression may change, over the norm of the solution.

    Raises:
        NotDiagonal: if the operator has no common eigenvectors, or (TooManyModes) too many combinations of them.
        BinnError: if it has the eigenvalue zero.
    """
    names = [name for name in system.assemblies if name != _time(system)]
    pairs = {name: pair_of_forms(system, name) for name in names}
    if (time := _time(system)) is not None:
        for form in system.forms(time):
            if form != MASS and not (is_time_derivative(form) and form.weight.text == "1"):
                raise NotDiagonal(f"{time} has other forms than the derivative and the mass")
    modes = {name: modes_of(system, name, *pairs[name]) for name in names}
    _require_forwards(system, modes)
    modes = _reduced(system, modes, tolerance)
    weights = _weights(system, modes, derivative=False)
    if time is None:
        spectrum = _checked(weights, _sizes(system, modes))
        core = _sum_of_loads(system.loads, modes, names) / weights
        return _train(system, core, {name: modes[name].vectors for name in names}, tolerance), spectrum
    return _evolved(system, modes, weights, tolerance)


def combinations(system: System) -> float:
    """Combinations of eigenvalues that would be needed: all where nothing can be reduced."""
    count = 1.0
    for name, assembly in system.assemblies.items():
        if name != _time(system) and pair_of_forms(system, name)[1] is not None:
            reducible = assembly.variable.kind == SPACE and _time(system) is not None
            count *= min(assembly.space.size, RITZ_VECTORS) if reducible else assembly.space.size
    return count


def _time(system: System) -> str | None:
    return None if system.problem.time is None else system.problem.time.name


def _reduced(system: System, modes: Mapping[str, Modes], tolerance: float) -> dict[str, Modes]:
    """Fewer modes along spatial coordinates, where there would be too many combinations."""
    found = dict(modes)
    evolves = system.problem.time is not None
    for variable in system.problem.variables:
        own = found.get(variable.name)
        if own is None or variable.kind != SPACE or own.eigenvalues is None or own.eigenvalues[0] < 0:
            continue
        if evolves:
            found[variable.name] = _ritz(own, tolerance)
    return found


def _ritz(modes: Modes, tolerance: float) -> Modes:
    """The Ritz vectors of the span of exp(-τ λ) f over all τ ≥ 0."""
    eigenvalues = modes.eigenvalues
    assert eigenvalues is not None
    highest = float(eigenvalues[-1])
    lowest = max(float(eigenvalues[0]), 1e-3 * float(np.median(eigenvalues)), 1e-12 * highest)
    times = np.concatenate([[0.0], np.geomspace(1e-2 / highest, 50.0 / lowest, TIMES)])
    snapshots = (np.exp(-np.outer(eigenvalues, times))[:, :, None] * modes.loads[:, None, :]).reshape(
        len(eigenvalues), -1
    )
    norms = np.linalg.norm(snapshots, axis=0)
    snapshots = snapshots[:, norms > 0] / norms[norms > 0]
    left, sizes, _ = svd(snapshots)
    basis = left[:, : needed(sizes, tolerance * float(np.linalg.norm(sizes)))]
    values, rotation = np.linalg.eigh(basis.T @ (eigenvalues[:, None] * basis))
    basis = basis @ rotation
    return Modes(modes.vectors @ basis, values, modes.form, basis.T @ modes.loads)


def _weights(system: System, modes: Mapping[str, Modes], *, derivative: bool) -> Float[np.ndarray, "*r"]:
    """The eigenvalues of the terms with a time derivative, or of those without, for every combination of modes."""
    time, shape = _time(system), [len(mode.loads) for mode in modes.values()]
    total = np.zeros(shape)
    for term in system.problem.operator:
        if (time is not None and is_time_derivative(system.form(term, time))) == derivative:
            factors = [mode.factor(system.form(term, name)) for name, mode in modes.items()]
            total += term.coefficient * outer(factors)
    return total


def _sizes(system: System, modes: Mapping[str, Modes]) -> Float[np.ndarray, "*r"]:
    """Sum of the terms' sizes, against which cancellation is judged."""
    total = np.zeros([len(mode.loads) for mode in modes.values()])
    for term in system.problem.operator:
        total += np.abs(
            term.coefficient * outer([mode.factor(system.form(term, name)) for name, mode in modes.items()])
        )
    return total


def _checked(weights: Float[np.ndarray, "*r"], sizes: Float[np.ndarray, "*r"]) -> Spectrum:
    smallest = weights.ravel()[np.argmin(np.abs(weights))]
    if np.min(np.abs(weights) / sizes) < RESONANCE or abs(smallest) < ZERO_EIGENVALUE * np.median(np.abs(weights)):
        raise BinnError(
            "the equation has no unique solution: its operator has the eigenvalue zero (a resonance, a coefficient "
            "that passes through "
            "zero, or values that no boundary condition fixes)"
        )
    return Spectrum(float(smallest), bool(np.all(weights > 0) or np.all(weights < 0)), weights.size)


def _sum_of_loads(loads: Sequence[Loaded], modes: Mapping[str, Modes], names: Sequence[str]) -> Float[np.ndarray, "*r"]:
    """The right-hand side for every combination of modes."""
    return _summed(range(len(loads)), loads, modes, names)


def _summed(
    rows: Sequence[int] | range, loads: Sequence[Loaded], modes: Mapping[str, Modes], names: Sequence[str]
) -> Float[np.ndarray, "*r"]:
    total = np.zeros([len(modes[name].loads) for name in names])
    for row in rows:
        total += loads[row].coefficient * outer([modes[name].loads[:, row] for name in names])
    return total


def _backwards(time: str) -> BinnError:
    return BinnError(
        f"the equation runs backwards in {time}: a coefficient has the wrong sign, so that the solution would grow "
        "without bound; choose a range of parameters in which it is positive (not through zero)"
    )


def _require_forwards(system: System, modes: Mapping[str, Modes]) -> None:
    """Raise where the highest frequencies grow: then there is a solution at most by accident."""
    time = system.problem.time
    if time is None:
        return
    spatial = [variable.name for variable in system.problem.variables if variable.kind == SPACE]
    highest = {
        name: Modes(own.vectors[:, -1:], own.eigenvalues[-1:], own.form, own.loads[-1:])
        if name in spatial and own.eigenvalues is not None
        else own
        for name, own in modes.items()
    }
    derivative = _weights(system, highest, derivative=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = _weights(system, highest, derivative=False) / derivative
    if float(np.nanmin(rates)) * (time.high - time.low) < -GROWTH:
        raise _backwards(time.name)


def _evolved(
    system: System, modes: Mapping[str, Modes], weights: Float[np.ndarray, "*r"], tolerance: float
) -> tuple[Train, Spectrum]:
    time, names = _time(system), list(modes)
    assert time is not None
    derivative = _weights(system, modes, derivative=True)
    if not (np.all(derivative > 0) or np.all(derivative < 0)):
        raise BinnError(
            f"the coefficient of the derivative along {time} passes through zero; choose ranges in which it does not"
        )
    rates = weights / derivative
    duration = float(np.ptp(system.assemblies[time].space.breakpoints))
    if float(rates.min()) * duration < -GROWTH:
        raise _backwards(time)
    sources = list(dict.fromkeys(load.time for load in system.loads))
    family = Family.of(system.assemblies[time].space, float(rates.min()), float(rates.max()), sources, tolerance)  # type: ignore[arg-type]
    if rates.size * family.functions.shape[1] > MOST_NUMBERS:
        raise TooManyModes(f"{rates.size:,} combinations of modes are too many")
    core = np.zeros((*rates.shape, family.functions.shape[1]))
    for number, source in enumerate(sources):
        rows = [row for row, load in enumerate(system.loads) if load.time == source]
        core += (_summed(rows, system.loads, modes, names) / derivative)[..., None] * family.at(number, rates)
    spectrum = Spectrum(float(rates.min()), True, rates.size)
    position = list(system.assemblies).index(time)
    core = np.moveaxis(core, -1, position)
    factors = {name: modes[name].vectors for name in names} | {time: family.functions}
    return _train(system, core, factors, tolerance), spectrum


def _train(
    system: System, core: Float[np.ndarray, "*r"], factors: Mapping[str, Float[np.ndarray, "n r"]], tolerance: float
) -> Train:
    cores = from_tensor(core, tolerance)
    named = zip(system.assemblies, cores, strict=True)
    return Train(system.spaces, tuple(np.einsum("nr,arb->anb", factors[name], own) for name, own in named))
