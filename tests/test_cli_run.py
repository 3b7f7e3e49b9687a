"""`binn run` and `binn resume` from the command line to the finished directory, with a task that needs no engine."""

from __future__ import annotations

import json
import logging
import os
import re
import shlex
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from binn_cli import build, execute
from binn_cli.cli import main
from binn_cli.errors import DataError
from binn_cli.results.record import Step
from binn_cli.results.store import read
from binn_cli.sweeps import job, sweeper
from binn_cli.views import drawing
from tests.shapes import are_checked

QUICK = ["dataset=sine", "task=regress", "output.figures=false", "limits.isolate=false"]
"""In this process, where the task can be replaced."""


@dataclass
class FakeTask:
    """Records steps and then does what the test says."""

    act: Callable[[Any], None]

    def run(self, dataset: Any, model: Any, recorder: Any) -> None:
        recorder.step(
            Step(n_train=10, metrics={"test": {"rmse": np.array([0.5])}}, timings={"fit": 0.1}), outputs=("y",)
        )
        self.act(model)


@pytest.fixture
def task(monkeypatch, tmp_path):
    """A function that says what the task does; the run happens in an empty directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(build, "dataset", lambda settings: SimpleNamespace(note=""))
    monkeypatch.setattr(build, "model", lambda settings: settings.model)

    def does(act: Callable[[Any], None]) -> None:
        monkeypatch.setattr(build, "task", lambda settings: FakeTask(act))

    does(lambda model: None)
    return does


def only_run(tmp_path: Path) -> Path:
    (found,) = (tmp_path / "outputs").iterdir()
    return found


def test_a_complete_run(task, tmp_path, capsys) -> None:
    assert main(["run", *QUICK, "seed=5"]) == 0
    printed = capsys.readouterr()
    path = Path(printed.out.splitlines()[-1])
    assert printed.out.count("\n") == 1
    assert re.fullmatch(r"outputs/\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_regress_sine_binn/results.h5", str(path))
    record = read(path)
    assert (record.status, record.header.seed, len(record.steps)) == ("complete", 5, 1)
    assert record.header.config == (path.parent / "config.yaml").read_text()
    assert {file.name for file in path.parent.iterdir()} >= {"results.h5", "config.yaml", "run.log"}
    assert "complete" in (path.parent / "run.log").read_text()
    assert {found.name for found in tmp_path.iterdir()} <= {"outputs", "cache"}
    assert os.environ.get("HYDRA_FULL_ERROR") != "1"


def fails_with(error: BaseException) -> Callable[[Any], None]:
    def act(model: Any) -> None:
        raise error

    return act


def test_a_mistake_in_the_data_is_one_sentence(task, tmp_path, capsys) -> None:
    task(fails_with(DataError("axis 'x': nan in row 3;\nevery input must be finite")))
    assert main(["run", *QUICK]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines()[-1] == "axis 'x': nan in row 3; every input must be finite"
    record = read(only_run(tmp_path) / "results.h5")
    assert (record.status, record.reason, len(record.steps)) == (
        "failed",
        "axis 'x': nan in row 3; every input must be finite",
        1,
    )


def test_what_hydra_needs_does_not_leak_into_the_run(task, tmp_path) -> None:
    seen: list[str | None] = []
    task(lambda model: seen.append(os.environ.get("HYDRA_FULL_ERROR")))
    assert main(["run", *QUICK]) == 0
    assert main(["run", "-m", *QUICK, "seed=1,2"]) == 0
    assert seen == [None, None, None]


def test_a_bug_is_one_sentence_and_the_traceback_is_in_the_log(task, tmp_path, capsys) -> None:
    task(fails_with(ZeroDivisionError("division by zero")))
    assert main(["run", *QUICK]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    log = only_run(tmp_path) / "run.log"
    assert (
        said
        == f"the run failed with ZeroDivisionError: division by zero; the traceback is in {log.relative_to(tmp_path)}"
    )
    assert "Traceback" in log.read_text()
    assert read(log.parent / "results.h5").reason == "ZeroDivisionError: division by zero"
    assert not logging.getLogger("binn").handlers


def test_too_little_memory_is_told(task, capsys) -> None:
    task(lambda model: np.empty(10**15))
    assert main(["run", *QUICK]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("the run needs more memory than there is (Unable to allocate ")
    assert said.endswith("); make the data or the model smaller")


def test_a_bug_with_tracebacks_on_request(task, monkeypatch) -> None:
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    task(fails_with(ZeroDivisionError("division by zero")))
    with pytest.raises(execute.RunFailed) as caught:
        main(["run", *QUICK])
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def terminate(model: Any) -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(10)


@pytest.mark.parametrize("stop", [fails_with(KeyboardInterrupt()), terminate], ids=["ctrl-c", "sigterm"])
def test_an_interrupted_run_is_kept_and_resumed(task, tmp_path, capsys, stop) -> None:
    before = signal.getsignal(signal.SIGTERM)
    task(stop)
    assert main(["run", *QUICK]) == 1
    run = only_run(tmp_path).relative_to(tmp_path)
    said = capsys.readouterr().err.splitlines()[-1]
    assert said == f"interrupted: 1 finished step kept in {run}/results.h5; go on with: binn resume {run}"
    assert read(run / "results.h5").status == "failed"
    assert signal.getsignal(signal.SIGTERM) is before
    task(lambda model: None)
    assert main(["resume", str(run)]) == 0
    assert capsys.readouterr().out == f"{run}/results.h5\n"
    record = read(run / "results.h5")
    assert (record.status, len(record.steps)) == ("complete", 2)
    assert main(["resume", str(run)]) == 1
    assert "complete; there is nothing to resume" in capsys.readouterr().err.splitlines()[-1]


def test_commands_that_are_printed_or_kept_can_be_pasted(task, tmp_path, capsys) -> None:
    typed = ["run", *QUICK, 'output.root="my $HOME\'s runs"', "hydra.verbose=false"]
    task(fails_with(KeyboardInterrupt()))
    assert main(typed) == 1
    (run,) = Path("my $HOME's runs").iterdir()
    said = capsys.readouterr().err.splitlines()[-1]
    advised = shlex.split(said.rpartition("go on with: ")[2])
    assert advised == ["binn", "resume", str(run)]
    assert shlex.split(read(run / "results.h5").provenance["argv"]) == ["binn", *typed]
    task(lambda model: None)
    assert main([*advised[1:-1], f"{run}/results.h5"]) == 0
    assert capsys.readouterr().out == f"{run}/results.h5\n"
    known = read(run / "results.h5").provenance
    assert shlex.split(known["argv"]) == ["binn", *typed]
    assert shlex.split(known["resume_argv"]) == ["binn", "resume", f"{run}/results.h5"]


def test_a_job_of_a_sweep_keeps_what_was_typed(task, capsys) -> None:
    typed = ["run", "-m", *QUICK, "seed=1,2"]
    assert main(typed) == 0
    kept = [read(Path(path)).provenance["argv"] for path in capsys.readouterr().out.splitlines()]
    assert [shlex.split(line) for line in kept] == [["binn", *typed]] * 2
    assert "BINN_COMMAND_LINE" not in os.environ


def test_figures_that_cannot_be_drawn_do_not_fail_the_run(task, tmp_path, capsys, monkeypatch) -> None:
    def fail(*_: object, **__: object) -> list[Path]:
        raise ZeroDivisionError

    monkeypatch.setattr(drawing, "_standing_by", None)
    monkeypatch.setattr(drawing, "stand_by", lambda: None)
    monkeypatch.setattr(drawing, "_drawn", fail)
    assert main(["run", *QUICK[:2]]) == 0
    assert "the figures could not be drawn" in capsys.readouterr().err
    assert read(only_run(tmp_path) / "results.h5").status == "complete"


def test_a_sweep_goes_on_after_a_failure(task, tmp_path, capsys) -> None:
    def fail_for_two(model: Any) -> None:
        if model.modes == 2:
            raise ZeroDivisionError("two")

    task(fail_for_two)
    assert main(["run", "-m", *QUICK, "model.modes=1,2,0,3"]) == 1
    printed = capsys.readouterr()
    (sweep,) = (tmp_path / "outputs").iterdir()
    assert re.fullmatch(r"[\d_-]+_sweep", sweep.name)
    assert [Path(line).parent.name for line in printed.out.splitlines()] == [
        f"{job}_regress_sine_binn" for job in (0, 1, 3)
    ]
    assert f"{sweep.relative_to(tmp_path)}: 2 complete, 2 failed" in printed.err
    assert printed.err.splitlines()[-1] == f"go on with: binn resume {sweep.relative_to(tmp_path)}"
    assert "model.modes: must be a" in " ".join(printed.err.split())
    statuses = [json.loads(job.read_text())["status"] for job in sorted(sweep.glob("*/job.json"))]
    assert statuses == ["complete", "failed", "failed", "complete"]
    assert {found.name for found in tmp_path.iterdir()} <= {"outputs", "cache"}
    assert main(["run", *QUICK]) == 0, "an earlier sweep must not colour a later run"


@pytest.mark.parametrize("seeds", ["seed=range(0,3)", "seed=0,1,2", "seed=choice(0,1,2)"])
def test_a_sweep_takes_generators_and_flags_among_the_values(task, capsys, seeds: str) -> None:
    assert main(["run", *QUICK[:1], "-m", seeds, *QUICK[1:]]) == 0
    paths = capsys.readouterr().out.splitlines()
    assert [read(Path(path)).header.seed for path in paths] == [0, 1, 2]


def test_a_sweep_with_a_job_that_cannot_be_composed_runs_none(task, tmp_path, capsys) -> None:
    task(lambda model: pytest.fail("a job ran"))
    assert main(["run", "-m", "dataset=sine", "task=active_learn,regress", "task.rounds=1"]) == 1
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == (
        "",
        "task.rounds: no such key in the chosen task; it belongs to task=active_learn\n",
    )
    assert not (tmp_path / "outputs").exists()


def test_a_sweep_without_a_job_is_told(task, tmp_path, capsys) -> None:
    assert main(["run", "-m", *QUICK, "seed=range(0,0)"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert (
        printed.err.splitlines()[-1]
        == "-m: the values give no job, so nothing was run; write them as in seed=0,1,2 or seed=range(0,3)"
    )
    assert not (tmp_path / "outputs").exists()


def test_ctrl_c_stops_the_whole_sweep(task, tmp_path, capsys) -> None:
    task(fails_with(KeyboardInterrupt()))
    assert main(["run", "-m", *QUICK, "seed=1,2"]) == 1
    (sweep,) = (tmp_path / "outputs").iterdir()
    assert [job.parent.name for job in sweep.glob("*/job.json")] == ["0_regress_sine_binn"]
    said = capsys.readouterr().err.splitlines()
    assert said[-1] == f"interrupted; go on with: binn resume {sweep.relative_to(tmp_path)}"
    assert f"{sweep.relative_to(tmp_path)}: 1 interrupted, 1 not started" in said


def test_a_sweep_that_cannot_be_written(task, capsys) -> None:
    assert main(["run", "-m", *QUICK, "seed=1,2", "output.root=/dev/null/x"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("output.root: cannot make a directory below ")


def test_jobs_that_leave_nothing_are_no_success(task, tmp_path, capsys, monkeypatch) -> None:
    """As where the processes that run them do not see the sweep's directory."""
    monkeypatch.setattr(job, "run_job", lambda config, hydra: None)
    assert main(["run", "-m", *QUICK, "seed=1,2"]) == 1
    (sweep,) = (tmp_path / "outputs").iterdir()
    said = capsys.readouterr().err
    assert f"{sweep.relative_to(tmp_path)}: 2 not started" in said
    assert said.splitlines()[-1] == f"go on with: binn resume {sweep.relative_to(tmp_path)}"


