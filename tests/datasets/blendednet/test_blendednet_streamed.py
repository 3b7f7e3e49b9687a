"""`binn run dataset=blendednet dataset.stream=true`, from the command line to the results."""

from __future__ import annotations

from pathlib import Path

import pytest

from binn_cli.cli import main
from binn_cli.datasets.blendednet import dataset
from binn_cli.results.store import read

SMALL = [
    "experiment=blendednet_all",
    "dataset.inputs=[x,alpha_deg]",
    "dataset.outputs=[cp]",
    "dataset.stride=4",
    "output.figures=false",
]
FIXED = ["model.modes=2", "model.centers=4", "model.length=1.5", "model.padding=1", "model.stretch=0", "model.sweeps=3"]


@pytest.fixture
def run(archives: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    def runs(*arguments: str) -> int:
        return main(["run", *SMALL, f"dataset.root={archives['zip']}", *arguments])

    return runs


def test_all_aircraft_are_learned_from_the_disk(run, capsys, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(dataset, "laid_out", lambda *_: pytest.fail("all training cases were read into memory"))
    assert run(*FIXED) == 0
    record = read(Path(capsys.readouterr().out.splitlines()[-1]))
    (table,) = (tmp_path / "data" / "blendednet").glob("rows-*.h5")
    width = 8 * 3
    assert record.steps[0].n_train * width <= table.stat().st_size
    assert record.splits == ("train", "test") and record.surface is not None
    assert record.series("test", "rmse")[0, 0] > 0 and record.header.note == "synthetic"


def test_a_model_that_needs_all_data_says_so(run, capsys) -> None:
    assert run("model=gp_sparse") == 1
    assert "set dataset.stream=false, or take model=binn" in capsys.readouterr().err.splitlines()[-1]
