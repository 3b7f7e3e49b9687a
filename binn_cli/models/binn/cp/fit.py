"""Fitting sums of products with what a configuration states: bases, modes, prior, and the way to infer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import ProductData
from binn_cli.models.binn.bases.base import Basis
from binn_cli.models.binn.cp.alternation import AlternationSettings, BlockFit, BlockPrior, alternate
from binn_cli.models.binn.cp.blocks import BlockPosterior
from binn_cli.models.binn.cp.design import AxisDesign
from binn_cli.models.binn.cp.features import Features, of_basis
from binn_cli.models.binn.cp.gauss_newton import WeightPrior
from binn_cli.models.binn.cp.learning import CpFit, begin_at, learn
from binn_cli.models.binn.cp.linear import LinearProblem, learn_linear, looked_at_once
from binn_cli.models.binn.cp.normal_equations import Design, pack
from binn_cli.models.binn.cp.posterior import CpPosterior
from binn_cli.models.binn.laplace import summarise
from binn_cli.models.binn.multilinear import left_singular, multi_mode_dot, unfold
from binn_cli.models.normalization import InputMap, OutputMap

RIDGE = 1e-10
"""Relative ridge when a singular vector is written in features; it bounds the weights where these are nearly
dependent."""

JITTER = 1e-3
"""Size of the random part of a start from the SVD, relative to the prior: it breaks symmetries of the data, which
alternation would keep for ever, and wakes modes beyond the entries of the core."""

MOST_TOGETHER, MOST_LINEARISED = 2000, 5000
"""Weights of an output up to which `inference: auto` moves all of them at once, and up to which their posterior is
linearised together: both cost their number's third power."""


@dataclass(frozen=True)
class CpData:
    """Product data as sums of products see them.

    Attributes:
        axes: one entry per axis.
        data: (L, R_1, …, R_A) the standardised outputs in compressed coordinates.
        energy: (L,) sums of the squared standardised outputs.
        count: N.
    """

    axes: tuple[AxisDesign, ...]
    data: Float[np.ndarray, "L *R"]
    energy: Float[np.ndarray, " L"]
    count: int

    def design(self, output: int) -> Design:
        """The data of one output."""
        return Design(self.axes, self.data[output], float(self.energy[output]), self.count)


def prepare(
    data: ProductData, features: Sequence[Features], inputs: InputMap, outputs: OutputMap, tolerance: float
) -> CpData:
    """Project data onto every axis of one coordinate, and compress them along every axis of several."""
    standard = np.moveaxis((data.values - outputs.shift) / outputs.scale, -1, 0)
    energy = np.sum(standard.reshape(len(standard), -1) ** 2, axis=1)
    axes: list[AxisDesign] = []
    begin, single = 0, len(data.axes) == 1
    projections: list[np.ndarray | None] = []
    for axis in data.axes:
        width = len(axis.coordinates)
        own, x = features[begin : begin + width], inputs(axis.points, slice(begin, begin + width))
        begin += width
        if width == 1 and not single:
            design, left = AxisDesign.whitened(own[0], x[:, 0])
            axes.append(design)
            projections.append(left.T)
        else:
            axes.append(AxisDesign.of(own, x))
            projections.append(None)
    tensor = multi_mode_dot(standard, [None, *projections])
    if not single:
        for a, built in enumerate(axes):
            if built.x is None:
                continue
            left, values = left_singular(unfold(tensor, a + 1))
            kept = values > max(tolerance, 4.0 * np.finfo(float).eps) * max(values[0], np.finfo(float).tiny)
            left = left[:, kept] if kept.any() else left[:, :1]
            tensor = np.moveaxis(np.tensordot(tensor, left, axes=(a + 1, 0)), -1, a + 1)
            axes[a] = replace(built, projection=left)
    return CpData(tuple(axes), tensor, energy, data.n_points)


