"""The B-INN surrogate: hyperparameters before the data, and what they become after."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import RowChunks
from binn_cli.models.binn.basis import Basis
from binn_cli.models.binn.cases import case_process
from binn_cli.models.binn.history import History
from binn_cli.models.binn.inference import Posterior, Settings, infer
from binn_cli.models.binn.posterior import DimensionPosterior
from binn_cli.models.binn.prediction import in_units, predict
from binn_cli.models.binn.preparation import Preparation, Prepared
from binn_cli.models.binn.prior import prior_levels
from binn_cli.models.binn.scales import build_scales
from binn_cli.models.binn.start import build_start
from binn_cli.models.binn.sweep import Prior
from binn_cli.models.binn.tuning import choose_modes, untold
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.normalization import InputMap, OutputMap
from binn_cli.models.surrogate import CaseProcess, FitReport, Prediction, Tree

if TYPE_CHECKING:
    from binn_cli.models.binn.tucker.fit import FittedTucker

inferred = CompiledFunction(infer)

MOST_CASE_PARAMETERS = 3
"""Coordinates of the case axis up to which a core with an entry for every combination of functions is the better choice."""


@dataclass(frozen=True)
class FittedBinn:
    """A B-INN after its data.

    Attributes:
        bases: the basis of each of the D dimensions.
        dimensions: for each dimension the posterior, with a leading axis of L outputs.
        noise: (L,) noise variance in standardised units.
        inputs, outputs: the maps of units.
        joint: whether the predictive variance keeps the covariance between modes.
        ranks: multilinear ranks of the compressed data.
        report: cost and diagnostics of the fit.
        history: the projected cases of a grid, which a fit to more cases need not read again; not kept in files.
    """

    bases: tuple[Basis, ...]
    dimensions: tuple[DimensionPosterior, ...]
    noise: Float[np.ndarray, " L"]
    inputs: InputMap
    outputs: OutputMap
    joint: bool
    ranks: tuple[int, ...]
    report: FitReport
    history: History | None = None

    def predict(self, axes: Sequence[Axis], *, variance: bool = True) -> Prediction:
        """The predictive distribution on the product of the axes, in original units; without `variance` the mean alone, faster."""
        found = predict(self.bases, self.dimensions, self.inputs, axes, joint=self.joint, variance=variance)
        return in_units(found, self.outputs, self.noise)

    def case_process(self, axes: Sequence[Axis], cases: Axis) -> CaseProcess:
        """What is unknown about whole cases; see `binn_cli.models.binn.cases`."""
        *points, scaled = self.inputs.axes((*axes, cases))
        return case_process(self.bases, self.dimensions, self.noise, points, scaled)

    def update(self, data: ProductData | RowChunks, forgetting: float = 1.0) -> FittedBinn:
        """The surrogate after more data, without the old; see `binn_cli.models.binn.streamed.update`."""
        from binn_cli.models.binn.streamed.update import updated

        return updated(self, data, forgetting)

    def state(self) -> Tree:
        """Weights, covariances, bases and units as plain arrays."""
        from binn_cli.models.binn.serialization import to_tree

        return to_tree(self)


@dataclass(frozen=True)
class Binn:
    """Bayesian Interpolating Neural Network with the given hyperparameters."""

    config: BinnConfig
    name: str = "binn"

    def fit(
        self,
        data: ProductData | RowChunks,
        warm_start: Any = None,
        *,
        domain: Float[np.ndarray, "D 2"] | None = None,
        capacity: int | None = None,
    ) -> FittedBinn | FittedTucker:
        """Fit by alternating Bayesian updates; see `Surrogate.fit`. Rows are read in chunks on every pass, and may exceed memory."""
        if not isinstance(data, ProductData):
            return self.fit_rows(data, domain=domain)
        from binn_cli.models.binn.tucker.fit import FittedTucker, fit_tucker

        if decomposition(self.config, data) == "tucker":
            return fit_tucker(self.config, data, warm_start if isinstance(warm_start, FittedTucker) else None, domain, capacity)
        return self._fit_cp(data, warm_start if isinstance(warm_start, FittedBinn) else None, domain, capacity)

    def fit_rows(self, rows: RowChunks, *, domain: Float[np.ndarray, "D 2"] | None = None) -> FittedBinn:
        """Fit to rows that are read in chunks; see `binn_cli.models.binn.streamed.fit`."""
        from binn_cli.models.binn.streamed.fit import fit_rows

        return fit_rows(self.config, rows, domain)

    def _fit_cp(
        self, data: ProductData, warm_start: FittedBinn | None, domain: Float[np.ndarray, "D 2"] | None, capacity: int | None
    ) -> FittedBinn:
        watch, began = Stopwatch(), time.perf_counter()
        if warm_start is not None:
            bases, inputs, outputs, ranks = warm_start.bases, warm_start.inputs, warm_start.outputs, warm_start.ranks
            modes, chosen = warm_start.dimensions[0].weights.shape[1], {}
        else:
            ranks = None
            inputs = InputMap.of(data, domain)
            outputs = OutputMap.of(data, self.config.output_scaling)
            scales = build_scales(untold(self.config) if self.config.tune else self.config, data, inputs, outputs, capacity, watch)
            bases, modes = scales.bases, scales.modes
            chosen = {"length_scales": scales.lengths, "stretch_rates": scales.rates, **scales.trace}
        before = warm_start.history if warm_start is not None else None
        prepared = Preparation(bases, inputs, outputs, self.config.compression, capacity, ranks)(data, watch, before)
        if self.config.tune and warm_start is None:
            modes, chosen["evidence_modes"] = choose_modes(self.config, bases, prepared, modes, watch)
        prior, start, offset = self._prior_and_start(bases, prepared, warm_start, (len(data.outputs), modes), watch)
        noise = np.full(len(data.outputs), self.config.noise_variance)
        if warm_start is not None and self.config.noise == "learned":
            noise = np.asarray(warm_start.noise)
        settings = Settings.of(self.config)
        found = inferred(watch, prepared.statistics, prior, start, noise, settings=settings)
        posterior = jax.tree.map(np.asarray, found)  # to the host: what follows is small, and eager device code would compile piecemeal
        dimensions = tuple(
            DimensionPosterior(np.einsum("jk,lmk->lmj", v, mean) + rest, v, covariance, variance)
            for v, mean, covariance, variance, rest in zip(
                prepared.directions, posterior.mean, posterior.covariance, posterior.variance, offset, strict=True
            )
        )
        diagnostics = {**diagnostics_of(posterior, outputs, data.n_points), "ranks": np.asarray(prepared.ranks), **chosen}
        report = FitReport(watch.compile_seconds, time.perf_counter() - began - watch.compile_seconds, diagnostics)
        joint = self.config.variance == "joint"
        return FittedBinn(bases, dimensions, np.asarray(posterior.noise), inputs, outputs, joint, prepared.ranks, report, prepared.history)

    def from_state(self, state: Tree) -> FittedBinn | FittedTucker:
        """The surrogate that `FittedBinn.state` described."""
        from binn_cli.models.binn.serialization import from_tree

        return from_tree(state, self.config)

    def _prior_and_start(
        self, bases: tuple[Basis, ...], prepared: Prepared, warm: FittedBinn | None, shape: tuple[int, int], watch: Stopwatch
    ) -> tuple[Prior, tuple, tuple[np.ndarray, ...]]:
        """Prior and start in whitened coordinates, and the part of the prior mean that the data do not see, in weights."""
        levels = prior_levels(self.config, bases, shape[1], watch)
        variance = tuple(np.full(shape, level) for level in levels)
        zero = tuple(np.zeros((*shape, v.shape[1])) for v in prepared.directions)
        blank = tuple(np.zeros((1, 1, 1)) for _ in bases)
        prior = Prior(zero, variance)
        if warm is None:
            start = build_start(prepared, prior, self.config.seed, self.config.start, shape[1], watch)
            return (Prior(start, variance) if self.config.prior_mean == "start" else prior), start, blank
        weights = [dimension.weights for dimension in warm.dimensions]
        start = tuple(np.einsum("jk,lmj->lmk", v, w) for v, w in zip(prepared.directions, weights, strict=True))
        if self.config.prior_mean == "zero":
            return prior, start, blank
        # Algorithm 1, line 16: the posterior mean becomes the prior mean, also in directions that the data do not see.
        rest = tuple(w - np.einsum("jk,lmk->lmj", v, z) for v, w, z in zip(prepared.directions, weights, start, strict=True))
        return Prior(start, variance), start, rest


def decomposition(config: BinnConfig, data: ProductData) -> str:
    """The decomposition that `auto` stands for: tucker on grids whose cases have few parameters, unless something asks for products."""
    if config.decomposition != "auto":
        return config.decomposition
    if config.modes != "auto" or config.inference == "vb":
        return "cp"
    widths = [len(axis.coordinates) for axis in data.axes]
    grid = len(widths) > 1 and max(widths[:-1]) == 1 and widths[-1] <= MOST_CASE_PARAMETERS
    return "tucker" if grid or config.ranks != "auto" else "cp"


def diagnostics_of(posterior: Posterior, outputs: OutputMap, points: int) -> dict[str, np.ndarray]:
    """Named arrays for `/diagnostics/`."""
    found = {
        "residual": np.asarray(posterior.residual),
        "sweeps": np.asarray(posterior.sweeps),
        "noise_std": np.sqrt(np.asarray(posterior.noise)) * outputs.scale,
        "effective_parameters": np.asarray(posterior.degrees),
        "modes": np.asarray(posterior.mode_energy.shape[1]),
        "active_modes": active_modes(posterior),
    }
    if np.isfinite(posterior.bound).any():
        # The bound is on the evidence of the data in their own units.
        found["elbo"] = posterior.bound - points * np.log(outputs.scale)[:, None]
    return found


def active_modes(posterior: Posterior) -> Float[np.ndarray, " L"]:
    """How many modes are left: those without which the squared residual would grow by more than the noise variance of one point."""
    return np.sum(posterior.mode_energy > np.asarray(posterior.noise)[:, None], axis=1)
