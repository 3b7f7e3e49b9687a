"""Fitting a table: the limit and sums of products with every number of modes, averaged by what they say of left-out
rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from binn_cli.models.binn.cp.design import AxisDesign
from binn_cli.models.binn.cp.features import Features, smooth_features
from binn_cli.models.binn.cp.gauss_newton import Fit, WeightPrior, gauss_newton
from binn_cli.models.binn.cp.learning import CpFit, carried, grow, learn
from binn_cli.models.binn.cp.linear import LinearProblem, learn_linear, looked_at_once
from binn_cli.models.binn.cp.normal_equations import Design
from binn_cli.models.binn.cp.posterior import CpPosterior
from binn_cli.models.binn.limit.hyperparameters import marginalised
from binn_cli.models.binn.limit.kernel import SMOOTHNESS, Prior
from binn_cli.models.binn.limit.process import Process
from binn_cli.models.binn.limit.table import (
    FAR_BEHIND,
    MOST_ROWS,
    LimitChoice,
    choose_hyperparameters,
    draw_hyperparameters,
)
from binn_cli.models.binn.mixture import Member, mixed
from binn_cli.models.binn.selection.folds import predict_left_out, predict_limit_left_out, split_rows
from binn_cli.models.binn.selection.limits import Limit, promising_limits, weigh
from binn_cli.models.binn.selection.stacking import log_density
from binn_cli.models.binn.selection.widening import narrowing_of, widening_of

SMALL_ROWS = 3000
"""Rows with which structure is chosen; where there are more, what was chosen is then fitted to all of them."""

JUDGED = 2
"""Sums of products, those of highest evidence, that are judged by left-out rows; one where the limit is far ahead."""

LENGTH_FACTORS = (1.0, 0.5, 0.25)
"""Lengths of the features relative to the limit's: a single product of kinks has room for shorter ones."""

REFITTED_ROWS = 600
"""Rows up to which the limit is judged with hyperparameters that were found without the left-out rows."""

CONSTANT = 1e-12
"""Range of an output, relative to its size, up to which it is a constant; and the prior variance of what it could be
else."""

GUIDED_ROWS, GUIDE_POINTS = 400, 400
"""Rows up to which starts of sums of products make their first steps on the limit's own values at so many points."""

MOST_MODES = 24
MOST_WEIGHTS = 900
"""Limits on the modes, and on all weights, that `auto` asks for."""


@dataclass(frozen=True)
class Candidate:
    """One way to explain an output.

    Attributes:
        name: what the console calls it.
        density: mean log density of left-out rows, in nats, of the standardised output.
        weight: its share in the surrogate.
    """

    name: str
    density: float
    weight: float


@dataclass(frozen=True)
class TableFit:
    """One output of a table.

    Attributes:
        members: what predicts, and the weight of each.
        noise: σ² in standardised units.
        widening: factor on all variances, since left-out rows were farther off, or far nearer, than these said.
        candidates: all that were judged.
        scores: (n,) by how many standard deviations every row was missed by a fit without it, where that is known.
        rows: (m,) which rows were left out in turn; all, unless they are many.
        misses: (m,) by how much they were missed.
        spread: (m,) variance of what was said of the function there.
        products: sums of products, the one with the highest density of left-out rows first, with their features.
        choice: hyperparameters of the limit, from which a fit to more rows goes on.
        parameters: effective number of parameters.
        settled: whether inference ended before its limits.
    """

    members: tuple[tuple[Member, float], ...]
    noise: float
    widening: float
    candidates: tuple[Candidate, ...]
    scores: Float[np.ndarray, " n"] | None
    rows: Int[np.ndarray, " m"]
    misses: Float[np.ndarray, " m"]
    spread: Float[np.ndarray, " m"]
    products: tuple[tuple[CpFit, tuple[Features, ...]], ...]
    choice: LimitChoice
    parameters: float
    settled: bool


@dataclass(frozen=True)
class Allowed:
    """What may take part: the limit, sums of products, and with how many modes these."""

    limit: bool = True
    products: bool = True
    modes: int | None = None


@dataclass(frozen=True)
class Earlier:
    """What a fit to fewer rows found, from which one to more rows goes on.

    Attributes:
        choice: hyperparameters of the limit.
        products: the sums of products that took part.
    """

    choice: LimitChoice
    products: tuple[CpPosterior, ...]

    @classmethod
    def of(cls, choice: LimitChoice, members: Sequence[tuple[Member, float]]) -> Earlier:
        """Of the members of a mixture."""
        return cls(choice, tuple(member for member, _ in members if isinstance(member, CpPosterior)))


