"""Names of columns come back as they were, whatever letters they have: on the console, as JSON, through xarray, after
resuming."""

from __future__ import annotations

import csv
import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from binn_cli.cli import main
from binn_cli.results.store import read
from binn_cli.tasks import proposing
from binn_cli.views.plots import draw

INPUTS = ("Cl/Cd", "drag [N], total", "名前")
OUTPUTS = ("$x_1$ (m/s)", "_y")


@pytest.fixture
def names_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of such names."""
    monkeypatch.chdir(tmp_path)
    x = np.random.default_rng(0).uniform(size=(20, 3))
    with open("names.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*INPUTS, *OUTPUTS])
        writer.writerows(np.column_stack([x, x.sum(1), x.prod(1)]).tolist())
    return tmp_path / "names.csv"


@pytest.mark.slow
def test_names_come_back(names_csv: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    choose, asked = proposing.choose, []

    def stop_at_the_second(*arguments) -> list[int]:
        asked.append(True)
        if len(asked) == 2:
            raise KeyboardInterrupt
        return choose(*arguments)

    outputs = ",".join(f"'{name}'" for name in OUTPUTS)
    with monkeypatch.context() as patched:
        patched.setattr(proposing, "choose", stop_at_the_second)
        command = [
            "dataset=table",
            "dataset.path=names.csv",
            f"dataset.outputs=[{outputs}]",
            "task=active_learn",
            "task.rounds=2",
        ]
        assert main(["run", *command, "model=gp", "budget=smoke", "output.figures=false"]) == 1
    (directory,) = Path("outputs").iterdir()
    assert main(["resume", str(directory)]) == 0
    capsys.readouterr()

    record = read(directory / "results.h5")
    assert record.outputs == OUTPUTS and record.case_coordinates == INPUTS
    assert record.predictions is not None and record.predictions.input_names == INPUTS
    assert record.state is not None and tuple(record.state["case_coordinates"]) == INPUTS
    assert main(["show", "--json", str(directory)]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert shown["outputs"] == list(OUTPUTS) and list(shown["steps"][-1]["acquired"]) == list(INPUTS)
    assert set(shown["steps"][0]["metrics"]["test"]["rmse"]) == set(OUTPUTS)
    assert main(["show", str(directory)]) == 0
    printed = capsys.readouterr().out.replace("\n", "")
    assert all(name.split(",")[0] in printed for name in (*INPUTS, *OUTPUTS))
    with xr.open_dataset(directory / "results.h5", group="predictions", engine="h5netcdf") as group:
        assert tuple(group["input"].values) == INPUTS and tuple(group["output"].values) == OUTPUTS
    with xr.open_dataset(directory / "results.h5", group="step", engine="h5netcdf") as group:
        assert [group[name].attrs["long_name"] for name in group if name.startswith("acquired_")] == list(INPUTS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(draw(directory)) == 3
