"""Fitting a Tucker decomposition to product data: bases, compression, start, alternation, and the case axis in the
limit."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import BinnConfig
from binn_cli.models.binn.bases.base import per_dimension
from binn_cli.models.binn.bases.build import basis_of, basis_tree
from binn_cli.models.binn.hyperparameters.bases import Chosen, Stated, basis_of_length, choose_basis
from binn_cli.models.binn.hyperparameters.evidence import axis_columns, thin
from binn_cli.models.binn.hyperparameters.joint import choose_jointly
from binn_cli.models.binn.hyperparameters.ranks import choose_ranks
from binn_cli.models.binn.multilinear import left_singular, multi_mode_dot, unfold
from binn_cli.models.binn.tucker.alternation import (
    Problem,
    TuckerFit,
    TuckerPrior,
    TuckerSettings,
    TuckerState,
    alternate,
)
from binn_cli.models.binn.tucker.axes import GridAxis
from binn_cli.models.binn.tucker.cases import Cases
from binn_cli.models.binn.tucker.fields import AxisFunctions, NodalFunctions
from binn_cli.models.binn.tucker.functions import CaseFunctions, CaseHyperparameters, fit_functions
from binn_cli.models.binn.tucker.limit_functions import LimitFunctions
from binn_cli.models.binn.tucker.posterior import Functions, TuckerPosterior
from binn_cli.models.normalization import InputMap

POINTS_PER_COLUMN = 1.4
"""Points of an axis for every singular vector that speaks for its scales: orthonormal vectors that fill the space look
like noise."""

RIDGE = 1e-10
"""Relative ridge when a singular vector is written in a basis; it bounds the weights where the basis is nearly
dependent."""


@dataclass(frozen=True)
class Axes:
    """How every axis is represented, chosen once from the data.

    Attributes:
        bases: for each axis its basis, or None for an axis of nodes.
        limit: whether the last axis is taken in the limit of infinitely many modes.
        ranks: functions of every axis.
    """

    bases: tuple[Chosen | None, ...]
    limit: bool
    ranks: tuple[int, ...]


@dataclass(frozen=True)
class Choices:
    """What a fit to more cases goes on from: how axes are represented, and the hyperparameters of the case functions.

    Attributes:
        axes: how every axis is represented.
        case_functions: of every output the hyperparameters in the limit, or None.
    """

    axes: Axes
    case_functions: tuple[CaseHyperparameters | None, ...]

    def tree(self) -> dict[str, Any]:
        """Names, arrays and numbers, for `/surrogate`."""
        bases = {
            f"{a:03d}": {"basis": basis_tree(b.basis), "length": b.length, "rate": b.rate}
            for a, b in enumerate(self.axes.bases)
            if b is not None
        }
        cases = {f"{i:03d}": own._asdict() for i, own in enumerate(self.case_functions) if own is not None}
        return {
            "ranks": np.asarray(self.axes.ranks), "limit": int(self.axes.limit), "outputs": len(self.case_functions),
            **({"bases": bases} if bases else {}), **({"cases": cases} if cases else {}),
        }  # fmt: skip

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Choices:
        """The choices that `tree` described."""
        ranks = tuple(int(r) for r in np.atleast_1d(tree["ranks"]))
        bases: list[Chosen | None] = [None] * len(ranks)
        for key, own in tree.get("bases", {}).items():
            bases[int(key)] = Chosen(basis_of(own["basis"]), float(own["length"]), float(own["rate"]), {})
        cases: list[CaseHyperparameters | None] = [None] * int(tree["outputs"])
        for key, own in tree.get("cases", {}).items():
            pooled, modes, rates = (np.asarray(own[name]) for name in ("pooled", "modes", "rates"))
            cases[int(key)] = CaseHyperparameters(pooled, np.atleast_2d(modes), np.atleast_1d(rates))
        return cls(Axes(tuple(bases), bool(tree["limit"]), ranks), tuple(cases))


@dataclass(frozen=True)
class TuckerModel:
    """A fitted Tucker decomposition of all outputs.

    Attributes:
        choices: what a fit to more cases goes on from.
        fits: of every output.
        posteriors: of every output.
    """

    choices: Choices
    fits: tuple[TuckerFit, ...]
    posteriors: tuple[TuckerPosterior, ...]


def choose_axes(config: BinnConfig, cases: Cases, inputs: InputMap, *, limit: bool) -> Axes:
    """Bases and ranks of every axis.

    Args:
        config: the model's.
        cases: the data.
        inputs: the map of inputs.
        limit: whether the last axis is taken in the limit; one of several inputs always is.
    """
    names = [name for axis in cases.axes for name in axis.coordinates]
    stated, begin = Stated.of(config, names), 0
    limit = limit or len(cases.axes[-1].coordinates) > 1
    shapes = _shapes(cases)
    bases: list[Chosen | None] = []
    for a, axis in enumerate(cases.axes):
        width = len(axis.coordinates)
        if width > 1 or (limit and a == len(cases.axes) - 1):
            bases.append(None)
        else:
            bases.append(_choose(stated, begin, names[begin], axis.points[:, 0], shapes[a], inputs))
        begin += width
    bases = _jointly(stated, cases, bases, inputs)
    ranks = per_dimension("model.ranks", config.ranks, names)
    ends = np.cumsum([0, *(len(axis.coordinates) for axis in cases.axes)])
    per_axis = [ranks[int(e)] if len(set(ranks[int(e) : int(f)])) == 1 else "auto" for e, f in pairwise(ends)]
    lengths = [axis.size for axis in cases.axes]
    spectra = [values**2 for _, values in shapes]
    sizes = [axis.size if b is None else len(b.basis.centers) for axis, b in zip(cases.axes, bases, strict=True)]
    return Axes(tuple(bases), limit, choose_ranks(per_axis, spectra, lengths, sizes, len(cases.tensor)))


def _jointly(stated: Stated, cases: Cases, bases: list[Chosen | None], inputs: InputMap) -> list[Chosen | None]:
    """The same bases with what all field axes choose together, where they chose for themselves: lengths and mirrors."""
    widths = [len(axis.coordinates) for axis in cases.axes]
    places = np.cumsum([0, *widths[:-1]])
    free = [
        b is not None and stated.kinds[d] == "gaussian" and stated.free(int(d))
        for b, d in zip(bases, places, strict=True)
    ]
    fields = len(cases.axes) - 1
    if not fields or not all(free[:fields]):
        return bases
    chosen = [b for b in bases[:fields] if b is not None]
    points = [
        inputs(axis.points, slice(int(d), int(d) + 1))[:, 0]
        for axis, d in zip(cases.axes[:fields], places, strict=False)
    ]
    alone = [b.length for b in chosen]
    choice = choose_jointly(cases.spans, cases.tensor, points, alone, [b.rate for b in chosen])
    together = [
        replace(b, basis=basis_of_length(length, b.rate, ends), length=length)
        for b, length, ends in zip(chosen, *choice, strict=True)
    ]
    return [*together, *bases[fields:]]


def _shapes(cases: Cases) -> list[tuple[np.ndarray, np.ndarray]]:
    """For every axis the singular vectors of the data at its points, and their singular values."""
    found = []
    for a in range(len(cases.axes)):
        left, values = left_singular(unfold(cases.tensor, a + 1))
        found.append((cases.spans[a] @ left if a < len(cases.spans) else left, values))
    return found


def _choose(
    stated: Stated, d: int, name: str, x: np.ndarray, shape: tuple[np.ndarray, np.ndarray], inputs: InputMap
) -> Chosen:
    rows = thin(len(x))
    scaled = inputs(x[:, None], slice(d, d + 1))[:, 0]
    columns = None
    if stated.open(d):
        vectors, values = shape
        columns = axis_columns(values**2, vectors, len(x))[rows, : max(1, int(len(x) / POINTS_PER_COLUMN))]
        columns = columns[:, np.any(columns != 0.0, axis=0)]
    return choose_basis(stated, d, name, scaled[rows], columns, float(inputs.span[d]), len(np.unique(x)))


@dataclass(frozen=True)
class Reduced:
    """The data in whitened coordinates of every axis.

    Attributes:
        axes: the whitened and compressed axes.
        data: (L, R_1, …, R_A) the standardised outputs.
        sizes: for each axis the singular values of the compressed data.
    """

    axes: tuple[GridAxis, ...]
    data: Float[np.ndarray, "L *R"]
    sizes: tuple[Float[np.ndarray, " R"], ...]


def reduce_data(cases: Cases, axes: Axes, inputs: InputMap) -> Reduced:
    """Whiten every axis and write the data in the singular vectors of its coordinates."""
    built, matrices, begin = [], [], 0
    for a, (axis, chosen) in enumerate(zip(cases.axes, axes.bases, strict=True)):
        width = len(axis.coordinates)
        if chosen is None:
            grid, left = GridAxis.nodal(), None
        else:
            x = inputs(axis.points, slice(begin, begin + width))[:, 0]
            grid = GridAxis.of_basis(chosen.basis, x)
            left = grid.left
        begin += width
        built.append(grid)
        span = cases.spans[a] if a < len(cases.spans) else None
        matrices.append(
            left.T @ span if left is not None and span is not None else left.T if left is not None else span
        )
    nodal = [grid.left is None for grid in built]
    tensor = multi_mode_dot(cases.tensor, [None, *(None if n else m for n, m in zip(nodal, matrices, strict=True))])
    compressed, sizes = [], []
    for a, (grid, matrix) in enumerate(zip(built, matrices, strict=True)):
        left, values = left_singular(unfold(tensor, a + 1))
        kept = values > np.finfo(float).eps * max(values[0], np.finfo(float).tiny)
        left, values = left[:, kept] if kept.any() else left[:, :1], values[kept] if kept.any() else values[:1]
        tensor = np.moveaxis(np.tensordot(tensor, left, axes=(a + 1, 0)), -1, a + 1)
        vectors = matrix @ left if grid.left is None and matrix is not None else left
        compressed.append(grid.compressed(vectors))
        sizes.append(values)
    return Reduced(tuple(compressed), tensor, tuple(sizes))


def stated_prior(config: BinnConfig, axes: Axes, reduced: Reduced) -> TuckerPrior:
    """A prior of mean zero.

    `weight` is the stated variance of every weight and of every entry of the core. `function` gives every function a
    prior variance of one, averaged over the domain, and the core's entries equal shares of the prior variance of y.
    """
    entry, levels = config.prior_variance, [config.prior_variance] * len(axes.ranks)
    if config.prior == "function":
        entry /= math.prod(axes.ranks)
        points = np.linspace(0.0, 1.0, 201)
        levels = [
            1.0 if chosen is None else 1.0 / float(np.mean(np.sum(chosen.basis(points) ** 2, axis=1)))
            for chosen in axes.bases
        ]
    mean = tuple(np.zeros((r, axis.size)) for r, axis in zip(axes.ranks, reduced.axes, strict=True))
    variance = tuple(np.full(r, level) for r, level in zip(axes.ranks, levels, strict=True))
    core_variance = tuple(np.full(r, entry ** (1.0 / len(axes.ranks))) for r in axes.ranks)
    return TuckerPrior(mean, variance, np.zeros(axes.ranks), core_variance)


def _start(config: BinnConfig, axes: Axes, reduced: Reduced, prior: TuckerPrior) -> TuckerState:
    """The leading singular vectors of every axis, or a draw from the prior."""
    rng, means = np.random.default_rng(config.seed), []
    for rank, axis, variance in zip(axes.ranks, reduced.axes, prior.variance, strict=True):
        draw = np.sqrt(variance)[:, None] * rng.standard_normal((rank, axis.size))
        if config.start == "svd":
            ridge = RIDGE * float(np.max(axis.squared)) if len(axis.squared) > 1 else 0.0
            weights = (axis.projection / (axis.squared + ridge))[:rank]
            size = np.sqrt(
                variance[0] * float(np.sum(axis.squared)) if len(axis.squared) > 1 else variance[0] * axis.size
            )
            norms = np.sqrt(np.maximum(np.diag(axis.gram(weights)), np.finfo(float).tiny))
            draw[: len(weights)] = weights * (size / norms)[:, None]
        means.append(draw)
    core = np.zeros(axes.ranks)
    if config.start == "random":
        level = float(np.prod([v[0] for v in prior.core_variance]))
        core = np.sqrt(level) * np.random.default_rng([config.seed, 1]).standard_normal(axes.ranks)
    return TuckerState(tuple(means), prior.variance, core, prior.core_variance, config.noise_variance)


def fit_tucker(
    config: BinnConfig, cases: Cases, axes: Axes, inputs: InputMap, before: Choices | None = None
) -> TuckerModel:
    """Fit every output.

    Args:
        config: the model's.
        cases: the data.
        axes: how every axis is represented.
        inputs: the map of inputs.
        before: those of an earlier fit to the first of the cases, from which the case functions go on.
    """
    reduced = reduce_data(cases, axes, inputs)
    axes = Axes(axes.bases, axes.limit, tuple(min(r, a.size) for r, a in zip(axes.ranks, reduced.axes, strict=True)))
    prior = stated_prior(config, axes, reduced)
    settings = TuckerSettings(
        config.sweeps,
        config.tolerance,
        config.noise != "fixed",
        config.relevance == "modes",
        config.prior_mean == "zero",
    )
    start = _start(config, axes, reduced, prior)
    if config.prior_mean == "start":
        prior = TuckerPrior(start.mean, prior.variance, start.core, prior.core_variance)
    energy = cases.energy.sum(axis=1)
    fits, functions = [], []
    nodes = inputs(cases.axes[-1].points, slice(len(inputs.low) - len(cases.axes[-1].coordinates), None))
    for output in range(len(reduced.data)):
        problem = Problem(reduced.axes, reduced.data[output], float(energy[output]), float(cases.count))
        fit = alternate(problem, prior, start, settings)
        fits.append(fit)
        earlier = before.case_functions[output] if before is not None else None
        functions.append(fit_functions(nodes, fit, earlier, config.seed) if axes.limit else None)
    posteriors = tuple(
        _posterior(cases, axes, reduced, inputs, fit, own) for fit, own in zip(fits, functions, strict=True)
    )
    hyperparameters = tuple(None if own is None else own.hyperparameters for own in functions)
    return TuckerModel(Choices(axes, hyperparameters), tuple(fits), posteriors)


def _posterior(
    cases: Cases, axes: Axes, reduced: Reduced, inputs: InputMap, fit: TuckerFit, case_functions: CaseFunctions | None
) -> TuckerPosterior:
    functions: list[Functions] = []
    widths: Sequence[int] = [len(axis.coordinates) for axis in cases.axes]
    begin = 0
    for a, (axis, chosen) in enumerate(zip(reduced.axes, axes.bases, strict=True)):
        own = slice(begin, begin + widths[a])
        begin += widths[a]
        if a == len(axes.bases) - 1 and case_functions is not None:
            functions.append(LimitFunctions(case_functions.processes))
        elif chosen is None:
            functions.append(NodalFunctions.of(inputs(cases.axes[a].points, own), fit.factors[a]))
        else:
            functions.append(AxisFunctions.of(chosen.basis, axis, fit.factors[a], fit.variance[a]))
    core = fit.core
    return TuckerPosterior(tuple(functions), tuple(widths), core.mean, core.vectors, core.variance, fit.noise)