def fit_table(
    x: Float[np.ndarray, "n D"],
    y: Float[np.ndarray, " n"],
    allowed: Allowed,
    seed: int,
    announce: Callable[[str], None] = lambda _: None,
    before: Earlier | None = None,
) -> TableFit:
    """Fit one output.

    Args:
        x: inputs in units of the domain.
        y: the output, of mean zero and unit variance.
        allowed: what may take part.
        seed: of searches, starts and folds.
        announce: told what is going on.
        before: an earlier fit to fewer rows.
    """
    n = len(x)
    if np.ptp(y) <= CONSTANT * max(float(np.max(np.abs(y))), np.finfo(float).tiny):
        return _constant(x, y)
    rows = np.arange(n)
    if n > SMALL_ROWS:
        rows = np.sort(np.random.default_rng([seed, 59]).choice(n, SMALL_ROWS, replace=False))
    own, target = x[rows], y[rows]
    announce("choosing length scales")
    choices = choose_hyperparameters(own, target, seed, before.choice if before else None)
    main, folds = choices[0], split_rows(len(rows), seed)
    limits = promising_limits(choices, own, target) if allowed.limit and n <= MOST_ROWS else []
    if allowed.products:
        announce("fitting sums of products")
    fits = _products(own, target, main, allowed, seed, before.products if before else ()) if allowed.products else []
    names = [f"limit ({limit.choice.smoothness})" for limit in limits]
    names += [f"{fit.modes} mode{'s' if fit.modes > 1 else ''}" for fit, _ in fits]
    left_out = [limit.left_out for limit in limits]
    left_out += [predict_left_out(fit, design, own, folds) for fit, design in fits]
    densities = np.stack([log_density(target, mean, variance) for mean, variance in left_out], axis=1)
    weights = weigh(densities, [limit.choice for limit in limits], few=marginalised(*own.shape))
    candidates = tuple(
        Candidate(name, float(d), float(w)) for name, d, w in zip(names, densities.mean(axis=0), weights, strict=True)
    )
    kept = [(limit, float(weight)) for limit, weight in zip(limits, weights, strict=False) if weight]
    of_limits = [(_limit_of_all(limit, x, y, seed), weight) for limit, weight in kept]
    of_products, parameters, settled = _products_of_all(fits, weights[len(limits) :], x, y)
    parameters += float(sum(weight * process.parameters for process, weight in of_limits))
    members: list[tuple[Member, float]] = [*of_limits, *of_products]
    noise = float(sum(weight * member.noise for member, weight in members))
    if n <= SMALL_ROWS and len(own) <= REFITTED_ROWS:
        for i, limit in enumerate(limits):
            if weights[i]:
                left_out[i] = predict_limit_left_out(limit.choice, own, target, folds)
    mean, spread = mixed(left_out, weights)
    widening, scores = narrowing_of(target, mean, spread), None
    if n <= SMALL_ROWS:
        plain: list[tuple[Member, float]] = [*((limit.process, weight) for limit, weight in kept), *of_products]
        widening = widening_of(target, mean, spread, members, plain, seed)
        scores = np.abs(target - mean) / np.sqrt(widening * spread)
    noise *= min(widening, 1.0)
    order = sorted(range(len(fits)), key=lambda i: -densities.mean(axis=0)[len(limits) + i])
    products = tuple((fits[i][0], fits[i][1].axes[0].features) for i in order)
    return TableFit(
        tuple(members), noise, widening, candidates, scores, rows, target - mean, widening * spread - noise, products,
        main, parameters, settled,
    )  # fmt: skip


def _limit_of_all(limit: Limit, x: Float[np.ndarray, "n D"], y: Float[np.ndarray, " n"], seed: int) -> Process:
    """The limit that all rows teach, its hyperparameters marginalised where rows are few."""
    if len(x) > SMALL_ROWS:
        return limit.choice.process(x, y)
    if marginalised(*x.shape):
        return limit.choice.process(x, y, draw_hyperparameters(limit.choice, x, y, seed))
    return limit.process


def _products_of_all(
    fits: list[tuple[CpFit, Design]], weights: Float[np.ndarray, " M"], x: Float[np.ndarray, "n D"], y: np.ndarray
) -> tuple[list[tuple[CpPosterior, float]], float, bool]:
    """The sums of products of some weight, of all rows; their effective parameters, and whether all have settled."""
    found: list[tuple[CpPosterior, float]] = []
    parameters, settled = 0.0, True
    for (fit, design), weight in zip(fits, weights, strict=True):
        if weight:
            whole = fit if len(x) <= SMALL_ROWS else _on_all(fit, design, x, y)
            own = CpPosterior(design.axes[0].features, whole.weights, whole.summary.laplace, whole.noise)
            found.append((own, float(weight)))
            parameters += float(weight) * float(whole.summary.parameters.sum())
            settled = settled and whole.settled
    return found, parameters, settled


