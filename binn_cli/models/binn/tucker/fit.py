"""Fitting a Tucker decomposition, and what it is after its data."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import jax
import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.errors import BinnError, DataError
from binn_cli.models.binn.basis import Basis
from binn_cli.models.binn.cases import case_process
from binn_cli.models.binn.history import History
from binn_cli.models.binn.inference import Settings
from binn_cli.models.binn.posterior import DimensionPosterior
from binn_cli.models.binn.prediction import in_units
from binn_cli.models.binn.preparation import Preparation, Prepared
from binn_cli.models.binn.scales import build_scales
from binn_cli.models.binn.tucker.beginning import Beginning, beginning, continued
from binn_cli.models.binn.tucker.coordinates import Scattering
from binn_cli.models.binn.tucker.inference import TuckerPosterior, infer
from binn_cli.models.binn.tucker.outgrown import outgrown
from binn_cli.models.binn.tucker.posterior import CoreDistribution
from binn_cli.models.binn.tucker.prediction import predict
from binn_cli.models.binn.tucker.ranks import choose_ranks, data_shapes
from binn_cli.models.binn.tuning import untold
from binn_cli.models.compilation import CompiledFunction, Stopwatch
from binn_cli.models.normalization import InputMap, OutputMap
from binn_cli.models.surrogate import CaseProcess, FitReport, Prediction, Tree

inferred = CompiledFunction(infer)


@dataclass(frozen=True)
class FittedTucker:
    """A Tucker decomposition after its data.

    Attributes:
        bases: the basis of each of the D dimensions.
        dimensions: for each dimension the posterior, with a leading axis of L outputs.
        core: the posterior of the core, with a leading axis of L outputs.
        widths: number of coordinates of every axis of the training data.
        noise: (L,) noise variance in standardised units.
        inputs, outputs: the maps of units.
        joint: whether the predictive variance keeps the covariance between the functions of a dimension.
        ranks: multilinear ranks of the compressed data.
        chosen_at: numbers of cases at which length scales and ranks were chosen, the latest last.
        history: the projected cases, None for data of one axis.
        config: the hyperparameters that it was fitted with.
        report: cost and diagnostics of the fit.
    """

    bases: tuple[Basis, ...]
    dimensions: tuple[DimensionPosterior, ...]
    core: CoreDistribution
    widths: tuple[int, ...]
    noise: Float[np.ndarray, " L"]
    inputs: InputMap
    outputs: OutputMap
    joint: bool
    ranks: tuple[int, ...]
    chosen_at: tuple[int, ...]
    history: History | None
    config: BinnConfig
    report: FitReport

    def predict(self, axes: Sequence[Axis], *, variance: bool = True) -> Prediction:
        """The predictive distribution on the product of the axes, in original units; without `variance` the mean alone, faster."""
        return in_units(predict(self._scattering, self.inputs, axes, variance=variance), self.outputs, self.noise)

    @cached_property
    def _scattering(self) -> Scattering:
        """The posterior, and what is kept from one prediction to the next."""
        return Scattering(self.bases, self.dimensions, self.core, self.widths, self.joint)

    def case_process(self, axes: Sequence[Axis], cases: Axis) -> CaseProcess:
        """What is unknown about whole cases, the other axes' functions and the core at their means; see `binn_cli.models.binn.cases`."""
        *points, scaled = self.inputs.axes((*axes, cases))
        return case_process(self.bases, self.dimensions, self.noise, points, scaled, np.asarray(self.core.mean))

    def update(self, data: ProductData, forgetting: float = 1.0) -> FittedTucker:
        """The surrogate after more cases, without the data of the old ones: their projections hold all that inference reads.

        The result is that of fitting all cases with this surrogate as the warm start, but that length scales and ranks stay.

        Raises:
            BinnError: if `forgetting` is not 1, or the surrogate does not know its cases.
            DataError: if the data are not new cases on the same other axes.
        """
        return updated(self, data, forgetting)

    def state(self) -> Tree:
        """Weights, core, covariances, bases and units as plain arrays."""
        from binn_cli.models.binn.tucker.serialization import to_tree

        return to_tree(self)


