"""The recorder: a whole file after every call, and listeners that hear of everything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from binn_cli.errors import BinnError
from binn_cli.results.progress import ProgressFile
from binn_cli.results.record import Header, Predictions, RunRecord, Step
from binn_cli.results.recorder import Listener, Recorder
from binn_cli.results.store import read, write


class Notes:
    def __init__(self) -> None:
        self.heard: list[tuple] = []

    def on_note(self, note: str) -> None:
        self.heard.append(("note", note))

    def on_data(self, line: str) -> None:
        self.heard.append(("data", line))

    def on_plan(self, total: int) -> None:
        self.heard.append(("plan", total))

    def on_announce(self, message: str, done: int, total: int) -> None:
        self.heard.append(("announce", message, done, total))

    def on_step(self, index: int, step: Step) -> None:
        self.heard.append(("step", index, step.n_train))

    def on_finish(self, status: str, reason: str | None) -> None:
        self.heard.append(("finish", status, reason))


def test_a_file_from_the_start(tmp_path: Path, header: Header):
    recorder = Recorder(tmp_path, header)
    assert recorder.path == tmp_path / "results.h5"
    kept = read(recorder.path)
    assert kept.status == "running" and kept.steps == () and "start_time" in kept.provenance and kept.header == header


def test_steps_and_finish_are_written_and_heard(tmp_path: Path, header: Header, step: Step, predictions: Predictions):
    recorder, notes = Recorder(tmp_path, header), Notes()
    recorder.plan(2)
    recorder.subscribe(notes)
    recorder.announce("solving", 1, 4)
    recorder.step(step, predictions=predictions, surrogate={"a": 1}, state={"b": 2})
    recorder.step(step, state={"b": 3})
    kept = read(recorder.path)
    assert len(kept.steps) == 2 and kept.outputs == ("u", "flux")
    assert kept.surrogate == {"a": 1} and kept.state == {"b": 3} and kept.predictions is not None
    recorder.finish("failed", "a reason")
    kept = read(recorder.path)
    assert (kept.status, kept.reason) == ("failed", "a reason") and "end_time" in kept.provenance
    expected = [
        ("plan", 2),
        ("announce", "solving", 1, 4),
        ("step", 0, 100),
        ("step", 1, 100),
        ("finish", "failed", "a reason"),
    ]
    assert notes.heard == expected


def test_what_is_doubtful_is_kept_logged_and_heard(
    tmp_path: Path, header: Header, step: Step, caplog: pytest.LogCaptureFixture
):
    recorder = Recorder(tmp_path, header)
    heard: list[tuple[str, ...]] = []
    notes = Notes()
    notes.on_step = lambda index, step: heard.append(step.warnings)  # type: ignore[method-assign]
    recorder.subscribe(notes)
    sound = replace(step, metrics={"test": {"rmse": np.array([0.5, 2.0])}})
    broken = replace(sound, metrics={"test": {"rmse": np.array([0.5, np.inf])}}, warnings=("the task's own",))
    recorder.step(sound, outputs=("u", "v"))
    recorder.step(broken)
    found = 'not finite on the split "test" for the output v: rmse; distrust this fit'
    assert heard == [(), ("the task's own", found)]
    assert [entry.warnings for entry in read(recorder.path).steps] == heard
    logged = [(entry.levelname, entry.getMessage()) for entry in caplog.records if entry.name == "binn"]
    assert logged == [("WARNING", "step 1: the task's own"), ("WARNING", f"step 1: {found}")]


def test_a_note_is_kept_and_heard(tmp_path: Path, header: Header, step: Step):
    recorder, notes = Recorder(tmp_path, header), Notes()
    recorder.subscribe(notes)
    recorder.note("")
    assert notes.heard == [] and recorder.record.header == header
    recorder.note("synthetic")
    recorder.step(step)
    assert notes.heard == [("note", "synthetic"), ("step", 0, 100)]
    assert read(recorder.path).header.note == "synthetic"


def test_outputs_are_named_by_whoever_knows(tmp_path: Path, header: Header, step: Step):
    recorder = Recorder(tmp_path, header)
    recorder.step(step)
    assert recorder.record.outputs == ("output_0", "output_1")
    recorder.step(step, outputs=("u", "v"))
    recorder.step(step)
    assert recorder.record.outputs == ("u", "v")


def test_a_run_goes_on_where_it_stopped(tmp_path: Path, header: Header, step: Step):
    first = Recorder(tmp_path, header)
    first.step(step, state={"done": np.array([1, 2])})
    first.finish("failed", "killed")
    (tmp_path / ".results.h5.1.0.tmp").write_bytes(b"half a file of a killed writer")
    again = Recorder.reopen(tmp_path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["results.h5"]
    assert again.record.status == "running" and again.record.reason is None and len(again.record.steps) == 1
    assert again.record.state is not None and again.record.state["done"].tolist() == [1, 2]
    assert again.record.provenance["start_time"] == first.record.provenance["start_time"]
    again.step(step)
    again.finish("complete")
    assert len(read(again.path).steps) == 2
    with pytest.raises(BinnError, match="nothing to resume"):
        Recorder.reopen(tmp_path)


def test_reopening_nothing_is_one_sentence(tmp_path: Path):
    with pytest.raises(BinnError, match="there is no results file"):
        Recorder.reopen(tmp_path)


def test_a_run_only_finishes_in_two_ways(tmp_path: Path, header: Header):
    with pytest.raises(ValueError, match="finishes"):
        Recorder(tmp_path, header).finish("running")


def test_fast_steps_are_written_together(tmp_path: Path, header: Header, step: Step, monkeypatch: pytest.MonkeyPatch):
    clock = [0.0]

    def written(path: Path, record: RunRecord) -> None:
        clock[0] += 1.0  # a second each time
        write(path, record)

    monkeypatch.setattr("binn_cli.results.recorder.write", written)
    monkeypatch.setattr("binn_cli.results.recorder.time.monotonic", lambda: clock[0])
    recorder = Recorder(tmp_path, header)
    recorder.step(step)
    assert clock[0] == 2.0 and len(read(recorder.path).steps) == 1
    recorder.write_rarely(0.1)
    for _ in range(29):
        clock[0] += 1.0
        recorder.step(step)
    assert clock[0] == 2.0 + 29.0 + 2.0  # of steps that take a second each, every tenth is written
    assert len(read(recorder.path).steps) < len(recorder.record.steps) == 30
    recorder.finish("failed", "interrupted")
    assert len(read(recorder.path).steps) == 30


def test_what_the_data_are_known_by(tmp_path: Path, header: Header, step: Step):
    recorder = Recorder(tmp_path, header)
    recorder.identify({"dataset.test_path": "sha256:2", "dataset.path": "sha256:1"})
    kept = read(recorder.path).provenance["data_identity"]
    assert kept == '{"dataset.path": "sha256:1", "dataset.test_path": "sha256:2"}'
    Recorder.reopen(tmp_path).identify({"dataset.path": "sha256:3"})  # before the first step other data do no harm
    recorder = Recorder.reopen(tmp_path)
    recorder.step(step)
    recorder = Recorder.reopen(tmp_path)
    recorder.identify({"dataset.path": "sha256:3"})
    with pytest.raises(
        BinnError, match=r"the data have changed since this run began \(dataset.path\); begin a new run"
    ):
        recorder.identify({"dataset.path": "sha256:4"})


def test_what_a_supervisor_reads_hears_of_everything(tmp_path) -> None:
    assert isinstance(ProgressFile(tmp_path), Listener)