def stated_features(config: BinnConfig, bases: Sequence[Basis], modes: int) -> tuple[list[Features], list[float]]:
    """Features of stated bases, and the prior variance of the weights of every dimension.

    `weight` is the paper's σ_w² on every weight. `function` scales it so that the prior variance of y, averaged over
    the domain, is `prior_variance`: each of the M modes gets its share, spread evenly over the D dimensions.
    """
    if config.prior == "weight":
        return [of_basis(b, 1.0, per_weight=True) for b in bases], [config.prior_variance] * len(bases)
    level = (config.prior_variance / modes) ** (1.0 / len(bases))
    return [of_basis(b, 1.0, per_weight=False) for b in bases], [level] * len(bases)


def draw_start(
    config: BinnConfig, prepared: CpData, levels: Sequence[float], modes: int, output: int
) -> list[Float[np.ndarray, "K M"]]:
    """Starting weights: the largest entries of the data's higher-order SVD as modes, or a draw from the prior."""
    sizes = [size for axis in prepared.axes for size in axis.sizes]
    rng = np.random.default_rng([config.seed, output])
    draw = [np.sqrt(level) * rng.standard_normal((modes, size)).T for size, level in zip(sizes, levels, strict=True)]
    if config.start == "random" or len(prepared.axes) == 1:
        return draw
    tensor, weights = prepared.data[output], []
    for a, axis in enumerate(prepared.axes):
        left, _ = left_singular(unfold(tensor, a))
        tensor = np.moveaxis(np.tensordot(tensor, left, axes=(a, 0)), -1, a)
        target = left if axis.projection is None else axis.projection @ left
        weights.append(_separate(axis, target))
    order = np.argsort(-np.abs(tensor), axis=None)[: min(modes, tensor.size)]
    places = np.unravel_index(order, tensor.shape)
    entries = tensor[places]
    size, d = np.abs(entries) ** (1.0 / len(prepared.axes)), 0
    for a, place in enumerate(places):
        for c, own in enumerate(weights[a]):
            chosen = own[:, place] * (size * (np.sign(entries) if a == 0 else 1.0) if c == 0 else 1.0)
            # Singular vectors are known up to sign: the random part takes the sign of what it is added to.
            aligned = draw[d][:, : len(order)] * np.where(
                np.sum(chosen * draw[d][:, : len(order)], axis=0) < 0, -1.0, 1.0
            )
            draw[d] = JITTER * draw[d]
            draw[d][:, : len(order)] = chosen + JITTER * aligned
            d += 1
    return draw


def _separate(axis: AxisDesign, target: Float[np.ndarray, "n R"], sweeps: int = 6) -> list[Float[np.ndarray, "K R"]]:
    """Each of R functions on an axis as a product of one function per coordinate, by a few rank-one sweeps."""
    designs = [axis.design(c) for c in range(axis.count)]
    functions = [np.ones_like(target) for _ in designs]
    weights = [np.zeros((phi.shape[1], target.shape[1])) for phi in designs]
    for _ in range(sweeps if len(designs) > 1 else 1):
        for c, phi in enumerate(designs):
            others = np.ones_like(target)
            for e, function in enumerate(functions):
                others = others * function if e != c else others
            for r in range(target.shape[1]):
                gram = phi.T @ (phi * (others[:, r] ** 2)[:, None])
                ridge = RIDGE * np.trace(gram) + np.finfo(float).tiny
                weights[c][:, r] = np.linalg.solve(
                    gram + ridge * np.eye(len(gram)), phi.T @ (others[:, r] * target[:, r])
                )
            functions[c] = phi @ weights[c]
    return weights


@dataclass(frozen=True)
class StatedFit:
    """A sum of products of one output.

    Attributes:
        posterior: what predicts.
        weights: (K, M) of every dimension, for an update that goes on from them.
        noise: σ² in standardised units.
        diagnostics: named arrays.
        settled: whether inference ended before its limit.
        note: what was done otherwise than asked, if anything.
    """

    posterior: CpPosterior | BlockPosterior
    weights: list[Float[np.ndarray, "K M"]]
    noise: float
    diagnostics: dict[str, np.ndarray]
    settled: bool
    note: str = ""


