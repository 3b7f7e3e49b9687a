"""A sum of M products at given features: weights, noise and number of modes, judged by the evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from binn_cli.models.binn.cp.features import DENSE_POINTS, Features
from binn_cli.models.binn.cp.gauss_newton import Fit, Problem, WeightPrior, gauss_newton
from binn_cli.models.binn.cp.normal_equations import pack, unpack
from binn_cli.models.binn.laplace import Summary, summarise
from binn_cli.models.twins import side_by_side

NOISE_FLOOR = 1e-12
"""Smallest noise variance of a standardised output: the squared residual is known no better than round-off."""

TOLERANCE = 1e-5
"""Relative change of the objective by a step below which a round's steps end."""

FIRST_NOISE = (1e-2, 1e-3, 1e-4, 1e-5)
"""Noise variances of the first steps from a new start, one after the other: at once at a low level, steps are too bold;
at a high one, the prior shrinks away what the data have not yet shown."""

Candidate = tuple[Float[np.ndarray, " P"], tuple[float, ...]]
"""A start, and the noise variances of its first steps."""

INTERCEPT = 100.0
"""Prior variance of the intercept of a standardised output: wide, since products that are all positive are offset by
it."""

ROUNDS, ROUNDS_OF_A_START, STEPS_PER_ROUND = 20, 10, 3
"""Rounds of steps with a new noise variance after each, those from one of several starts, and steps per round."""

CARRIED = 1e-6
"""Share of the largest singular value below which a direction of features takes no part in standing for functions."""

SETTLED = 0.1
"""Change of the log evidence in a round below which the noise has settled."""


@dataclass(frozen=True)
class CpFit:
    """A sum of products of one output after its data.

    Attributes:
        weights: (P,) all weights, in the order of `gauss_newton.pack`.
        modes: M.
        noise: σ² in standardised units.
        prior: of the weights.
        summary: the linearised posterior.
        settled: whether the evidence had settled before the rounds ran out.
        damping: of the last step, from which further ones go on.
    """

    weights: Float[np.ndarray, " P"]
    modes: int
    noise: float
    prior: WeightPrior
    summary: Summary
    settled: bool
    damping: float = 1e-2


def level_of(signal: float, modes: int, dimensions: int) -> float:
    """Prior variance of a weight such that the M products together have the prior variance of the signal."""
    return (signal / modes) ** (1.0 / dimensions)


def zero_prior(sizes: Sequence[int], modes: int, signal: float) -> WeightPrior:
    """Weights of mean zero that share the prior variance of the signal evenly, beside an intercept."""
    count = sum(sizes) * modes
    precision = np.full(count, 1.0 / level_of(signal, modes, len(sizes)))
    return WeightPrior(np.zeros(count + 1), np.concatenate([[1.0 / INTERCEPT], precision]))


def start_from_constants(sizes: Sequence[int], modes: int, level: float, rng: np.random.Generator) -> np.ndarray:
    """Every function near its constant: a product of many functions of mean zero would start, and stay, near zero."""
    found = []
    for size in sizes:
        weights = 0.3 * rng.standard_normal((size, modes))
        weights[0] = 0.8 + 0.2 * rng.standard_normal(modes)
        found.append(np.sqrt(level) * weights)
    return pack(found, 0.0)


def start_from_prior(sizes: Sequence[int], modes: int, level: float, rng: np.random.Generator) -> np.ndarray:
    """A draw from the prior."""
    return np.sqrt(level) * pack([rng.standard_normal((size, modes)) for size in sizes], 0.0)


def joined(weights: np.ndarray, more: np.ndarray, sizes: Sequence[int], factor: float) -> Float[np.ndarray, " P"]:
    """The modes of two fits side by side, those of the first scaled by a factor in every dimension."""
    own, intercept = unpack(weights, sizes)
    others, _ = unpack(more, sizes)
    together = [np.concatenate([factor * mine, other], axis=1) for mine, other in zip(own, others, strict=True)]
    return pack(together, intercept)


def carried(
    weights: Float[np.ndarray, " P"], before: Sequence[Features], after: Sequence[Features]
) -> Float[np.ndarray, " Q"]:
    """Weights with which other features come nearest to the same functions of every input, on the whole domain; both in
    the order of `pack`, with an intercept."""
    line = np.linspace(0.0, 1.0, DENSE_POINTS)
    own, intercept = unpack(weights, [features.size for features in before])
    found = [
        np.linalg.lstsq(new(line), old(line) @ w, rcond=CARRIED)[0]
        for w, old, new in zip(own, before, after, strict=True)
    ]
    return pack(found, intercept)


def begin_at(design: Problem, weights: np.ndarray, prior: WeightPrior, noises: Sequence[float], steps: int = 6) -> Fit:
    """First steps from a start, at one noise variance after the other."""
    fit = Fit(weights, design.linearised(weights), 0.1)
    for noise in noises:
        fit = gauss_newton(design, Fit(fit.weights, fit.system, 0.1), prior, noise, steps, tolerance=1e-3)
    return fit


