"""Fitting sums of products to rows that are never in memory at once."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import RowChunks, TableRows
from binn_cli.errors import BinnError, ConfigError
from binn_cli.models.binn.cp.design import AxisDesign
from binn_cli.models.binn.cp.features import Features
from binn_cli.models.binn.cp.fit import draw_start, prepare, stated_features
from binn_cli.models.binn.cp.gauss_newton import Fit, WeightPrior, gauss_newton
from binn_cli.models.binn.cp.learning import CpFit, learn
from binn_cli.models.binn.cp.linear import LinearProblem, learn_linear, looked_at_once
from binn_cli.models.binn.cp.normal_equations import Design, pack
from binn_cli.models.binn.cp.posterior import CpPosterior
from binn_cli.models.binn.fitted import FittedBinn
from binn_cli.models.binn.laplace import summarise
from binn_cli.models.binn.memory import Nothing
from binn_cli.models.binn.mixture import Mixture
from binn_cli.models.binn.routes import states_structure
from binn_cli.models.binn.rows.scan import Look, look
from binn_cli.models.binn.rows.sums import RowSums, rows_per_chunk
from binn_cli.models.binn.selection.products import likeliest_products
from binn_cli.models.binn.stated import choose_bases
from binn_cli.models.cores import one_blas_thread
from binn_cli.models.normalization import InputMap, OutputMap
from binn_cli.models.surrogate import FitReport
from binn_cli.models.units import Units

STEPS = 6
"""Gauss-Newton steps from the fit to a sample before the noise is learned from all rows."""

ENOUGH = 1e-3
"""Nats below which a step is not worth a pass over all rows: a twentieth of a standard deviation."""

MANY_TIMES = 4
"""How many times more rows there must be than those of the first steps."""

UPDATE_STEPS = 2
"""Gauss-Newton steps of an update: more follow the new rows along directions whose curvature only the old rows knew."""


def fit_rows(
    config: BinnConfig, rows: RowChunks, domain: Float[np.ndarray, "D 2"] | None = None, chunk: int | None = None
) -> FittedBinn:
    """Fit chunk by chunk, on all cores or devices of all processes.

    Structure (lengths, coordinates, number of modes) is chosen on a sample; weights, noise and covariance are those of
    all rows. One Gauss-Newton step of all blocks is one pass.

    Args:
        config: the model's.
        rows: the data.
        domain: (D, 2) range of every input; where it is given and nothing about the model depends on the data, the rows
            are not looked at before.
        chunk: rows of a chunk; by default 8 MB.

    Raises:
        ConfigError: if the configuration asks for what needs all data at once.
        DataError: if a row cannot be read or is not finite.
    """
    refuse_whole_data(config)
    began = time.perf_counter()
    size = rows_per_chunk(rows) if chunk is None else chunk
    scaling = "standard" if config.output_scaling == "auto" else config.output_scaling
    seen = _stated(rows, domain) if domain is not None and _settled(config) else look(rows, size, scaling, domain)
    units = Units(seen.inputs, seen.outputs)
    stated = states_structure(config)
    fits: list[CpFit] = []
    features: Sequence[Features] = ()
    posteriors, taken = [], []
    for output in range(len(rows.outputs)):
        if stated:
            features, start, prior, noise, damping = _begin_stated(config, seen, units, output)
        else:
            features, start, prior, noise, damping = _begin_sampled(config, seen, units, output)
        sums = RowSums(rows, size, tuple(features), seen.inputs, seen.outputs, output)
        fixed = config.noise == "fixed"
        known = rows.n_points if stated else seen.sample.n_points
        if seen.first is not None and len(features) > 1 and rows.n_points > MANY_TIMES * seen.first.n_points:
            damping, known = damping * seen.first.n_points / known, seen.first.n_points
            begun = (start, prior, noise, damping)
            start, noise, damping = _first_steps(seen.first, units, output, features, begun, fixed)
        damping *= rows.n_points / known  # so many times more the rows speak, along loose directions too
        problem = looked_at_once(sums, start)
        if isinstance(problem, LinearProblem):
            fits.append(learn_linear(problem, prior, noise, fixed=fixed))
        else:
            enough = ENOUGH if problem is sums else 0.0
            begin = Fit(start, problem.linearised(start), damping)
            begin = gauss_newton(problem, begin, prior, noise, STEPS, tolerance=1e-6, enough=enough)
            rounds = 4 if not stated else 8
            fits.append(learn(problem, begin, prior, noise, fixed=fixed, rounds=rounds, enough=enough))
        if not stated:
            taken.append(f"took {fits[-1].modes} modes, the likeliest on a sample of {seen.sample.n_points:,} rows")
        own = CpPosterior(tuple(features), fits[-1].weights, fits[-1].summary.laplace, fits[-1].noise)
        posteriors.append(Mixture(((own, 1.0),), fits[-1].noise))
    fitted = FittedBinn(units, tuple(posteriors), Nothing(), np.ones(len(posteriors)), FitReport(0.0, 0.0, {}))
    diagnostics = {
        "noise_std": np.sqrt(fitted.noise) * units.outputs.scale,
        "effective_parameters": np.array([fit.summary.parameters.sum() for fit in fits]),
        "modes": np.array([fit.modes for fit in fits]),
        "settled": np.array([fit.settled for fit in fits], dtype=float),
    }
    report = FitReport(0.0, time.perf_counter() - began, diagnostics, tuple(dict.fromkeys(taken)))
    return replace(fitted, report=report)


def update_rows(fitted: FittedBinn, data: ProductData | RowChunks, forgetting: float) -> FittedBinn:
    """The surrogate after more rows, without the old ones: the last posterior of all weights is the prior of the next.

    With one input this is Bayes' rule; with several the last posterior is the linearised one. Of a mixture the sum of
    products of largest weight learns on.

    Raises:
        BinnError: if the surrogate has no sum of products, or keeps none of its data.
    """
    rows: RowChunks = TableRows(data) if isinstance(data, ProductData) else data
    began, size, posteriors = time.perf_counter(), rows_per_chunk(rows), []
    for output, posterior in enumerate(fitted.posteriors):
        members = posterior.members if isinstance(posterior, Mixture) else ()
        products = [(weight, member) for member, weight in members if isinstance(member, CpPosterior)]
        if not products:
            raise BinnError(
                "this surrogate cannot learn on without its old data; fit all of them, or set model.decomposition=cp"
            )
        member = max(products, key=lambda one: one[0])[1]
        sums = RowSums(rows, size, member.features, fitted.units.inputs, fitted.units.outputs, output)
        posteriors.append(_updated(member, sums, forgetting))
    report = FitReport(0.0, time.perf_counter() - began, {})
    return replace(fitted, posteriors=tuple(posteriors), memory=Nothing(), report=report, limits=(), scores=())


def _updated(member: CpPosterior, sums: RowSums, forgetting: float) -> Mixture:
    """One output after more rows, in coordinates in which its last posterior is a unit normal distribution."""
    root = _root(member) / np.sqrt(forgetting)
    turned = _Turned(sums, member.weights, root)
    size = root.shape[1]
    prior = WeightPrior(np.zeros(size), np.ones(size))
    begin = Fit(np.zeros(size), turned.linearised(np.zeros(size)), 1e-3)
    found = gauss_newton(turned, begin, prior, member.noise, UPDATE_STEPS, tolerance=1e-9)
    summary = summarise(found.system, np.ones(size), found.weights, member.noise, sums.count)
    # The covariance in the weights' own coordinates: root (I - V s Vᵀ)² rootᵀ, as scale, vectors and shrinkage again.
    inner = summary.laplace
    half = root - (root @ inner.vectors * inner.shrinkage) @ inner.vectors.T
    scale = np.sqrt(np.maximum(np.einsum("pq,pq->p", half, half), np.finfo(float).tiny))
    values, vectors = np.linalg.eigh((half / scale[:, None]) @ (half / scale[:, None]).T)
    laplace = member.laplace._replace(scale=scale, vectors=vectors, shrinkage=1.0 - np.sqrt(np.maximum(values, 0.0)))
    own = CpPosterior(member.features, member.weights + root @ found.weights, laplace, member.noise)
    return Mixture(((own, 1.0),), member.noise)


def _root(member: CpPosterior) -> Float[np.ndarray, "P P"]:
    """A matrix whose product with its transpose is the covariance of all weights."""
    laplace = member.laplace
    identity = np.eye(len(laplace.scale))
    inner = identity - (laplace.vectors * laplace.shrinkage) @ laplace.vectors.T
    return laplace.scale[:, None] * inner


class _Turned:
    """Sums over rows in other coordinates of the weights: w = w₀ + root z."""

    def __init__(self, sums: RowSums, origin: Float[np.ndarray, " P"], root: Float[np.ndarray, "P Q"]) -> None:
        """The coordinates around `origin`."""
        self.sums, self.origin, self.root = sums, origin, root

    @property
    def sizes(self) -> tuple[int, ...]:
        """K_d of every dimension."""
        return self.sums.sizes

    @property
    def count(self) -> int:
        """N."""
        return self.sums.count

    def linearised(self, weights: Float[np.ndarray, " Q"]):  # type: ignore[no-untyped-def]
        """The Gauss-Newton system in the coordinates z."""
        found = self.sums.linearised(self.origin + self.root @ weights)
        return found._replace(gram=self.root.T @ found.gram @ self.root, gradient=self.root.T @ found.gradient)


def refuse_whole_data(config: BinnConfig) -> None:
    """Complain of what needs all data at once.

    Raises:
        ConfigError: at the first such option.
    """
    for key, value, instead in (
        ("decomposition", "tucker", "cp"), ("decomposition", "limit", "cp"), ("inference", "vb", "gauss_newton"),
    ):  # fmt: skip
        if getattr(config, key) == value:
            raise ConfigError(f"model.{key}", f"must be {instead} for data that are read in chunks, not {value}")
    if config.tune:
        raise ConfigError("model.tune", "must be false for data that are read in chunks: it needs all of them at once")


def _settled(config: BinnConfig) -> bool:
    """Whether nothing about the model depends on the data."""
    stated = (config.centers, config.length, config.padding, config.stretch)
    automatic = any(s == "auto" or (isinstance(s, list) and "auto" in s) for s in stated)
    return config.output_scaling == "none" and config.modes != "auto" and not automatic


def _stated(rows: RowChunks, domain: Float[np.ndarray, "D 2"]) -> Look:
    x, y = next(rows.chunks(1))
    outputs = OutputMap(np.zeros(len(rows.outputs)), np.ones(len(rows.outputs)))
    low, high = np.asarray(domain, dtype=np.float64).T
    sample = ProductData((Axis("point", x, rows.inputs),), y, rows.outputs)
    return Look(sample, InputMap(low, np.where(high > low, high - low, 1.0)), outputs)


def _first_steps(
    rows: ProductData,
    units: Units,
    output: int,
    features: Sequence[Features],
    begin: tuple[Float[np.ndarray, " P"], WeightPrior, float, float],
    fixed: bool,
) -> tuple[Float[np.ndarray, " P"], float, float]:
    """Weights, noise and damping of some of the rows, in memory: from there all rows ask for few steps."""
    (start, prior, noise, damping), (x, values) = begin, rows.table()
    y = (values[:, output] - units.outputs.shift[output]) / units.outputs.scale[output]
    design = Design.table(AxisDesign.of(features, units.inputs(x, slice(None))), y)
    fit = Fit(start, design.linearised(start), damping)
    fit = gauss_newton(design, fit, prior, noise, STEPS, 1e-6, enough=ENOUGH)
    found = learn(design, fit, prior, noise, fixed=fixed, enough=ENOUGH)
    return found.weights, found.noise, found.damping


Beginning = tuple[Sequence[Features], Float[np.ndarray, " P"], WeightPrior, float, float]


def _begin_stated(config: BinnConfig, seen: Look, units: Units, output: int) -> Beginning:
    """Features, start, prior, noise and damping of a model whose modes or bases are stated."""
    bases, modes, _ = choose_bases(config, seen.sample, units)
    features, levels = stated_features(config, bases, modes)
    prepared = prepare(seen.sample, features, units.inputs, units.outputs, config.compression)
    start = draw_start(config, prepared, levels, modes, output)
    precision = np.concatenate([np.full(w.size, 1.0 / level) for w, level in zip(start, levels, strict=True)])
    mean = pack(start) if config.prior_mean == "start" else np.zeros(len(precision))
    prior = WeightPrior(mean, precision)
    noise = config.noise_variance
    begin = pack(start)
    if len(bases) > 1 and seen.sample.n_points > 1:  # first steps on the sample, where a pass costs nothing
        design = prepared.design(output)
        fit = Fit(begin, design.linearised(begin), 0.1)
        levels_of_noise = [noise] if config.noise == "fixed" else [1e-1, 1e-2, noise]
        for level in levels_of_noise:
            fit = gauss_newton(design, Fit(fit.weights, fit.system, 0.1), prior, level, 20)
        begin = fit.weights
    return features, begin, prior, noise, 1e-2


def _begin_sampled(config: BinnConfig, seen: Look, units: Units, output: int) -> Beginning:
    """The same from the sum of products that explains a sample best."""
    x, values = seen.sample.table()
    y = (values[:, output] - units.outputs.shift[output]) / units.outputs.scale[output]
    with one_blas_thread():  # threads of small factorisations wait for one another in busy loops
        best, features = likeliest_products(units.inputs(x, slice(None)), y, config.seed)
    return features, best.weights, best.prior, best.noise, best.damping