def fit_stated(
    config: BinnConfig,
    prepared: CpData,
    features: Sequence[Features],
    levels: Sequence[float],
    modes: int,
    output: int,
    before: Sequence[np.ndarray] | None = None,
) -> StatedFit:
    """Fit one output with a stated number of modes.

    Args:
        config: the model's.
        prepared: the data.
        features, levels: see `stated_features`.
        modes: M.
        output: which one.
        before: weights of an earlier fit; with `prior_mean: start` they are the prior mean (Algorithm 1, line 16).
    """
    design = prepared.design(output)
    start = list(before) if before is not None else draw_start(config, prepared, levels, modes, output)
    zero = config.prior_mean == "zero"
    means = [np.zeros_like(w) if zero else w for w in start]
    together = config.inference == "gauss_newton" or (
        config.inference == "auto" and sum(w.size for w in start) <= MOST_TOGETHER
    )
    if not together:
        prior = BlockPrior(tuple(means), tuple(np.full(modes, level) for level in levels))
        settings = AlternationSettings(
            config.sweeps, config.tolerance, config.noise != "fixed", config.relevance == "modes", zero,
            config.acceleration == "extrapolation", config.inference == "vb",
        )  # fmt: skip
        found = alternate(design, prior, start, config.noise_variance, settings)
        return _of_blocks(config, design, features, found, prior)
    precision = np.concatenate([np.full(w.size, 1.0 / level) for w, level in zip(start, levels, strict=True)])
    prior_all = WeightPrior(pack(means), precision)
    learned = config.noise != "fixed"
    noises = [config.noise_variance] if not learned else [1e-2, 1e-3, 1e-4, 1e-5]
    problem = looked_at_once(design, pack(start))
    if isinstance(problem, LinearProblem):
        fit = learn_linear(problem, prior_all, noises[-1], fixed=not learned)
    else:
        begin = begin_at(problem, pack(start), prior_all, noises, steps=20)
        fit = learn(problem, begin, prior_all, noises[-1], fixed=not learned)
    return _of_laplace(design, features, fit)


def _of_laplace(design: Design, features: Sequence[Features], fit: CpFit) -> StatedFit:
    posterior = CpPosterior(tuple(features), fit.weights, fit.summary.laplace, fit.noise)
    diagnostics = {
        "effective_parameters": np.array(fit.summary.parameters.sum()),
        "log_evidence": np.array(fit.summary.evidence),
        "modes": np.array(fit.modes),
    }
    return StatedFit(posterior, list(posterior.unpacked[0]), fit.noise, diagnostics, fit.settled)


def _of_blocks(
    config: BinnConfig, design: Design, features: Sequence[Features], found: BlockFit, prior: BlockPrior
) -> StatedFit:
    means = [block.mean for block in found.blocks]
    energy = np.ones(means[0].shape[1])
    begin = 0
    for axis in design.axes:
        functions = [axis.design(c) @ w for c, w in enumerate(means[begin : begin + axis.count])]
        begin += axis.count
        energy = energy * np.sum(np.prod(functions, axis=0) ** 2, axis=0)
    diagnostics = {
        "residual": found.residual,
        "effective_parameters": np.array(found.degrees),
        "modes": np.array(means[0].shape[1]),
        "active_modes": np.array(int(np.sum(energy > found.noise))),
        **({"elbo": found.bound} if len(found.bound) else {}),
    }
    linearised = config.variance == "laplace" and sum(m.size for m in means) <= MOST_LINEARISED
    note = ""
    if linearised:
        scale = np.concatenate([np.sqrt(np.tile(v, len(m))) for v, m in zip(found.variance, means, strict=True)])
        weights, mean = pack(means), pack(prior.mean)
        summary = summarise(design.linearised(weights), scale, (weights - mean) / scale, found.noise, design.count)
        posterior: CpPosterior | BlockPosterior = CpPosterior(tuple(features), weights, summary.laplace, found.noise)
    else:
        covariances = tuple(block.covariance for block in found.blocks)
        posterior = BlockPosterior(tuple(features), tuple(means), covariances, config.variance != "modes", found.noise)
        if config.variance == "laplace":
            note = f"{sum(m.size for m in means):,} weights are too many for variance=laplace: variance=joint instead"
    return StatedFit(posterior, means, found.noise, diagnostics, found.settled, note)
