"""Figures that another process draws."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from binn_cli.results.record import RunRecord
from binn_cli.results.store import write
from binn_cli.views import drawing
from binn_cli.views.drawing import DrawingProcess, NotDrawn


@pytest.fixture(scope="module")
def process() -> Iterator[DrawingProcess]:
    started = DrawingProcess()
    yield started
    started.end()


def test_it_draws_what_this_process_draws(process: DrawingProcess, records: dict[str, RunRecord], tmp_path: Path):
    directories = [tmp_path / "there", tmp_path / "here"]
    for directory in directories:
        directory.mkdir()
        write(directory / "results.h5", records["surface"])
    there, here = process.draw(directories[0]), drawing.draw_all(directories[1])
    assert {path.name for path in here} >= {"parity.png", "calibration.png", "surface_plan.png", "surface.vtk"}
    assert {path.name for path in there} == {path.name for path in here}
    for path in there:
        assert path.read_bytes() == (directories[1] / path.name).read_bytes()


def test_what_fails_is_told_and_the_next_is_drawn(process: DrawingProcess, records: dict[str, RunRecord], tmp_path):
    with pytest.raises(NotDrawn, match=r"results\.h5"):
        process.draw(tmp_path)
    write(tmp_path / "results.h5", records["regress"])
    assert process.draw(tmp_path) and process.stands_by


def test_without_it_the_figures_are_drawn_here(records: dict[str, RunRecord], tmp_path: Path, monkeypatch):
    monkeypatch.setattr(drawing, "available_cores", lambda: 2)
    monkeypatch.setattr(drawing, "has_matplotlib", lambda: False)
    monkeypatch.setattr(drawing, "_standing_by", None)
    drawing.stand_by()
    process = drawing._standing_by
    assert process is not None and process.stands_by
    process.end()
    write(tmp_path / "results.h5", records["regress"])
    assert {path.name for path in drawing.draw_all(tmp_path)} >= {"parity.png", "calibration.png"}


def test_it_draws_while_others_go_on(
    process: DrawingProcess, records: dict[str, RunRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(drawing, "_standing_by", process)
    write(tmp_path / "results.h5", records["regress"])
    wait = drawing.begun(tmp_path)
    deadline = time.monotonic() + 60
    while not (tmp_path / "calibration.png").exists():  # nobody waits for it yet
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert {path.name for path in wait()} >= {"parity.png", "calibration.png"}


@pytest.mark.parametrize(("cores", "imported"), [(1, False), (2, True)])
def test_one_core_draws_when_it_has_computed(cores: int, imported: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drawing, "available_cores", lambda: cores)
    monkeypatch.setattr(drawing, "has_matplotlib", lambda: imported)
    monkeypatch.setattr(drawing, "_standing_by", None)
    drawing.stand_by()
    assert drawing._standing_by is None
