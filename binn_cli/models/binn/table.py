"""Fitting a table: the limit and sums of products with every number of modes, averaged by what they say of left-out
rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.special import logsumexp

from binn_cli.models.binn.cp.design import AxisDesign
from binn_cli.models.binn.cp.features import Features, smooth_features
from binn_cli.models.binn.cp.gauss_newton import Fit, WeightPrior, gauss_newton
from binn_cli.models.binn.cp.learning import CpFit, grow, learn
from binn_cli.models.binn.cp.linear import looked_at_once
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
from binn_cli.models.binn.mixture import Member, mix
from binn_cli.models.binn.selection.folds import predict_left_out, predict_limit_left_out, split_rows
from binn_cli.models.binn.selection.stacking import NEGLIGIBLE, log_density, stacking_weights

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

PSEUDO_ROWS = 5.0
"""Rows that count as having been predicted just as well as was said."""

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
        widening: factor on all variances, since left-out rows were farther off than these said.
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


def fit_table(
    x: Float[np.ndarray, "n D"],
    y: Float[np.ndarray, " n"],
    allowed: Allowed,
    seed: int,
    announce: Callable[[str], None] = lambda _: None,
    before: LimitChoice | None = None,
) -> TableFit:
    """Fit one output.

    Args:
        x: inputs in units of the domain.
        y: the output, of mean zero and unit variance.
        allowed: what may take part.
        seed: of searches, starts and folds.
        announce: told what is going on.
        before: hyperparameters of an earlier fit to fewer rows.
    """
    n = len(x)
    if np.ptp(y) <= CONSTANT * max(float(np.max(np.abs(y))), np.finfo(float).tiny):
        return _constant(x, y)
    rows = np.arange(n)
    if n > SMALL_ROWS:
        rows = np.sort(np.random.default_rng([seed, 59]).choice(n, SMALL_ROWS, replace=False))
    own, target = x[rows], y[rows]
    announce("choosing length scales")
    choices = choose_hyperparameters(own, target, seed, before)
    main = choices[0]
    names: list[str] = []
    left_out: list[tuple[np.ndarray, np.ndarray]] = []
    folds = split_rows(len(rows), seed)
    limits = _promising(choices, own, target) if allowed.limit and n <= MOST_ROWS else []
    for limit in limits:
        names.append(f"limit ({limit.choice.smoothness})")
        left_out.append(limit.left_out)
    fits: list[tuple[CpFit, Design]] = []
    if allowed.products:
        announce("fitting sums of products")
        fits = _products(own, target, main, allowed, seed)
        for fit, design in fits:
            names.append(f"{fit.modes} mode{'s' if fit.modes > 1 else ''}")
            left_out.append(predict_left_out(fit, design, own, folds))
    densities = np.stack([log_density(target, mean, variance) for mean, variance in left_out], axis=1)
    weights = _weights(densities, [limit.choice for limit in limits], few=marginalised(*own.shape))
    candidates = tuple(
        Candidate(name, float(d), float(w)) for name, d, w in zip(names, densities.mean(axis=0), weights, strict=True)
    )
    members: list[tuple[Member, float]] = []
    parameters, settled = 0.0, True
    for limit, weight in zip(limits, weights, strict=False):
        if weight:
            if n > SMALL_ROWS:
                process = limit.choice.process(x, y)
            elif marginalised(*x.shape):
                process = limit.choice.process(x, y, draw_hyperparameters(limit.choice, x, y, seed))
            else:
                process = limit.process
            members.append((process, float(weight)))
            parameters += float(weight) * process.parameters
    for (fit, design), weight in zip(fits, weights[len(limits) :], strict=True):
        if weight:
            whole = fit if n <= SMALL_ROWS else _on_all(fit, design, x, y)
            features = design.axes[0].features
            members.append((CpPosterior(features, whole.weights, whole.summary.laplace, whole.noise), float(weight)))
            parameters += weight * float(whole.summary.parameters.sum())
            settled = settled and whole.settled
    noise = float(sum(weight * member.noise for member, weight in members))
    widening, honest = 1.0, list(left_out)
    if n <= SMALL_ROWS:
        plain: list[tuple[Member, float]] = [
            (limit.process, float(weight)) for limit, weight in zip(limits, weights, strict=False) if weight
        ]
        plain.extend(member for member in members if isinstance(member[0], CpPosterior))
        for i, (limit, weight) in enumerate(zip(limits, weights, strict=False)):
            if weight and len(own) <= REFITTED_ROWS:
                honest[i] = predict_limit_left_out(limit.choice, own, target, folds)
        widening = _widening(target, honest, weights, members, plain, seed)
    mean = np.sum([w * m for (m, _), w in zip(honest, weights, strict=True)], axis=0)
    spread = np.sum([w * (v + (m - mean) ** 2) for (m, v), w in zip(honest, weights, strict=True)], axis=0)
    scores = np.abs(target - mean) / np.sqrt(widening * spread) if n <= SMALL_ROWS else None
    order = sorted(range(len(fits)), key=lambda i: -densities.mean(axis=0)[len(limits) + i])
    products = tuple((fits[i][0], fits[i][1].axes[0].features) for i in order)
    return TableFit(
        tuple(members), noise, widening, candidates, scores, rows, target - mean, widening * spread - noise, products,
        main, parameters, settled,
    )  # fmt: skip


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


class _Limit(NamedTuple):
    """The limit at one choice of hyperparameters: its process, which is factorised once, and what that says of every
    row without it."""

    choice: LimitChoice
    process: Process
    left_out: tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]


def _weights(densities: np.ndarray, limits: list[LimitChoice], *, few: bool) -> np.ndarray:
    """Weights of all candidates, the limits first, by the density of left-out rows.

    A few left-out rows do not tell one smoothness from another, and the one that seems the best of three is too sure of
    itself: there the limits stand together, each with its share of the evidence.
    """
    count = len(limits)
    if not few or count < 2:
        return stacking_weights(densities)
    evidence = np.array([choice.evidence for choice in limits])
    shares = np.exp(evidence - evidence.max())
    shares = np.where(shares < NEGLIGIBLE * shares.sum(), 0.0, shares)
    shares /= shares.sum()
    together = logsumexp(densities[:, :count], axis=1, b=shares)
    weights = stacking_weights(np.column_stack([together, densities[:, count:]]))
    return np.concatenate([weights[0] * shares, weights[1:]])


def _promising(choices: list[LimitChoice], x: np.ndarray, y: np.ndarray) -> list[_Limit]:
    """The choices that are not far behind the best, judged by left-out rows in closed form."""
    processes = [choice.process(x, y) for choice in choices]
    limits = [_Limit(c, process, process.left_out()) for c, process in zip(choices, processes, strict=True)]
    densities = [float(np.mean(log_density(y, *limit.left_out))) for limit in limits]
    return [limit for limit, density in zip(limits, densities, strict=True) if density > max(densities) - FAR_BEHIND]


def _widening(
    y: np.ndarray,
    left_out: Sequence[tuple[np.ndarray, np.ndarray]],
    weights: np.ndarray,
    members: Sequence[tuple[Member, float]],
    plain: Sequence[tuple[Member, float]],
    seed: int,
) -> float:
    """By how much variances are too small: the mean square of left-out rows in units of what was said of them.

    What marginalised hyperparameters have widened already, on average over the domain, is not widened again; `plain`
    has the same members without that. A few rows that are far off count as much as ones at four standard deviations.
    """
    mean = np.sum([w * m for (m, _), w in zip(left_out, weights, strict=True)], axis=0)
    spread = np.sum([w * (v + (m - mean) ** 2) for (m, v), w in zip(left_out, weights, strict=True)], axis=0)
    squares = np.minimum((y - mean) ** 2 / spread, 16.0)
    factor = (float(np.sum(squares)) + PSEUDO_ROWS) / (len(y) + PSEUDO_ROWS)
    member = members[0][0]
    dimensions = member.points.shape[1] if isinstance(member, Process) else len(member.features)
    anywhere = np.random.default_rng([seed, 67]).random((200, dimensions))
    already = np.mean(np.log(mix(members, anywhere)[1] + 1e-300) - np.log(mix(plain, anywhere)[1] + 1e-300))
    return max(1.0, factor / float(np.exp(max(already, 0.0))))


def _products(
    x: np.ndarray, y: np.ndarray, choice: LimitChoice, allowed: Allowed, seed: int
) -> list[tuple[CpFit, Design]]:
    """The sums of products of highest evidence."""
    dimensions = x.shape[1]
    theta = choice.theta
    shares = 1.0 / (1.0 + np.exp(-theta[dimensions : 2 * dimensions]))
    found: list[tuple[CpFit, Design]] = []
    best, only = -np.inf, allowed.modes
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
        fits = grow(design, float(np.exp(theta[-2])), most, seed, only=only, guide=guide, rival=rival)
        found.extend((fit, design) for fit in fits)
        top = max(fits, key=lambda fit: fit.summary.evidence)
        if top.summary.evidence < max(best + 1.0, rival) or dimensions == 1:
            break
        # Shorter lengths are tried with the number of modes that was best.
        best, only = top.summary.evidence, top.modes
    found.sort(key=lambda one: -one[0].summary.evidence)
    return found[: JUDGED if found[0][0].summary.evidence >= rival else 1]


def _on_all(fit: CpFit, design: Design, x: np.ndarray, y: np.ndarray) -> CpFit:
    """A fit to some of the rows, brought to all of them."""
    features: tuple[Features, ...] = design.axes[0].features
    whole = Design.table(AxisDesign.of(features, x), y)
    problem = looked_at_once(whole, fit.weights)
    begin = Fit(fit.weights, problem.linearised(fit.weights), 1e-2)
    prior: WeightPrior = fit.prior
    return learn(problem, gauss_newton(problem, begin, prior, fit.noise, 4), prior, fit.noise)
