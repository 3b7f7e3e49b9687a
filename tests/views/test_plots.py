"""Figures: which are drawn for which run, and that something is on them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from binn_cli.errors import BinnError
from binn_cli.views.plots import draw, draw_record

EXPECTED = {
    "regress": {"curve", "parity", "calibration"},
    "active_learn": {"parity", "calibration", "acquisitions"},
    "active_line": {"parity", "calibration", "acquisitions"},
    "scaling": {"scaling"},
    "failed": set(),
    "surface": {"parity", "calibration", "surface_plan", "surface_oblique"},
}


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("name", EXPECTED)
def test_the_figures_of_a_run(directories: dict[str, Path], name: str):
    paths = draw(directories[name])
    assert {path.stem for path in paths} == EXPECTED[name]
    for path in paths:
        pixels = np.asarray(Image.open(path).convert("RGB"), dtype=float)
        assert path.parent == directories[name] and min(pixels.shape[:2]) > 500
        assert pixels.std() > 10
        # something is drawn in colour, not only axes and text
        assert (np.ptp(pixels, axis=2) > 60).mean() > 5e-4


def test_drawing_leaves_no_global_state(directories: dict[str, Path]):
    import matplotlib

    before, pyplot = dict(matplotlib.rcParams), "matplotlib.pyplot" in sys.modules
    draw(directories["scaling"])
    assert {name: value for name, value in matplotlib.rcParams.items() if before[name] != value} == {}
    assert ("matplotlib.pyplot" in sys.modules) == pyplot


def test_odd_names_and_constant_values_are_drawn(records, tmp_path: Path):
    record = records["regress"]
    shown = record.predictions
    flat = replace(
        shown, truth=np.zeros_like(shown.truth), mean=np.zeros_like(shown.mean), output_names=("cost_$ [^",), output_units=("$",)
    )
    assert len(draw_record(replace(record, predictions=flat, outputs=flat.output_names), tmp_path)) == 3


def test_training_points_are_drawn_where_they_are_kept(records, tmp_path: Path):
    record = records["regress"]
    (tmp_path / "with").mkdir()
    state = {"train_inputs": np.linspace(-1, 1, 9)[:, None], "train_truth": np.full((9, 1), 2.5)}
    plain = draw_record(record, tmp_path)[0]
    marked = draw_record(replace(record, state=state), tmp_path / "with")[0]
    assert plain.read_bytes() != marked.read_bytes()


def test_acquired_cases_are_found_without_a_state(records, tmp_path: Path):
    names = {path.stem for path in draw_record(replace(records["active_learn"], state=None), tmp_path)}
    assert "acquisitions" in names


def test_a_run_cut_off_in_the_first_round_is_drawn(records, tmp_path: Path):
    record = records["active_learn"]
    early = replace(record, steps=record.steps[:1], predictions=None, state={**record.state, "acquired": np.zeros((0, 2))})
    assert [path.stem for path in draw_record(early, tmp_path)] == ["acquisitions"]


def test_a_single_size_has_no_slope_but_a_figure(records, tmp_path: Path):
    record = records["scaling"]
    assert len(draw_record(replace(record, steps=record.steps[:2]), tmp_path)) == 1


def test_nothing_to_draw_is_one_sentence(tmp_path: Path):
    with pytest.raises(BinnError, match="there is no results file"):
        draw(tmp_path)