def likeliest_products(
    x: Float[np.ndarray, "n D"], y: Float[np.ndarray, " n"], allowed: Allowed, seed: int
) -> tuple[CpFit, tuple[Features, ...]]:
    """The sum of products of highest evidence with its features, judged by no left-out row; arguments as of
    `fit_table`."""
    fit, design = _products(x, y, choose_hyperparameters(x, y, seed)[0], allowed, seed)[0]
    return fit, design.axes[0].features


def _constant(x: np.ndarray, y: np.ndarray) -> TableFit:
    """An output that never changes: nothing is left to choose, and it is expected to stay."""
    theta = Prior.weak(x.shape[1]).mean.copy()
    theta[-2:] = np.log(CONSTANT)
    choice = LimitChoice(SMOOTHNESS[0], np.zeros(x.shape[1]), theta, 0.0)
    keep = slice(None, MOST_ROWS)
    process = choice.process(x[keep], y[keep])
    candidates = (Candidate("a constant", 0.0, 1.0),)
    rows, none = np.arange(len(x)), np.zeros(len(x))
    return TableFit(
        ((process, 1.0),), process.noise, 1.0, candidates, none, rows, none, none, (), choice, 1.0, True
    )  # fmt: skip


def _products(
    x: np.ndarray,
    y: np.ndarray,
    choice: LimitChoice,
    allowed: Allowed,
    seed: int,
    earlier: Sequence[CpPosterior] = (),
) -> list[tuple[CpFit, Design]]:
    """The sums of products of highest evidence; those of fewer rows go on: starts anew may miss what they found."""
    dimensions = x.shape[1]
    theta = choice.theta
    signal = float(np.exp(theta[-2]))
    shares = 1.0 / (1.0 + np.exp(-theta[dimensions : 2 * dimensions]))
    found: list[tuple[CpFit, Design]] = []
    best, only, begin = -np.inf, allowed.modes, None
    before: tuple[CpFit, list[Features]] | None = None
    rival = (choice.evidence / choice.rows - FAR_BEHIND) * len(x) if allowed.limit else -np.inf
    for factor in LENGTH_FACTORS:
        features = [
            smooth_features(factor * float(np.exp(theta[d])), float(shares[d]), float(choice.rates[d]))
            for d in range(dimensions)
        ]
        design = Design.table(AxisDesign.of(features, x), y)
        most = max(1, min(MOST_MODES, MOST_WEIGHTS // sum(design.sizes)))
        most = most if allowed.modes is None else min(allowed.modes, 4 * most)
        guide = None
        if len(x) <= GUIDED_ROWS:
            anywhere = np.random.default_rng([seed, 71]).random((GUIDE_POINTS, dimensions))
            values = choice.process(x, y).moments(anywhere, variance=False)[0]
            guide = Design.table(AxisDesign.of(features, anywhere), values)
        if before is not None and len(x) > GUIDED_ROWS:
            begin = carried(before[0].weights, before[1], features)
        fits = grow(design, signal, most, seed, only=only, begin=begin, guide=guide, rival=rival)
        found.extend((fit, design) for fit in fits)
        top = max(fits, key=lambda fit: fit.summary.evidence)
        if top.summary.evidence < max(best + 1.0, rival) or dimensions == 1:
            break
        # Shorter lengths are tried with the number of modes that was best.
        best, only, before = top.summary.evidence, top.modes, (top, features)
    for one in earlier:
        design = Design.table(AxisDesign.of(one.features, x), y)
        modes = len(one.weights) // sum(design.sizes)
        if allowed.modes in (None, modes):
            (again,) = grow(design, signal, modes, seed, only=modes, begin=one.weights)
            # Where starts anew have come as far, it is the same sum, and would only be judged twice.
            alike = [fit.summary.evidence for fit, _ in found if fit.modes == modes]
            if again.summary.evidence > max(alike, default=-np.inf) + 1.0:
                found.append((again, design))
    found.sort(key=lambda one: -one[0].summary.evidence)
    return found[: JUDGED if found[0][0].summary.evidence >= rival else 1]


def _on_all(fit: CpFit, design: Design, x: np.ndarray, y: np.ndarray) -> CpFit:
    """A fit to some of the rows, brought to all of them."""
    features: tuple[Features, ...] = design.axes[0].features
    whole = Design.table(AxisDesign.of(features, x), y)
    problem = looked_at_once(whole, fit.weights)
    prior: WeightPrior = fit.prior
    if isinstance(problem, LinearProblem):
        return learn_linear(problem, prior, fit.noise)
    begin = Fit(fit.weights, problem.linearised(fit.weights), 1e-2)
    return learn(problem, gauss_newton(problem, begin, prior, fit.noise, 4), prior, fit.noise)
