"""The verb `ask`: which simulations to make next, and what each is expected to bring."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from binn_cli.campaign.campaign import Campaign, opened
from binn_cli.compiled_code import prepare_jax
from binn_cli.config.schema import ActiveLearnConfig
from binn_cli.datasets.calls import ASKED, PENDING, Call
from binn_cli.datasets.product import Axis
from binn_cli.datasets.simulator.cases import Value
from binn_cli.errors import BinnError
from binn_cli.models.surrogate import FittedSurrogate, KnowsCases
from binn_cli.tasks.proposing import next_cases, pending_rows
from binn_cli.tasks.references import COMPARED, WITHOUT_COVARIANCE, References, reference_cases, some_of

TABLE, CSV, JSON = "table", "csv", "json"
"""How the cases are printed."""
GAIN = "gain"


@dataclass(frozen=True)
class Proposal:
    """A case to simulate.

    Attributes:
        case: its parameters, as the solver is told them.
        gain: share by which it is expected to lower the surrogate's error over all cases, once those before it and all
            that are out are known; NaN before the first fit, or where the model cannot tell.
        round: the fit after which it was chosen; 0 for the cases to begin with.
    """

    case: dict[str, Value]
    gain: float
    round: int


def ask(run: Path, count: int, form: str) -> int:
    """Print cases on stdout, which count as out from then on.

    Args:
        run: directory of a run, or its results file.
        count: how many cases.
        form: TABLE, CSV or JSON.

    Returns:
        The exit status.

    Raises:
        BinnError: if the run asks no solver, or no case is left.
    """
    prepare_jax()
    with opened(run) as campaign:
        proposals = propose(campaign, count)
        text = {TABLE: _table, CSV: _csv, JSON: _json}[form](proposals)
        campaign.keep_calls()
        conclusion = campaign.recorder.record.conclusion
    if conclusion:
        print(conclusion, file=sys.stderr)
    if len(proposals) < count:
        print(f"only {len(proposals)} {'case is' if len(proposals) == 1 else 'cases are'} left", file=sys.stderr)
    print(text, end="")
    return 0


def propose(campaign: Campaign, count: int) -> list[Proposal]:
    """The next cases, marked as asked for: those of the beginning that nobody has taken, then the ones worth most.

    Raises:
        BinnError: if no case is left.
    """
    dataset = campaign.dataset
    planned = [row for row in dataset.asked if _is_planned(dataset.calls.each[dataset.asked.index(row)])]
    taken, out = planned[:count], [row for row in pending_rows(dataset, dataset.asked) if row not in planned]
    fitted = campaign.fitted()
    axes = _field(campaign) if fitted is not None else ()
    if len(taken) < count:
        wanted = count - len(taken)
        config = _acquisition(campaign, fitted, alone=not out and not taken and wanted == 1)
        outputs = dataset.config.outputs
        found, _ = next_cases(
            config, campaign.as_dataset, fitted, axes, dataset.asked, campaign.number, wanted, outputs  # type: ignore[arg-type]
        )  # fmt: skip
        taken += [row for row in found if row not in taken]
    if not taken:
        raise BinnError(
            f"{campaign.directory}: every candidate has been asked for; widen dataset.candidates in a new run"
        )
    seed = _config(campaign).seed
    references = some_of(reference_cases(campaign.as_dataset, seed), COMPARED, seed)
    gains = expected_gains(fitted, axes, references, dataset.candidates, out, taken)
    points = dataset.candidates.points
    known = {call.parameters: call for call in dataset.calls.each}
    proposals = []
    for row, gain in zip(taken, gains, strict=True):
        before = known.get(tuple(points[row].tolist()))
        number = campaign.number if before is None else before.round
        dataset.expect([Call(tuple(points[row].tolist()), PENDING, number, source=ASKED)])
        proposals.append(Proposal(dataset.space.told(points[row]), gain, number))
    return proposals


def _acquisition(campaign: Campaign, fitted: FittedSurrogate | None, *, alone: bool) -> ActiveLearnConfig:
    """How cases are chosen: as the run says, or where that cannot be, as far as possible from all that are known or
    out."""
    config = _config(campaign)
    needs = fitted is None or (
        config.acquisition == "ivr" or (config.acquisition in ("mean_std", "max_std", "ei") and not alone)
    )
    if not needs or isinstance(fitted, KnowsCases):
        return config
    if fitted is not None:
        print(
            f"{WITHOUT_COVARIANCE.partition(';')[0]}: these cases are the farthest from all others (maximin)",
            file=sys.stderr,
        )
    return replace(config, acquisition="maximin", output="")


def _config(campaign: Campaign) -> ActiveLearnConfig:
    config = campaign.settings.task
    assert isinstance(config, ActiveLearnConfig)
    return config


def expected_gains(
    fitted: FittedSurrogate | None,
    axes: Sequence[Axis],
    references: Axis,
    candidates: Axis,
    out: Sequence[int],
    rows: Sequence[int],
) -> list[float]:
    """What each case is expected to take off the error, in closed form, after those before it.

    Args:
        fitted: the surrogate; None before the first fit.
        axes: of the field of a case.
        references: cases that stand for all.
        candidates: all cases.
        out: rows of those whose answers are out.
        rows: the cases.
    """
    if fitted is None or not isinstance(fitted, KnowsCases):
        return [float("nan")] * len(rows)
    points = candidates.points
    known = References(fitted, axes, candidates, references.points, points[list(out)], points[list(rows)])
    gains = []
    for row in rows:
        gains.append(float(known.gains(points[[row]])[0]))
        known = known.knowing(points[row])
    return gains


def _is_planned(call: Call) -> bool:
    """Whether a case was chosen to begin with and nobody has it yet."""
    return call.status == PENDING and call.source != ASKED


def _field(campaign: Campaign) -> tuple[Axis, ...]:
    data = campaign.dataset.answered(campaign.dataset.with_answers)
    assert data is not None
    return data.axes[:-1]


def _csv(proposals: Sequence[Proposal]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*proposals[0].case, GAIN if GAIN not in proposals[0].case else f"expected_{GAIN}"])
    writer.writerows([*map(_exact, p.case.values()), "" if np.isnan(p.gain) else f"{p.gain:.3g}"] for p in proposals)
    return text.getvalue()


def _exact(value: Value) -> str:
    return repr(value) if isinstance(value, float) else str(value)


def _json(proposals: Sequence[Proposal]) -> str:
    cases = [{"parameters": p.case, "gain": None if np.isnan(p.gain) else p.gain, "round": p.round} for p in proposals]
    return json.dumps({"cases": cases}, indent=2, ensure_ascii=False) + "\n"


def _table(proposals: Sequence[Proposal]) -> str:
    from binn_cli.views.console.campaigns import proposed

    gains = ["" if np.isnan(p.gain) else f"{100 * p.gain:.2g} %" for p in proposals]
    return proposed([p.case for p in proposals], gains)
