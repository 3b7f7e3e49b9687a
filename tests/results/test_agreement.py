"""Whether two runs agree: to the last bit, to round-off, or not; and what else they do not share."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from binn_cli.results.agreement import BITS, DIGITS, NOT, differences, verdict_of, what_differs
from binn_cli.results.record import RunRecord


@pytest.fixture
def complete(record: RunRecord) -> RunRecord:
    return replace(record, status="complete", reason=None)


def with_mean(record: RunRecord, shift: float) -> RunRecord:
    assert record.predictions is not None
    return replace(record, predictions=replace(record.predictions, mean=record.predictions.mean + shift))


def with_rmse(record: RunRecord, factor: float) -> RunRecord:
    last = record.steps[-1]
    metrics = {**last.metrics, "test": {**last.metrics["test"], "rmse": last.metrics["test"]["rmse"] * factor}}
    return replace(record, steps=(*record.steps[:-1], replace(last, metrics=metrics)))


def test_the_same_run_agrees_to_the_last_bit(complete: RunRecord) -> None:
    found = differences(complete, replace(complete))
    assert verdict_of(found) == BITS and all(d.largest == 0 for d in found)
    assert {"rmse on test", "predictions/mean", "acquired k"} <= {d.name for d in found}


@pytest.mark.parametrize(("shift", "verdict"), [(1e-13, DIGITS), (1e-10, DIGITS), (1e-6, NOT)])
def test_predictions_to_round_off_of_the_largest_value(complete: RunRecord, shift: float, verdict: str) -> None:
    found = differences(complete, with_mean(complete, shift))
    assert verdict_of(found) == verdict
    (mean,) = [d for d in found if d.verdict != BITS]
    assert mean.name == "predictions/mean" and mean.largest == pytest.approx(shift, rel=1e-2)


@pytest.mark.parametrize(("factor", "verdict"), [(1 + 1e-9, DIGITS), (1.001, NOT)])
def test_scores_to_a_part_of_themselves(complete: RunRecord, factor: float, verdict: str) -> None:
    assert verdict_of(differences(complete, with_rmse(complete, factor))) == verdict


def test_a_tiny_error_that_is_round_off_itself_agrees(complete: RunRecord) -> None:
    tiny, other = with_rmse(complete, 1e-13), with_rmse(complete, 3e-13)
    assert verdict_of(differences(tiny, other)) == DIGITS


def test_other_cases_or_missing_values_do_not_agree(complete: RunRecord) -> None:
    last = complete.steps[-1]
    other = replace(complete, steps=(*complete.steps[:-1], replace(last, acquired={"k": 9.0, "P": 150.0})))
    assert verdict_of(differences(complete, other)) == NOT
    assert verdict_of(differences(complete, replace(complete, steps=complete.steps[:-1]))) == NOT
    assert verdict_of(differences(complete, with_rmse(complete, np.nan))) == NOT


def test_what_two_runs_do_not_share() -> None:
    before = {"git_commit": "a", "data_identity": "{}", "version_jax": "1", "argv": "x", "python": "3.11"}
    after = {
        "git_commit": "b",
        "data_identity": '{"dataset.path": "1"}',
        "version_jax": "2",
        "argv": "y",
        "python": "3.11",
        "devices": "cpu",
    }
    assert what_differs(before, after) == {
        "git_commit": ("a", "b"),
        "data_identity": ("{}", '{"dataset.path": "1"}'),
        "devices": ("not recorded", "cpu"),
        "version_jax": ("1", "2"),
    }
