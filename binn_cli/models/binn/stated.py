"""Sums of products with stated modes or bases, for every structure of data."""

from __future__ import annotations

from typing import Any

import numpy as np

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import ProductData
from binn_cli.models.binn.bases.base import Basis
from binn_cli.models.binn.cp.blocks import BlockPosterior
from binn_cli.models.binn.cp.fit import StatedFit, fit_stated, prepare, stated_features
from binn_cli.models.binn.cp.posterior import CpPosterior
from binn_cli.models.binn.fitted import FittedBinn
from binn_cli.models.binn.hyperparameters.bases import MOST_FUNCTIONS, Stated, choose_basis
from binn_cli.models.binn.hyperparameters.evidence import axis_columns, thin
from binn_cli.models.binn.memory import Nothing
from binn_cli.models.binn.mixture import Mixture
from binn_cli.models.binn.multilinear import spectra
from binn_cli.models.surrogate import FitReport
from binn_cli.models.units import Units

MOST_MODES = 48
NEGLIGIBLE_MODE = 1e-7
"""Core entries below this share of the largest need no mode of their own."""

POINTS_PER_COLUMN = 1.4
"""Points of an axis for every singular vector that speaks for its scales."""

LENGTH_PER_GAP = 1.5
"""Shortest length on an axis of several coordinates, in units of the gap between its points if they made a lattice."""


def fit_products(
    config: BinnConfig, data: ProductData, units: Units, before: FittedBinn | None
) -> tuple[FittedBinn, dict[str, Any]]:
    """Fit every output with the modes and bases that the configuration states, or the data choose where it says
    auto."""
    if before is not None and before.stated is not None:
        bases, modes = before.stated
        trace: dict[str, np.ndarray] = {}
    else:
        bases, modes, trace = choose_bases(config, data, units)
    features, levels = stated_features(config, bases, modes)
    prepared = prepare(data, features, units.inputs, units.outputs, config.compression)
    fits: list[StatedFit] = []
    for output in range(len(data.outputs)):
        start = None
        if before is not None and config.prior_mean == "start":
            start = _weights_of(before, output)
        fits.append(fit_stated(config, prepared, features, levels, modes, output, start))
    posteriors = tuple(Mixture(((fit.posterior, 1.0),), fit.noise) for fit in fits)
    fitted = FittedBinn(
        units, posteriors, Nothing(), np.ones(len(fits)), FitReport(0.0, 0.0, {}), (), (), None, (bases, modes),
    )  # fmt: skip
    diagnostics: dict[str, Any] = {
        name: _together([fit.diagnostics[name] for fit in fits]) for name in fits[0].diagnostics
    }
    for name in {"elbo", "log_evidence"} & set(diagnostics):  # densities of the outputs in their own units
        density = diagnostics[name] - data.n_points * np.log(units.outputs.scale).reshape(
            -1, *[1] * (diagnostics[name].ndim - 1)
        )
        diagnostics[name] = density
    diagnostics["settled"] = np.array([fit.settled for fit in fits], dtype=float)
    return fitted, {**diagnostics, **trace, "taken": [fit.note for fit in fits if fit.note]}


def _weights_of(fitted: FittedBinn, output: int) -> list[np.ndarray] | None:
    """The posterior mean of an earlier fit, which becomes the prior mean (Algorithm 1, line 16)."""
    posterior = fitted.posteriors[output]
    member = posterior.members[0][0] if isinstance(posterior, Mixture) else None
    if isinstance(member, BlockPosterior):
        return list(member.means)
    return list(member.unpacked[0]) if isinstance(member, CpPosterior) else None


def _together(arrays: list[np.ndarray]) -> np.ndarray:
    longest = max((len(a) for a in arrays if a.ndim), default=0)
    return np.stack([np.pad(a, (0, longest - len(a)), constant_values=np.nan) if a.ndim else a for a in arrays])


def _distinct(values: np.ndarray) -> int:
    """How many different values there are, or at least how many more than count."""
    few = len(np.unique(values[:4096]))
    return few if few >= MOST_FUNCTIONS else len(np.unique(values))


def choose_bases(
    config: BinnConfig, data: ProductData, units: Units
) -> tuple[tuple[Basis, ...], int, dict[str, np.ndarray]]:
    """The basis of every input and the number of modes: stated, or from the evidence and the ranks of the data."""
    names, stated = data.inputs, Stated.of(config, data.inputs)
    standard = np.moveaxis((data.values - units.outputs.shift) / units.outputs.scale, -1, 0)
    several = len(data.axes) > 1
    needed = several and (any(stated.open(d) for d in range(len(names))) or config.modes == "auto" or config.tune)
    found = spectra(standard) if needed else []
    bases: list[Basis] = []
    trace: dict[str, np.ndarray] = {}
    for a, axis in enumerate(data.axes):
        rows = thin(axis.size)
        columns = None
        if found:
            columns = axis_columns(*found[a], axis.size)[rows, : max(1, int(axis.size / POINTS_PER_COLUMN))]
        elif not several:
            columns = standard.T[rows]
        if columns is not None:
            columns = columns[:, np.any(columns != 0.0, axis=0)]
        for c in range(len(axis.coordinates)):
            d = len(bases)
            x = units.inputs(axis.points[rows], slice(d - c, d - c + len(axis.coordinates)))[:, c]
            distinct, count = _distinct(axis.points[:, c]), len(axis.coordinates)
            # What several coordinates explain together looks like noise along one of them.
            shortest = LENGTH_PER_GAP / axis.size ** (1.0 / count) if count > 1 else 0.0
            chosen = choose_basis(stated, d, names[d], x, columns, float(units.inputs.span[d]), distinct, shortest)
            bases.append(chosen.basis)
            trace.update(chosen.trace)
    if config.modes != "auto":
        modes = int(config.modes)
    elif found:
        large = [max(1, int(np.sum(values > NEGLIGIBLE_MODE**2 * values[0]))) for values, _ in found]
        modes = int(np.clip(np.prod(large) / max(large), 1, MOST_MODES))
    else:
        modes = 1 if len(names) == 1 else 12
    return tuple(bases), modes, trace
