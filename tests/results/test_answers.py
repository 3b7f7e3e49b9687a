"""Groups of answers in a results file: what was written comes back, and other programs read it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import xarray

from binn_cli.results import store
from binn_cli.results.answers import Answer
from binn_cli.results.record import RunRecord

FIELDS = Answer({"x": np.linspace(0.0, 1.0, 3)}, {"k": (np.arange(3.0), ("x",))})
ANSWERS = {
    "sensitivity": Answer(
        {"input": ["k", "P/W"], "output": ["u"]},
        {"first_order": (np.array([[0.75], [0.25]]), ("input", "output")), "Cl/Cd": (np.ones(2), ("input",))},
        {"fields": FIELDS},
        {"method": "closed form", "draws": 3},
    ),
    "error_estimate": Answer(arrays={"rmse": (np.array([1e-3, 1e-5]), ("step",))}),
}


@pytest.fixture
def path(tmp_path: Path, record: RunRecord) -> Path:
    file = tmp_path / "results.h5"
    store.write(file, replace(record, answers=ANSWERS))
    return file


def test_round_trip(path: Path):
    answers = store.read(path).answers
    assert set(answers) == set(ANSWERS)
    sensitivity = answers["sensitivity"]
    assert np.array_equal(sensitivity["first_order"], ANSWERS["sensitivity"]["first_order"])
    assert sensitivity.arrays["first_order"][1] == ("input", "output")
    assert list(sensitivity.scales["input"]) == ["k", "P/W"]
    assert np.array_equal(sensitivity["Cl/Cd"], np.ones(2))
    assert sensitivity.attributes == {"method": "closed form", "draws": 3}
    assert np.array_equal(sensitivity.groups["fields"]["k"], FIELDS["k"])


def test_what_is_large_is_left_out_where_nobody_asks_for_arrays(path: Path):
    found = store.read(path, arrays=False).answers["sensitivity"]
    assert not found.groups and found["first_order"].shape == (2, 1)


def test_xarray_selects_by_name(path: Path):
    found = xarray.open_dataset(path, group="sensitivity", engine="h5netcdf")
    assert float(found["first_order"].sel(input="P/W", output="u")) == 0.25
    assert "step" in xarray.open_dataset(path, group="error_estimate", engine="h5netcdf").dims


def test_other_names_are_refused(tmp_path: Path, record: RunRecord):
    with pytest.raises(ValueError, match="opinion"):
        store.write(tmp_path / "results.h5", replace(record, answers={"opinion": Answer()}))
