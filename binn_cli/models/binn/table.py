"""Fitting a table: the limit and sums of products with every number of modes, averaged by what they say of left-out
rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, Int

from binn_cli.models.binn.cp.design import AxisDesign
from binn_cli.models.binn.cp.gauss_newton import Fit, WeightPrior, gauss_newton
from binn_cli.models.binn.cp.learning import CpFit, learn
from binn_cli.models.binn.cp.linear import LinearProblem, learn_linear, looked_at_once
from binn_cli.models.binn.cp.normal_equations import Design
from binn_cli.models.binn.cp.posterior import CpPosterior
from binn_cli.models.binn.limit.hyperparameters import marginalised
from binn_cli.models.binn.limit.kernel import SMOOTHNESS, Prior
from binn_cli.models.binn.limit.process import Process
from binn_cli.models.binn.limit.table import MOST_ROWS, LimitChoice, choose_hyperparameters, draw_hyperparameters
from binn_cli.models.binn.mixture import Member, mixed
from binn_cli.models.binn.selection.folds import LeftOut, predict_left_out, predict_limit_left_out, split_rows
from binn_cli.models.binn.selection.limits import Limit, promising_limits, weigh
from binn_cli.models.binn.selection.products import JUDGED, Products, Wanted, find_anew, promising_products
from binn_cli.models.binn.selection.stacking import log_density
from binn_cli.models.binn.selection.widening import narrowing_of, widening_of

SMALL_ROWS = 3000
"""Rows with which structure is chosen; where there are more, what was chosen is then fitted to all of them."""

ANEW_ROWS, ANEW_PER_INPUT = 20, 5
"""Rows, and rows for each input, up to which sums of products are judged by ones that are found anew without the
left-out rows: so few rows choose among lengths, numbers of modes and optima that they do not tell apart, and would be
judges in their own case."""

ELSEWHERE_ROWS, ELSEWHERE_PER_INPUT, ELSEWHERE = 40, 8, 0.25
"""Rows, and rows for each input, up to which sums of products that are found without a part of them take part, and
their share of the weight of all sums of products: they have come to other optima, which the linearised posterior around
one does not know of."""

REFITTED_ROWS = 600
"""Rows up to which the limit is judged with hyperparameters that were found without the left-out rows."""

CONSTANT = 1e-12
"""Range of an output, relative to its size, up to which it is a constant; and the prior variance of what it could be
else."""


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
        """Of the members of a mixture; of its sums of products, those of most weight."""
        products = [(weight, member) for member, weight in members if isinstance(member, CpPosterior)]
        products.sort(key=lambda one: -one[0])
        return cls(choice, tuple(member for _, member in products[:JUDGED]))


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
    limits = promising_limits(choices, own, target) if allowed.limit and n <= MOST_ROWS else []
    products: list[Products] = []
    if allowed.products:
        announce("fitting sums of products")
        wanted = Wanted(allowed.modes, beside_limit=allowed.limit)
        products = promising_products(own, target, choices[0], wanted, seed, before.products if before else ())
    judged = _judge(limits, products, own, target, choices[0], seed)
    weights, count = judged.weights, len(limits)
    kept = [(limit, float(weight)) for limit, weight in zip(limits, weights, strict=False) if weight]
    of_limits = [(_limit_of_all(limit, x, y, seed), weight) for limit, weight in kept]
    of_products, parameters, settled = _products_of_all(judged, weights[count:], x, y)
    parameters += float(sum(weight * process.parameters for process, weight in of_limits))
    members: list[tuple[Member, float]] = [*of_limits, *of_products]
    noise = float(sum(weight * member.noise for member, weight in members))
    left_out = list(judged.left_out)
    if n <= SMALL_ROWS and len(own) <= REFITTED_ROWS:
        for i, limit in enumerate(limits):
            if weights[i]:
                left_out[i] = predict_limit_left_out(limit.choice, own, target, judged.folds)
    mean, spread = mixed(left_out, weights)
    widening, scores = narrowing_of(target, mean, spread), None
    if n <= SMALL_ROWS:
        plain: list[tuple[Member, float]] = [*((limit.process, weight) for limit, weight in kept), *of_products]
        widening = widening_of(target, mean, spread, members, plain, seed)
        scores = np.abs(target - mean) / np.sqrt(widening * spread)
    noise *= min(widening, 1.0)
    return TableFit(
        tuple(members), noise, widening, judged.candidates, scores, rows, target - mean, widening * spread - noise,
        choices[0], parameters, settled,
    )  # fmt: skip


@dataclass(frozen=True)
class _Judged:
    """What left-out rows say of all candidates, the limits first.

    Attributes:
        products: the sums of products among them.
        elsewhere: what was found in place of the first of these, without each fold in turn.
        folds: rows of each.
        left_out: mean and variance of every row under every candidate.
        weights: of the candidates.
        candidates: their names, densities and weights.
    """

    products: list[Products]
    elsewhere: list[CpPosterior]
    folds: list[Int[np.ndarray, " f"]]
    left_out: list[LeftOut]
    weights: Float[np.ndarray, " C"]
    candidates: tuple[Candidate, ...]


def _judge(
    limits: list[Limit], products: list[Products], x: np.ndarray, y: np.ndarray, choice: LimitChoice, seed: int
) -> _Judged:
    """Weigh the candidates by what they say of left-out rows."""
    folds = split_rows(len(x), seed)

    def weighed(products: list[Products], of_products: list[LeftOut], elsewhere: list[CpPosterior]) -> _Judged:
        names = [f"limit ({limit.choice.smoothness})" for limit in limits]
        names += [f"{one.fit.modes} mode{'s' if one.fit.modes > 1 else ''}" for one in products]
        left_out = [*(limit.left_out for limit in limits), *of_products]
        densities = np.stack([log_density(y, mean, variance) for mean, variance in left_out], axis=1)
        weights = weigh(densities, [limit.choice for limit in limits], few=marginalised(*x.shape))
        found = zip(names, densities.mean(axis=0), weights, strict=True)
        candidates = tuple(Candidate(name, float(density), float(weight)) for name, density, weight in found)
        return _Judged(products, elsewhere, folds, left_out, weights, candidates)

    judged = weighed(products, [predict_left_out(one.fit, one.design, x, folds) for one in products], [])
    rows, inputs = x.shape
    if rows > min(ELSEWHERE_ROWS, ELSEWHERE_PER_INPUT * inputs) or not np.any(judged.weights[len(limits) :]):
        return judged
    left_out, elsewhere = find_anew(products[0], x, y, choice, seed, folds)
    if rows > min(ANEW_ROWS, ANEW_PER_INPUT * inputs):
        return replace(judged, elsewhere=elsewhere)
    return weighed(products[:1], [left_out], elsewhere)


def _limit_of_all(limit: Limit, x: Float[np.ndarray, "n D"], y: Float[np.ndarray, " n"], seed: int) -> Process:
    """The limit that all rows teach, its hyperparameters marginalised where rows are few."""
    if len(x) > SMALL_ROWS:
        return limit.choice.process(x, y)
    if marginalised(*x.shape):
        return limit.choice.process(x, y, draw_hyperparameters(limit.choice, x, y, seed))
    return limit.process


def _products_of_all(
    judged: _Judged, weights: Float[np.ndarray, " M"], x: Float[np.ndarray, "n D"], y: np.ndarray
) -> tuple[list[tuple[CpPosterior, float]], float, bool]:
    """The sums of products of some weight, of all rows; their effective parameters, and whether all have settled."""
    found: list[tuple[CpPosterior, float]] = []
    parameters, settled = 0.0, True
    share = ELSEWHERE if judged.elsewhere else 0.0
    for one, weight in zip(judged.products, map(float, weights), strict=True):
        if weight:
            whole = one.fit if len(x) <= SMALL_ROWS else _on_all(one, x, y)
            found.append((one._replace(fit=whole).posterior, (1.0 - share) * weight))
            parameters += weight * float(whole.summary.parameters.sum())
            settled = settled and whole.settled
    if found:
        found.extend((other, share * float(np.sum(weights)) / len(judged.elsewhere)) for other in judged.elsewhere)
    return found, parameters, settled


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
        ((process, 1.0),), process.noise, 1.0, candidates, none, rows, none, none, choice, 1.0, True
    )  # fmt: skip


def _on_all(one: Products, x: np.ndarray, y: np.ndarray) -> CpFit:
    """A fit to some of the rows, brought to all of them."""
    fit = one.fit
    problem = looked_at_once(Design.table(AxisDesign.of(one.features, x), y), fit.weights)
    prior: WeightPrior = fit.prior
    if isinstance(problem, LinearProblem):
        return learn_linear(problem, prior, fit.noise)
    begin = Fit(fit.weights, problem.linearised(fit.weights), 1e-2)
    return learn(problem, gauss_newton(problem, begin, prior, fit.noise, 4), prior, fit.noise)
