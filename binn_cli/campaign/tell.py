"""The verb `tell`: results that somebody has found, of cases that were asked for and of others."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from binn_cli import build
from binn_cli.campaign.campaign import Campaign, opened
from binn_cli.campaign.told_answers import keep
from binn_cli.compiled_code import prepare_jax
from binn_cli.datasets.calls import COMPLETE, NO_ROUND, PENDING
from binn_cli.datasets.simulator.answers import Answer, read_answers
from binn_cli.datasets.simulator.cases import text_of
from binn_cli.errors import BinnError, DataError
from binn_cli.tasks.active_learn import ActiveLearn

FEWEST = 3
"""Results from which on a surrogate is fitted."""


def tell(run: Path, results: Path, replace: bool = False) -> int:
    """Take the results in, fit, and say on stderr what that has brought; all of them are taken or none.

    Args:
        run: directory of a run, or its results file.
        results: a table with a column for each parameter and output, or a column `file` that names files with outputs;
            a column `status` says which simulations failed.
        replace: whether a result that differs from one that was told before takes its place.

    Returns:
        The exit status.

    Raises:
        BinnError: if the run asks no solver, what it stands on has changed, or a result cannot be used or contradicts
            another.
    """
    prepare_jax()
    with opened(run) as campaign:
        dataset = campaign.dataset
        # What the surrogate stands on, such as the run of a cheap solver, is that of the rounds before.
        campaign.recorder.identify(build.data_identity(campaign.settings, dataset))
        answers = read_answers(
            results, dataset.space, dataset.constraints, dataset.layout, campaign.dataset.config.output
        )
        new = news(campaign, answers, replace)
        asked = [_was_out(campaign, answer) for answer in new]
        for answer in new:
            dataset.accepted(answer, NO_ROUND)
        keep(campaign.directory, new)
        campaign.keep_calls()
        print(_said(new, asked, len(answers) - len(new)), file=sys.stderr)
        # Not only those of this file: whoever told others may have been stopped before the fit.
        fresh = [row for row in dataset.with_answers if row not in campaign.learned()]
        if dataset.with_answers and (fresh or any(answer.field is not None for answer in new)):
            _learn(campaign, fresh)
    return 0


def news(campaign: Campaign, answers: Sequence[Answer], replace: bool) -> list[Answer]:
    """Those that say something new.

    Raises:
        DataError: if one contradicts what is known and is not to replace it.
    """
    dataset, new = campaign.dataset, []
    for answer in answers:
        (row,) = dataset.admitted(answer.point)
        before = dataset.answer_of(row)
        if before is not None and before.agrees_with(answer):
            continue
        if before is not None and before.status == COMPLETE and not replace:
            case = text_of(dataset.space.told(answer.point))
            other = (
                f"another result of {case} is known ({before.place})"
                if before.place
                else f"another result of {case} is known"
            )
            raise DataError(f"{answer.place}: {other}; if this one is right, tell it with --replace")
        new.append(answer)
    return new


def _was_out(campaign: Campaign, answer: Answer) -> bool:
    out = [call for call in campaign.dataset.calls.each if call.status == PENDING]
    return any(campaign.dataset.space.same(answer.point[None], call.parameters)[0] for call in out)  # type: ignore[arg-type]


def _learn(campaign: Campaign, fresh: Sequence[int]) -> None:
    dataset = campaign.dataset
    known = dataset.with_answers
    if len(known) < FEWEST:
        missing = FEWEST - len(known)
        print(f"the first fit needs {missing} more {'result' if missing == 1 else 'results'}", file=sys.stderr)
        return
    task = build.task(campaign.settings)
    assert isinstance(task, ActiveLearn)
    try:
        if campaign.recorder.record.surrogate is None or not fresh:
            fresh = known  # all are new to the first fit, and a replaced one asks for a fit to all
        task.learn(campaign.as_dataset, campaign.model(), campaign.recorder, known, fresh)
    except BinnError as error:
        print(f"the results are kept, but no surrogate could be fitted: {error}", file=sys.stderr)
        return
    from binn_cli.campaign.status import outlook_of

    for line in outlook_of(campaign.recorder.record):
        print(line, file=sys.stderr)


def _said(new: Sequence[Answer], asked: Sequence[bool], again: int) -> str:
    failed = sum(answer.status != COMPLETE for answer in new)
    unasked = len(asked) - sum(asked)
    parts = [f"{len(new)} {'result' if len(new) == 1 else 'results'} taken in"]
    parts += [f"{failed} of them failed"] if failed else []
    parts += [f"{unasked} of cases that nobody asked for"] if unasked else []
    parts += [f"{again} known already"] if again else []
    return ", ".join(parts)
