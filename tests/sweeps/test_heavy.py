"""Short forms of what `python -m tests.sweeps.heavy` checks at length; test_resume_sweeps.py kills a sweep at a chosen
moment."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.sweeps.heavy import kills, sweep_kills


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
