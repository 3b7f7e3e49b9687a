"""What the numbers of a step say against it: reasons to distrust a fit that went through without an error.

The sentences bear no numbers, which stand in the metrics and diagnostics: so one caution stays one sentence over many
steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from binn_cli.results.record import Step

DETERMINED = 0.9
"""Effective parameters over points above which a residual says little about the noise."""

LEVEL, MISSED, STANDARD_ERRORS = 0.95, 0.1, 3.0
"""Intervals of 95 % are doubted if fewer values lie in them by more than a tenth, and by more than three standard
errors of a share among
so many cases: the points of a case hang together."""

FAR_TOO_WIDE, ENOUGH = 10.0, 20
"""The standard deviation over the error above which intervals say nothing, judged by so many cases at least."""

NEAR_ROUND_OFF = 1e-6
"""Standard deviation over that of the output below which nobody minds that intervals could be narrower: a residual of
round-off says no more."""

JUDGED_ROWS = 10
"""Rows from which on intervals that were judged by rows left out need no other judgement."""

WIDENED = 2.25
"""Factor on the variance, found by leaving rows out, from which on it is worth a word."""

EXPLAINED = 0.01
"""Share of the variance below which nothing was learned."""

LARGEST_R_HAT = 1.05
"""R-hat above which Markov chains have not forgotten where they began."""

_UNDEFINED_FOR_CONSTANTS = ("rel_rmse", "r2")
_NAMED = 3


def cautions(step: Step, outputs: Sequence[str]) -> tuple[str, ...]:
    """One sentence for each thing that is suspicious about a step whose metrics are of the given outputs."""
    of_fit = (*_unexplained(step, outputs), *_undetermined(step, outputs), *_doubtful(step, outputs))
    return (*_not_finite(step, outputs), *of_fit, *_unconverged(step))


def _not_finite(step: Step, outputs: Sequence[str]) -> Iterator[str]:
    for split, scores in step.metrics.items():
        for i, output in enumerate(outputs):
            # rel_rmse and r2 are undefined for a constant truth, which is no fault of the fit
            bad = [
                name
                for name, values in scores.items()
                if name not in _UNDEFINED_FOR_CONSTANTS and not np.isfinite(values[i])
            ]
            if bad:
                more = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
                yield (
                    f'not finite on the split "{split}" for the output {output}: {", ".join(bad[:_NAMED])}{more}; '
                    f"distrust this fit"
                )


def _unexplained(step: Step, outputs: Sequence[str]) -> Iterator[str]:
    for i, output in enumerate(outputs):
        shares = {split: scores["r2"][i] for split, scores in step.metrics.items() if "r2" in scores}
        missed = [split for split, share in shares.items() if np.isfinite(share) and share < EXPLAINED]
        if "train" in missed:
            yield (
                f"the fit explains less than 1 % of the variance of {output} on its own training points: "
                "a stated length scale or prior (model.length, model.prior_variance) may be far off, or the data are "
                "noise"
            )
        elif missed:
            splits = " and ".join(f'"{split}"' for split in missed)
            yield (
                f"the fit explains less than 1 % of the variance of {output} on the split {splits}: "
                "away from its training points it knows next to nothing"
            )


def _undetermined(step: Step, outputs: Sequence[str]) -> Iterator[str]:
    if "widening" in step.diagnostics and step.n_train >= JUDGED_ROWS:
        return  # rows that were left out have said more
    parameters = np.atleast_1d(step.diagnostics.get("effective_parameters", np.nan))
    for output, number in zip(outputs, parameters, strict=False):
        if number > DETERMINED * step.n_train:
            yield (
                f"there are hardly more points than effective parameters for {output}: "
                "the data hardly determine the noise, and the intervals may be too narrow"
            )


def _doubtful(step: Step, outputs: Sequence[str]) -> Iterator[str]:
    """Intervals that do not hold, and inference that did not come to its end."""
    for split, scores in step.metrics.items():
        cases = step.cases.get(split, 0)
        if split == "train" or not cases or "coverage_95" not in scores:
            continue
        tolerated = max(MISSED, STANDARD_ERRORS * float(np.sqrt(LEVEL * (1.0 - LEVEL) / cases)))
        judged = f"judged by {cases:,} {'cases' if cases > 1 else 'case'}"
        for i, output in enumerate(outputs):
            if scores["coverage_95"][i] < LEVEL - tolerated:
                yield (
                    f'far fewer than 95 % of the split "{split}" lie in the 95 % intervals of {output}, {judged}: '
                    f"they are too narrow"
                )
            elif cases >= ENOUGH and _is_far_too_wide(scores["sharpness"][i], scores["rmse"][i], scores["rel_rmse"][i]):
                wide = f"more than {FAR_TOO_WIDE:g} times as wide as the errors"
                yield f'the intervals of {output} are {wide} on the split "{split}", {judged}'
    for output, factor in zip(outputs, np.atleast_1d(step.diagnostics.get("widening", 1.0)), strict=False):
        if factor > WIDENED:
            yield (
                f"rows left out in turn were missed by far more than the fit said of {output}; its intervals have "
                f"been widened by that"
            )
    stopped = [
        o for o, done in zip(outputs, np.atleast_1d(step.diagnostics.get("settled", 1.0)), strict=False) if done == 0.0
    ]
    if stopped:
        named = " and ".join(stopped[:_NAMED])
        yield (
            f"inference reached its limit before it had settled for {named}: raise model.sweeps, or distrust the "
            f"last digits"
        )


def _is_far_too_wide(deviation: float, error: float, relative_error: float) -> bool:
    """Whether intervals are far wider than errors, and wider than round-off; the errors' ratio is the output's
    spread."""
    spread = error / relative_error if relative_error > 0.0 else 0.0
    return deviation > FAR_TOO_WIDE * error > 0.0 and not deviation < NEAR_ROUND_OFF * spread


def _unconverged(step: Step) -> Iterator[str]:
    quantities = {"function": "predictions", "log_density": "log density", "log_noise": "noise"}
    found = {text: step.diagnostics.get(f"r_hat_{name}") for name, text in quantities.items()}
    # Not below the bound, rather than above it: a NaN is no convergence.
    bad = [text for text, value in found.items() if value is not None and not np.max(value) <= LARGEST_R_HAT]
    if bad:
        yield (
            f"the Markov chains have not converged (R-hat of the {' and the '.join(bad)} above {LARGEST_R_HAT}): "
            "the intervals are doubtful; raise model.warmup and model.samples"
        )
    if np.sum(step.diagnostics.get("divergences", 0)) > 0:
        yield (
            "trajectories of the sampler diverged, so that parts of the posterior were not reached; raise "
            "model.target_accept"
        )
    if "subsample_of" in step.diagnostics:
        yield (
            "a random part of the points was learned from (model.subsample), so that the posterior is wider than "
            "that of all of them"
        )