def learn(
    design: Problem,
    begin: Fit,
    prior: WeightPrior,
    noise: float,
    *,
    fixed: bool = False,
    floor: float = NOISE_FLOOR,
    rounds: int = ROUNDS,
    enough: float = 0.0,
) -> CpFit:
    """Weights and noise variance in turn, until the evidence settles.

    The noise variance is the squared residual over N less the effective number of parameters.

    Args:
        design: the data of one output.
        begin: where the first steps have come.
        prior: of the weights.
        noise: σ² to begin with.
        fixed: whether it stays.
        floor: smallest σ².
        rounds: most rounds.
        enough: nats below which no step is made; see `gauss_newton`.
    """
    fit, last, settled = begin, -np.inf, False
    scale = 1.0 / np.sqrt(prior.precision)
    summary: Summary | None = None
    for made in range(rounds):
        damping = fit.damping if enough else min(fit.damping, 1.0)
        here = Fit(fit.weights, fit.system, damping)
        fit = gauss_newton(design, here, prior, noise, STEPS_PER_ROUND, TOLERANCE, enough=enough)
        summary = summarise(fit.system, scale, (fit.weights - prior.mean) / scale, noise, design.count)
        settled = abs(summary.evidence - last) < SETTLED and made > 1
        if settled:
            break
        last = summary.evidence
        if not fixed:
            free = max(design.count - float(summary.parameters.sum()), 0.05 * design.count)
            noise = float(np.clip(fit.system.squared / free, max(noise / 20.0, floor), 20.0 * noise))
    assert summary is not None
    modes = len(fit.weights) // sum(design.sizes)
    return CpFit(fit.weights, modes, noise, prior, summary, settled, fit.damping)


def grow(
    design: Problem,
    signal: float,
    most: int,
    seed: int,
    *,
    only: int | None = None,
    begin: np.ndarray | None = None,
    guide: Problem | None = None,
    patience: int = 2,
    rival: float = -np.inf,
) -> list[CpFit]:
    """Fits with 1, 2, 3, … modes until so many in a row have not raised the evidence; in the order of their modes.

    Each number of modes is tried from the fit before with a new mode beside, and from starts of its own.

    Args:
        design: the data of one output.
        signal: prior variance of the function.
        most: largest number of modes.
        seed: of the starts.
        only: the one number of modes that is asked for, or None for all.
        begin: (P,) weights of so many modes, of the same functions in other features, from which alone is begun.
        guide: values of another model at many points, on which starts make their first steps: few rows alone leave many
            bad optima.
        patience: numbers of modes without a gain after which the search ends.
        rival: log evidence below which, once several modes have been tried, more of them are not worth their time.
    """
    sizes, rng = design.sizes, np.random.default_rng([seed, 41])
    found: list[CpFit] = []
    best, waited = -np.inf, 0
    for modes in [only] if only is not None else ladder(most):
        prior, level = zero_prior(sizes, modes, signal), level_of(signal, modes, len(sizes))
        candidates: list[Candidate] = []
        if begin is None:
            candidates.append((start_from_constants(sizes, modes, level, rng), FIRST_NOISE))
        else:
            candidates.append((begin, FIRST_NOISE[-1:]))
        if begin is None and (modes <= OWN_STARTS or only is not None):
            candidates.append((start_from_prior(sizes, modes, level, rng), FIRST_NOISE))
            if guide is not None and modes > 1:
                guided = begin_at(guide, candidates[0][0], prior, FIRST_NOISE[::2]).weights
                candidates.append((guided, FIRST_NOISE[-1:]))
        if found:
            before = found[-1]
            extra = modes - before.modes
            beside = start_from_constants if len(found) % 2 else start_from_prior
            shrunk = (before.modes / modes) ** (0.5 / len(sizes))
            start = joined(before.weights, 0.5 * beside(sizes, extra, level, rng), sizes, shrunk)
            candidates.append((start, (before.noise, 0.1 * before.noise)))

        def finish(candidate: Candidate, prior: WeightPrior = prior) -> CpFit:
            begin = begin_at(design, candidate[0], prior, candidate[1])
            return learn(design, begin, prior, max(candidate[1][-1], NOISE_FLOOR), rounds=ROUNDS_OF_A_START)

        large = design.count * len(candidates[0][0]) >= SHARED_NUMBERS
        fits = side_by_side(finish, candidates) if large else [finish(candidate) for candidate in candidates]
        found.append(max(fits, key=lambda fit: fit.summary.evidence))
        evidence = found[-1].summary.evidence
        best, waited = (evidence, 0) if evidence > best + 1.0 else (best, waited + 1)
        if (waited >= patience or best < rival) and modes >= LEAST_TRIED:
            break
        if modes >= 2 and best < rival - HOPELESS * design.count:
            break
    return found


SHARED_NUMBERS = 2**16
"""Numbers of the Jacobian from which on starts are shared with a twin of this process. With a second thread they took
1.2 to 1.9 times as long as without: one waits for the other's lock on Python."""

LEAST_TRIED = 4
"""Modes up to which fits are made even if they do not raise the evidence: several at once may be needed."""

HOPELESS = 1.0
"""Nats per row below the rival from which on two modes are enough to see that more of them do not help."""

OWN_STARTS = 4
"""Modes up to which fits have starts of their own too; beyond, they go on from the fit before."""


def ladder(most: int) -> list[int]:
    """Numbers of modes that are tried."""
    return [m for m in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32) if m <= most]
