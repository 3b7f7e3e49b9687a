"""Sweeps that are typed again or gone on with: nothing lost, nothing run twice, and what would be done is told
before."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from binn_cli.results import provenance
from binn_cli.results.fate import fates_of
from binn_cli.results.store import read
from tests.sweeps.conftest import Program, as_killed, sweeps


def fail_for(*modes: int, error: type[BaseException] = ZeroDivisionError):
    def act(model: Any) -> None:
        if model.modes in modes:
            raise error("as told")

    return act


def statuses(sweep: Path) -> list[str]:
    return [fate.status for fate in fates_of(sweep)]


def table(lines: list[str]) -> str:
    """The lines as one, without what folds a table."""
    return " ".join(" ".join(lines).split())


def test_what_is_complete_is_skipped_and_what_failed_runs_again(binn: Program) -> None:
    binn.act = fail_for(2)
    assert binn.sweep("model.modes=1,2,3") == 1
    assert "job 1 failed" in table(binn.err) and "ZeroDivisionError: as told" in table(binn.err)
    (sweep,) = sweeps()
    binn.act = fail_for()
    assert binn.sweep("model.modes=1,2,3", "resume=true", "dry_run=true") == 0
    said = table(binn.out)
    assert "would skip: 2, run again: 1; nothing has been done" in said and "failed: ZeroDivisionError: as told" in said
    assert binn.ran == [] and statuses(sweep) == ["complete", "failed", "complete"]
    assert binn.sweep("model.modes=1,2,3", "resume=true") == 0
    assert binn.ran == [2] and sweeps() == [sweep] and statuses(sweep) == ["complete"] * 3
    assert [Path(line).parent.name for line in binn.out] == [
        "0_regress_sine_binn",
        "1_regress_sine_binn-2",
        "2_regress_sine_binn",
    ]
    assert read(sweep / "1_regress_sine_binn/results.h5").reason == "ZeroDivisionError: as told"
    assert binn.sweep("model.modes=1,2,3", "resume=true") == 0 and binn.ran == []


@pytest.mark.thorough
def test_without_resume_everything_runs_in_a_sweep_of_its_own(binn: Program) -> None:
    for _ in range(2):
        assert binn.sweep("model.modes=1,2") == 0
        assert binn.ran == [1, 2]
    assert len(sweeps()) == 2
    assert binn.sweep("model.modes=1,2", "dry_run=true") == 0
    assert "would run: 2; nothing" in table(binn.out) and len(sweeps()) == 2


def test_an_interrupted_run_goes_on_from_its_last_step(binn: Program) -> None:
    binn.steps = 3
    stops = [1]

    def stop(model: Any) -> None:
        if model.modes == 2 and stops:
            stops.pop()
            raise KeyboardInterrupt

    binn.act = stop
    assert binn.sweep("model.modes=1,2,3") == 1
    (sweep,) = sweeps()
    assert statuses(sweep) == ["complete", "interrupted", "not started"]
    assert binn.err[-1] == f"interrupted; go on with: binn resume {sweep}"
    assert binn("resume", str(sweep), "dry_run=true") == 0
    assert "interrupted after 1 finished step" in table(binn.out) and "there is no run of it yet" in table(binn.out)
    assert binn("resume", str(sweep)) == 0
    assert binn.ran == [2, 3] and statuses(sweep) == ["complete"] * 3
    assert not any("interrupted" in line for line in binn.err), "how it went before is no news"
    assert any(line.startswith("job 1 complete after ") for line in binn.err)
    kept = [read(Path(line)) for line in binn.out]
    assert [[step.metrics["test"]["rmse"][0] for step in run.steps] for run in kept] == [
        pytest.approx([modes, modes + 0.1, modes + 0.2]) for modes in (1, 2, 3)
    ]
    assert "resume_time" in kept[1].provenance and "resume_time" not in kept[2].provenance


def test_a_killed_sweep_goes_on(binn: Program) -> None:
    """As a SIGKILL leaves it: a run that says "running" and that nobody holds."""
    binn.steps = 2
    binn.act = fail_for(2, error=SystemExit)  # nothing answers to it
    with pytest.raises(SystemExit):
        binn.sweep("model.modes=1,2,3")
    (sweep,) = sweeps()
    as_killed(sweep / "1_regress_sine_binn")
    assert statuses(sweep) == ["complete", "interrupted", "not started"]
    binn.act = fail_for()
    assert binn("resume", str(sweep)) == 0
    assert binn.ran == [2, 3] and statuses(sweep) == ["complete"] * 3
    assert len(read(sweep / "1_regress_sine_binn" / "results.h5").steps) == 2


def test_force_runs_everything_again(binn: Program) -> None:
    assert binn.sweep("model.modes=1,2") == 0
    (sweep,) = sweeps()
    assert binn("resume", str(sweep), "force=true", "dry_run=true") == 0
    assert "would run again: 2" in table(binn.out)
    assert binn("resume", str(sweep), "force=true") == 0
    assert binn.ran == [1, 2] and len(list(sweep.glob("*/results.h5"))) == 4
    assert [Path(line).parent.name for line in binn.out] == ["0_regress_sine_binn-2", "1_regress_sine_binn-2"]
    assert binn.sweep("model.modes=1,2", "force=true", "resume=true") == 0 and binn.ran == [1, 2]


def test_another_grid_is_another_sweep_that_takes_what_there_is(binn: Program) -> None:
    assert binn.sweep("model.modes=1,2") == 0
    (first,) = sweeps()
    assert binn.sweep("model.modes=2,3", "resume=true") == 0
    assert binn.ran == [3]
    second = next(sweep for sweep in sweeps() if sweep != first)
    assert statuses(second) == ["skipped", "complete"] and statuses(first) == ["complete"] * 2
    assert f"complete in {first}/1_regress_sine_binn" in "".join(table(binn.err).split()).replace(
        "completein", "complete in "
    )
    assert [Path(line).resolve().parent.name for line in binn.out] == ["1_regress_sine_binn", "1_regress_sine_binn"]
    assert binn("resume", str(first), "model.modes=5") == 1
    assert binn.err == [
        "model.modes: cannot be changed when a sweep goes on; for another grid: binn run -m … resume=true"
    ]


@pytest.mark.thorough
def test_a_run_elsewhere_that_was_interrupted_goes_on_where_it_is(binn: Program) -> None:
    binn.steps = 2
    binn.act = fail_for(1, error=KeyboardInterrupt)
    assert binn.sweep("model.modes=1,2") == 1
    (first,) = sweeps()
    binn.act = fail_for()
    assert binn.sweep("model.modes=1,3", "resume=true") == 0
    assert binn.ran == [1, 3]
    assert statuses(first) == ["complete", "not started"]
    second = next(sweep for sweep in sweeps() if sweep != first)
    assert statuses(second) == ["complete", "complete"] and len(list(second.glob("*/results.h5"))) == 1


def test_equal_jobs_run_once(binn: Program) -> None:
    assert binn.sweep("model.modes=1,1,2") == 0
    assert binn.ran == [1, 2]
    assert "the same as job 0" in table(binn.err)
    assert binn.sweep("model.modes=1,1,2", "resume=true") == 0
    assert binn.ran == [] and len(sweeps()) == 1


def test_other_data_or_other_code_is_another_run(binn: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    binn.data = {"dataset.path": "sha256:1"}
    assert binn.sweep("model.modes=1,2") == 0
    binn.data = {"dataset.path": "sha256:2"}
    assert binn.sweep("model.modes=1,2", "resume=true", "dry_run=true") == 0
    assert "would run: 2" in table(binn.out) and "complete, but the data have changed (dataset.path)" in table(binn.out)
    assert binn.sweep("model.modes=1,2", "resume=true") == 0
    assert binn.ran == [1, 2] and len(sweeps()) == 1
    binn.data = {"dataset.path": "sha256:1"}
    assert binn.sweep("model.modes=1,2", "resume=true") == 0 and binn.ran == [], (
        "the runs on the first file are there still"
    )
    for module in ("binn_cli.sweeps.plan", "binn_cli.sweeps.earlier_sweeps", "binn_cli.results.provenance"):
        monkeypatch.setattr(f"{module}.code_digest", lambda: "sha256:other")
    assert binn.sweep("model.modes=1,2", "resume=true", "dry_run=true") == 0
    assert f"computed by other code (version {provenance.binn_cli.__version__}" in table(binn.out)


def test_a_sweep_stops_at_its_first_failure_if_asked(binn: Program) -> None:
    binn.act = fail_for(2)
    assert binn.sweep("model.modes=1,2,3,4", "fail_fast=true") == 1
    (sweep,) = sweeps()
    assert binn.ran == [1, 2] and statuses(sweep) == ["complete", "failed", "not started", "not started"]
    binn.act = fail_for()
    assert binn("resume", str(sweep)) == 0
    assert binn.ran == [2, 3, 4] and statuses(sweep) == ["complete"] * 4


def test_a_job_whose_values_cannot_be_used_fails_alone_and_can_be_resumed(binn: Program) -> None:
    assert binn.sweep("model.modes=1,0") == 1
    (sweep,) = sweeps()
    assert [fate.reason[:24] for fate in fates_of(sweep)] == ["", "model.modes: must be a w"]
    assert binn("resume", str(sweep)) == 1
    assert binn.ran == [] and statuses(sweep) == ["complete", "failed"]


def test_a_single_run_is_skipped_or_goes_on_too(binn: Program) -> None:
    binn.steps = 2
    binn.act = fail_for(1, error=KeyboardInterrupt)
    command = ["run", "dataset=sine", "task=regress", "output.figures=false", "model.modes=1"]
    assert binn(*command) == 1
    binn.act = fail_for()
    assert binn(*command, "resume=true", "dry_run=true") == 0
    assert "interrupted after 1 finished step" in table(binn.out)
    assert binn(*command, "resume=true") == 0
    first = binn.out
    assert binn.ran == [1] and binn.err[0].startswith("going on with outputs/")
    assert binn(*command, "resume=true") == 0
    assert binn.ran == [] and binn.out == first and "force=true runs it again" in binn.err[0]
    assert binn(*command) == 0 and binn.ran == [1] and binn.out != first
    assert binn(*command, "dry_run=true") == 0 and "would run: 1" in table(binn.out)


def test_a_sweep_that_is_being_worked_on_is_left_alone(binn: Program) -> None:
    said: list[str] = []

    def another(model: Any) -> None:
        if not said:
            (sweep,) = sweeps()
            said.append(statuses(sweep)[0])
            from binn_cli.errors import BinnError
            from binn_cli.results.holder import held

            with (
                pytest.raises(BinnError, match=r"another process \(number \d+\) is working on this sweep"),
                held(sweep, ".lock"),
            ):
                pass

    binn.act = another
    assert binn.sweep("model.modes=1,2") == 0
    assert said == ["running"]


@pytest.mark.thorough
def test_a_sweep_of_an_older_version_is_shown_but_not_gone_on_with(binn: Program) -> None:
    assert binn.sweep("model.modes=1,2") == 0
    (sweep,) = sweeps()
    (sweep / "sweep.json").unlink()
    assert statuses(sweep) == ["complete", "complete"]
    assert binn("resume", str(sweep)) == 1
    assert "an older version of the program made this sweep" in binn.err[0]
    assert binn.sweep("model.modes=1,2", "resume=true") == 0 and binn.ran == []


def test_a_damaged_plan_is_one_sentence(binn: Program) -> None:
    assert binn.sweep("model.modes=1,2") == 0
    (sweep,) = sweeps()
    whole = (sweep / "sweep.json").read_text()
    for content, sentence in (
        (whole[:40], "sweep.json: is not readable as JSON; the runs beside it are whole"),
        (
            whole.replace("binn-sweep/1", "binn-sweep/2"),
            "has the schema 'binn-sweep/2', and this version of the program knows 'binn-sweep/1'",
        ),
        ('{"schema": "binn-sweep/1"}', "lacks a part that every such file has"),
    ):
        (sweep / "sweep.json").write_text(content)
        assert binn("resume", str(sweep)) == 1
        assert sentence in binn.err[0] and len(binn.err) == 1


def test_a_run_that_is_gone_runs_again(binn: Program) -> None:
    assert binn.sweep("model.modes=1,2") == 0
    (sweep,) = sweeps()
    shutil.rmtree(sweep / "1_regress_sine_binn")
    assert statuses(sweep) == ["complete", "not started"]
    assert binn("resume", str(sweep)) == 0
    assert binn.ran == [2] and statuses(sweep) == ["complete"] * 2


def test_a_directory_that_is_removed_under_a_running_job(binn: Program) -> None:
    binn.steps = 2

    def remove(model: Any) -> None:
        if model.modes == 2:
            shutil.rmtree(sweeps()[0] / "1_regress_sine_binn")

    binn.act = remove
    assert binn.sweep("model.modes=1,2,3") == 1
    (sweep,) = sweeps()
    fates = fates_of(sweep)
    assert [fate.status for fate in fates] == ["complete", "failed", "complete"]
    assert "cannot write" in fates[1].reason and "No such file" in fates[1].reason
    binn.act = lambda model: None
    assert binn("resume", str(sweep)) == 0 and binn.ran == [2]


def test_a_file_that_was_cut_short_among_good_ones(binn: Program) -> None:
    assert binn.sweep("model.modes=1,2") == 0
    (sweep,) = sweeps()
    path = sweep / "1_regress_sine_binn" / "results.h5"
    path.write_bytes(path.read_bytes()[:200])
    assert statuses(sweep) == ["complete", "unreadable"]
    assert binn("resume", str(sweep), "dry_run=true") == 0
    assert "cut short or damaged" in table(binn.out) and "would skip: 1, run again: 1" in table(binn.out)
    assert binn("resume", str(sweep)) == 0
    assert binn.ran == [2] and statuses(sweep) == ["complete"] * 2


@pytest.mark.thorough
def test_a_clock_that_was_set_back(binn: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    names = iter(["2030-01-01_00-00-00_sweep", "1999-01-01_00-00-00_sweep"])
    monkeypatch.setattr("binn_cli.sweeps.sweeper.stamped", lambda name: next(names))
    binn.act = fail_for(2)
    assert binn.sweep("model.modes=1,2") == 1
    assert binn.sweep("model.modes=5,6") == 0
    binn.act = fail_for()
    assert binn.sweep("model.modes=1,2", "resume=true") == 0
    assert binn.ran == [2] and len(sweeps()) == 2
    assert binn.sweep("model.modes=5,6", "resume=true") == 0 and binn.ran == []


def test_a_root_that_cannot_be_written(binn: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("binn_cli.results.sweep_file.write_json", full)
    assert binn.sweep("model.modes=1,2") == 1
    assert binn.err[-1].endswith("sweep.json: No space left on device; free some space or choose another output.root")
    assert binn.ran == [] and list(Path("outputs").iterdir()) == []


def test_a_job_that_cannot_begin_is_told_and_the_others_run(binn: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    from binn_cli.sweeps import job

    claim = job.claimed

    def full(parent: Path, name: str) -> Path:
        if name.startswith("0_"):
            raise OSError(28, "No space left on device", str(parent / name))
        return claim(parent, name)

    monkeypatch.setattr(job, "claimed", full)
    assert binn.sweep("model.modes=1,2") == 1
    (sweep,) = sweeps()
    assert statuses(sweep) == ["not started", "complete"]
    assert f"job 0 could not begin: {sweep}/0_regress_sine_binn: No space left on device" in binn.err
