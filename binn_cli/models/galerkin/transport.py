"""One coordinate along which something flows, marched through time for every eigenvector of the others.

A first derivative has no orthonormal eigenvectors. If only one coordinate has one, and time another, each combination
of the others' eigenvectors leaves A y' + L y = g in the coefficients along that coordinate: discontinuous Galerkin in
time, a few dense systems per step, whose inverses serve all steps of one length.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float
from scipy import linalg

from binn_cli.datasets.problem import MASS, PARAMETER
from binn_cli.models.galerkin.evolution import loads_in_time, reference
from binn_cli.models.galerkin.forms import is_time_derivative
from binn_cli.models.galerkin.modes import Modes, NotDiagonal, TooManyModes, modes_of, outer, pair_of_forms
from binn_cli.models.galerkin.spaces import Broken
from binn_cli.models.galerkin.system import System
from binn_cli.models.galerkin.train import Train, from_tensor

MOST_NUMBERS = 40_000_000
"""Numbers of the largest array."""


def flowing(system: System) -> str:
    """The only coordinate beside time with a derivative of first order.

    Raises:
        NotDiagonal: if there is none, there are several, or there is no time.
    """
    time = system.problem.time
    if time is None:
        raise NotDiagonal("there is no time")
    others = []
    for name, assembly in system.assemblies.items():
        if name != time.name:
            try:
                pair_of_forms(system, name)
            except NotDiagonal:
                others.append(name)
                if assembly.variable.kind == PARAMETER:
                    raise
    for form in system.forms(time.name):
        if form != MASS and not (is_time_derivative(form) and form.weight.text == "1"):
            raise NotDiagonal(f"{time.name} has other forms than the derivative and the mass")
    derivatives = [term for term in system.problem.operator if is_time_derivative(system.form(term, time.name))]
    if len(others) != 1 or any(term.forms.keys() != {time.name} for term in derivatives):
        raise NotDiagonal("more than one coordinate flows")
    return others[0]


def solve_transport(system: System, tolerance: float) -> Train:
    """The Galerkin solution.

    Args:
        system: a problem in spaces.
        tolerance: what compression may change, over the norm of the solution.

    Raises:
        NotDiagonal: if more than one coordinate flows, or (TooManyModes) there are too many combinations.
    """
    own, time = flowing(system), system.problem.time
    assert time is not None
    others = [name for name in system.assemblies if name not in (own, time.name)]
    modes = {name: modes_of(system, name, *pair_of_forms(system, name)) for name in others}
    shape = [len(mode.loads) for mode in modes.values()]
    space = system.assemblies[time.name].space
    assert isinstance(space, Broken)
    size = system.assemblies[own].space.size
    combinations = int(np.prod(shape, dtype=np.int64))
    if max(space.size, (space.degree + 1) * size) * size * combinations > MOST_NUMBERS:
        raise TooManyModes(f"{combinations:,} combinations of modes are too many")
    vectors = linalg.inv(np.linalg.cholesky(system.assemblies[own].mass)).T
    operators = _operators(system, own, modes, vectors)
    found = _marched(system, own, others, modes, vectors, operators, space)
    tensor = found.reshape(*shape, space.size, size)
    names = [*others, time.name, own]
    tensor = tensor.transpose([names.index(name) for name in system.assemblies])
    cores = from_tensor(tensor, tolerance)
    factors = {name: mode.vectors for name, mode in modes.items()} | {own: vectors}
    return Train(
        system.spaces,
        tuple(
            core if name == time.name else np.einsum("nr,arb->anb", factors[name], core)
            for name, core in zip(system.assemblies, cores, strict=True)
        ),
    )


def _operators(
    system: System, own: str, modes: dict[str, Modes], vectors: Float[np.ndarray, "n n"]
) -> Float[np.ndarray, "c n n"]:
    """L for every combination of the others' eigenvectors."""
    assert system.problem.time is not None
    count, size = int(np.prod([len(mode.loads) for mode in modes.values()], dtype=np.int64)), len(vectors)
    total = np.zeros((count, size, size))
    for term in system.problem.operator:
        if not is_time_derivative(system.form(term, system.problem.time.name)):
            weights = term.coefficient * outer([mode.factor(system.form(term, name)) for name, mode in modes.items()])
            matrix = vectors.T @ system.assemblies[own].matrix(system.form(term, own)) @ vectors
            total += np.asarray(weights).reshape(-1, 1, 1) * matrix
    return total


def _marched(
    system: System,
    own: str,
    others: Sequence[str],
    modes: dict[str, Modes],
    vectors: Float[np.ndarray, "n n"],
    operators: Float[np.ndarray, "c n n"],
    space: Broken,
) -> Float[np.ndarray, "c t n"]:
    """Coefficients in time and along the flow for every combination, step after step."""
    left, change, back, poles = reference(space.degree)
    norms = np.sqrt(2 * np.arange(space.degree + 1) + 1.0)
    count, size = len(operators), len(vectors)
    starts, sources = np.zeros((count, size)), []
    for row, load in enumerate(system.loads):
        along = outer([modes[name].loads[:, row] for name in others]).reshape(-1, 1) * (vectors.T @ load.vectors[own])
        if load.time is None:
            starts += load.coefficient * along
        else:
            sources.append((load.coefficient * along, loads_in_time(space, load.time)))
    widths = np.diff(space.breakpoints)
    found = np.empty((count, len(widths), space.degree + 1, size))
    before, inverses, last = starts, np.zeros(0), 0.0
    for number, width in enumerate(widths):
        if abs(width - last) > 1e-9 * width:
            shifted = operators[:, None] + (poles / width)[:, None, None] * np.eye(size)
            inverses, last = np.linalg.inv(shifted), float(width)
        right = before[:, None, :] * (left / np.sqrt(width))[:, None]
        for along, series in sources:
            right = right + along[:, None, :] * series[number][:, None]
        scaled = np.einsum("pk,ckn->cpn", back, right)
        solved = np.matmul(inverses, scaled[..., None])[..., 0]
        found[:, number] = np.einsum("kp,cpn->ckn", change, solved).real
        before = np.einsum("k,ckn->cn", norms / np.sqrt(width), found[:, number])
    return found.reshape(count, space.size, size)