def fit_tucker(
    config: BinnConfig, data: ProductData, warm: FittedTucker | None, domain: Float[np.ndarray, "D 2"] | None, capacity: int | None
) -> FittedTucker:
    """Fit by alternating Bayesian updates of factors and core; see `Surrogate.fit`."""
    watch, began = Stopwatch(), time.perf_counter()
    cases, chosen_at = data.axes[-1].size, warm.chosen_at if warm is not None else ()
    if warm is not None and config.prior_mean == "zero" and outgrown(cases, chosen_at, warm.noise):
        warm = None
    if warm is not None:
        bases, inputs, outputs, chosen = warm.bases, warm.inputs, warm.outputs, {}
    else:
        inputs, outputs = InputMap.of(data, domain), OutputMap.of(data, config.output_scaling)
        scales = build_scales(untold(config) if config.tune else config, data, inputs, outputs, capacity, watch)
        chosen_at = (*chosen_at, cases)
        bases, chosen = scales.bases, {"length_scales": scales.lengths, "stretch_rates": scales.rates, **scales.trace}
    preparation = Preparation(bases, inputs, outputs, config.compression, capacity, warm.ranks if warm else None)
    prepared = preparation(data, watch, warm.history if warm else None)
    if warm is not None:
        return _continued(warm, config, prepared, data.axes, watch, began)
    shapes = data_shapes(prepared, data)
    functions = choose_ranks(config, prepared, data, shapes)
    begin = beginning(config, bases, prepared, data.axes, functions, shapes, watch)
    noise = np.full(len(data.outputs), config.noise_variance)
    blank = FittedTucker(
        bases=bases,
        dimensions=(),
        core=CoreDistribution(np.zeros(0), (), np.zeros(0)),
        widths=tuple(len(axis.coordinates) for axis in data.axes),
        noise=noise,
        inputs=inputs,
        outputs=outputs,
        joint=config.variance == "joint",
        ranks=prepared.ranks,
        chosen_at=chosen_at,
        history=prepared.history,
        config=config,
        report=FitReport(0.0, 0.0, {}),
    )
    return _inferred(blank, prepared, begin, noise, chosen, watch, began)


def updated(fitted: FittedTucker, data: ProductData, forgetting: float) -> FittedTucker:
    """See `FittedTucker.update`."""
    watch, began = Stopwatch(), time.perf_counter()
    if forgetting != 1.0:
        raise BinnError(f"forgetting is {forgetting}, but a Tucker decomposition weighs all its cases alike; use model.decomposition=cp")
    if fitted.history is None:
        raise BinnError("a Tucker decomposition of a table needs all rows again; use model.decomposition=cp")
    if data.outputs and len(data.outputs) != len(fitted.noise):
        raise DataError(f"the new data have {len(data.outputs)} outputs, but the surrogate has learned {len(fitted.noise)}")
    preparation = Preparation(fitted.bases, fitted.inputs, fitted.outputs, fitted.config.compression, None, fitted.ranks)
    prepared = preparation.updated(fitted.history, data, watch)
    assert prepared.history is not None
    return _continued(fitted, fitted.config, prepared, prepared.history.axes, watch, began)


def _continued(
    before: FittedTucker, config: BinnConfig, prepared: Prepared, axes: tuple[Axis, ...], watch: Stopwatch, began: float
) -> FittedTucker:
    """After more cases, from where an earlier fit ended."""
    begin = continued(config, before.bases, prepared, axes, (before.dimensions, before.core), watch)
    noise = before.noise if config.noise == "learned" else np.full(len(before.noise), config.noise_variance)
    fresh = replace(before, config=config, joint=config.variance == "joint", ranks=prepared.ranks, history=prepared.history)
    return _inferred(fresh, prepared, begin, np.asarray(noise), {}, watch, began)


def _inferred(
    fitted: FittedTucker,
    prepared: Prepared,
    begin: Beginning,
    noise: Float[np.ndarray, " L"],
    chosen: Mapping[str, np.ndarray],
    watch: Stopwatch,
    began: float,
) -> FittedTucker:
    """The surrogate with the posterior of its prepared data."""
    found = inferred(watch, prepared.statistics, begin.prior, begin.start, noise, settings=Settings.of(fitted.config))
    posterior: TuckerPosterior = jax.tree.map(np.asarray, found)  # to the host: what follows is small
    dimensions = tuple(
        DimensionPosterior(np.einsum("jk,lrk->lrj", v, mean) + rest, v, covariance, variance)
        for v, mean, covariance, variance, rest in zip(
            prepared.directions, posterior.mean, posterior.covariance, posterior.variance, begin.offset, strict=True
        )
    )
    core = CoreDistribution(posterior.core.mean, posterior.core.vectors, posterior.core.variance)
    diagnostics = {**_diagnostics(posterior, fitted.outputs), "ranks": np.asarray(prepared.ranks), **chosen}
    report = FitReport(watch.compile_seconds, time.perf_counter() - began - watch.compile_seconds, diagnostics)
    return replace(fitted, dimensions=dimensions, core=core, noise=np.asarray(posterior.noise), report=report)


def _diagnostics(posterior: TuckerPosterior, outputs: OutputMap) -> dict[str, np.ndarray]:
    return {
        "residual": np.asarray(posterior.residual),
        "sweeps": np.asarray(posterior.sweeps),
        "noise_std": np.sqrt(np.asarray(posterior.noise)) * outputs.scale,
        "effective_parameters": np.asarray(posterior.degrees),
        "tucker_ranks": np.array([mean.shape[1] for mean in posterior.mean]),
    }
