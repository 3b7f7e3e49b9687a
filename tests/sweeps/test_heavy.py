"""Short forms of what `python -m tests.sweeps.heavy` checks at length; test_resume_sweeps.py kills a sweep at a chosen
moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sweeps.heavy import kills, sweep_kills
from tests.sweeps.solver_kills import failing_solvers, solver_kills


@pytest.fixture(autouse=True)
def quick_to_compile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--xla_backend_optimization_level=0")


@pytest.mark.slow
def test_runs_that_are_killed_go_on_to_the_same_numbers(tmp_path: Path) -> None:
    tally = kills(2, tmp_path, rounds=2)
    assert tally.failures == [] and tally.counts["numbers agree to the last bit"] == 2, tally


@pytest.mark.thorough
def test_a_sweep_that_is_killed_as_a_whole_goes_on(tmp_path: Path) -> None:
    tally = sweep_kills(1, tmp_path, jobs=2, rounds=1)
    assert tally.failures == [] and tally.counts["numbers agree to the last bit"] == 2, tally


@pytest.mark.slow
def test_killed_drivers_and_solvers_lose_nothing_that_was_finished(tmp_path: Path) -> None:
    tally = solver_kills(2, tmp_path, rounds=1, pause=0.02)
    # In one of some dozens of runs on two busy cores the last bits were others than in the undisturbed process.
    agreed = tally.counts["numbers agree to the last bit"] + tally.counts["numbers agree to round-off"]
    assert tally.failures == [] and agreed == 2, tally
    assert tally.counts["simulations finished"] >= 12 and tally.counts["records of calls read"] >= 12


@pytest.mark.thorough
def test_a_solver_that_fails_and_hangs_is_learned_around(tmp_path: Path) -> None:
    tally = failing_solvers(tmp_path, seeds=1, rounds=3)
    assert [failure for failure in tally.failures if not failure.startswith("the error")] == [], tally
    assert tally.counts["calls failed"] > 0
