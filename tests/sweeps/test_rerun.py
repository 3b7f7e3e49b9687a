"""`binn rerun`: from the file alone, into a new directory, with a verdict."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from binn_cli.results.store import read
from tests.sweeps.conftest import QUICK, Program


@pytest.fixture
def file(binn: Program) -> Path:
    """A complete run of which nothing but its file is left, under another name."""
    assert binn("run", *QUICK[:3], "model.modes=3") == 0
    path = Path(binn.out[-1])
    shutil.move(path, "kept.h5")
    shutil.rmtree("outputs")
    return Path("kept.h5")


def test_a_run_comes_out_the_same(binn: Program, file: Path) -> None:
    assert binn("rerun", str(file)) == 0
    assert binn.ran == [3] and binn.out[0] == "the numbers agree to the last bit"
    new = read(Path(binn.out[-1]))
    assert new.status == "complete" and new.header.config_id == read(file).header.config_id
    assert binn("rerun", str(Path(binn.out[-1]).parent), "output.root=elsewhere") == 0
    assert binn.out[-1].startswith("elsewhere/") and "versions, code, machine and data are the same" in binn.out


def test_a_run_that_comes_out_otherwise(binn: Program, file: Path) -> None:
    binn.run = lambda dataset, model, recorder: Program.run(binn, dataset, type("M", (), {"modes": 3.1}), recorder)  # type: ignore[method-assign]
    binn.data = {"dataset.path": "sha256:2"}
    assert binn("rerun", str(file)) == 1
    assert binn.out[0] == "the numbers do not agree"
    said = " ".join(" ".join(binn.out).split())
    assert "rmse on test" in said and "data_identity" in said and '{"dataset.path": "sha256:2"}' in said
    assert Path(binn.out[-1]).exists()


def test_a_failed_run_has_nothing_to_compare_with(binn: Program) -> None:
    def fail(model: object) -> None:
        raise ZeroDivisionError("as told")

    binn.act = fail
    assert binn("run", *QUICK[:3], "model.modes=1") == 1
    (run,) = Path("outputs").iterdir()
    binn.act = lambda model: None
    assert binn("rerun", str(run)) == 0
    assert binn.out[0] == "nothing to compare with: the run was not complete (ZeroDivisionError: as told)"


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("seed=3", "seed: is part of what the run computes and cannot be changed here; for another run: binn run"),
        ("limits.second=3", "limits.second: no such key; limits has seconds, memory_gb, isolate"),
    ],
)
def test_what_cannot_be_changed(binn: Program, file: Path, change: str, sentence: str) -> None:
    assert binn("rerun", str(file), change) == 1
    assert binn.err == [sentence] and not Path("outputs").exists()


def test_no_run(binn: Program) -> None:
    assert binn("rerun", "nope") == 1
    assert binn.err == ["there is no results file nope; name a run's directory or its results.h5"]