def test_a_launcher_that_fails_before_any_job_is_no_success(task, tmp_path, capsys, monkeypatch) -> None:
    """As where it cannot send the job to its processes: nothing is left of the sweep but what the launcher said."""

    def launch(overrides: list[list[str]], initial_job_idx: int) -> None:
        raise RuntimeError("cannot reach any process")

    monkeypatch.setattr(sweeper, "launcher_of", lambda *_: SimpleNamespace(launch=launch))
    assert main(["run", "-m", *QUICK, "seed=1,2"]) == 1
    assert "cannot reach any process" in capsys.readouterr().err.splitlines()[-1]
    assert list((tmp_path / "outputs").iterdir()) == []


@pytest.mark.skipif(are_checked(), reason="functions whose shapes are checked cannot be sent to these processes")
def test_a_sweep_in_other_processes(task, tmp_path, capsys) -> None:
    pytest.importorskip("hydra_plugins.hydra_joblib_launcher")
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)  # processes of another test are where that was
    arguments = ["run", "-m", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "task.rounds=0,-1"]
    assert main(arguments) == 1
    (sweep,) = (tmp_path / "outputs").iterdir()
    assert f"{sweep.relative_to(tmp_path)}: 2 failed" in capsys.readouterr().err
    assert sorted(job.parent.name for job in sweep.glob("*/job.json")) == [
        "0_active_learn_heat_binn",
        "1_active_learn_heat_binn",
    ]


def test_a_model_that_knows_nothing_of_other_cases_says_so_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["dataset=poisson", "dataset.grid=4", "dataset.initial_cases=2", "task=active_learn", "task.rounds=1"]
    model = ["model=bnn_map", "budget=smoke", "task.acquisition=ivr", "limits.isolate=false"]
    assert main(["run", *words, *model, f"output.root={tmp_path}"]) == 1
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("task.acquisition: this model cannot say what one case would teach about another; take ")
    assert said.count("cannot say") == 1
