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
from binn_cli.views.plots.style import VERMILION

EXPECTED = {
    "regress": {"curve", "parity", "calibration"},
    "active_learn": {"parity", "calibration", "acquisitions"},
    "active_line": {"parity", "calibration", "acquisitions"},
    "scaling": {"scaling"},
    "doubtful": set(),
    "failed": set(),
    "surface": {"parity", "calibration", "surface_plan", "surface_oblique"},
}


def coloured(path: Path, colour: str) -> int:
    """How many pixels have exactly this colour."""
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.asarray(Image.open(path).convert("RGB")) == wanted).all(axis=2).sum())


def ink(path: Path) -> int:
    """How many pixels are almost black."""
    return int((np.asarray(Image.open(path).convert("L")) < 60).sum())


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
        shown,
        truth=np.zeros_like(shown.truth),
        mean=np.zeros_like(shown.mean),
        output_names=("cost_$ [^",),
        output_units=("$",),
    )
    assert len(draw_record(replace(record, predictions=flat, outputs=flat.output_names), tmp_path)) == 3


def test_training_points_are_drawn_where_they_are_kept(records, tmp_path: Path):
    record = records["regress"]
    (tmp_path / "with").mkdir()
    state = {"train_inputs": np.linspace(-1, 1, 9)[:, None], "train_truth": np.full((9, 1), 2.5)}
    plain = coloured(draw_record(record, tmp_path)[0], VERMILION)
    marked = coloured(draw_record(replace(record, state=state), tmp_path / "with")[0], VERMILION)
    # nine crosses and the one of the legend, in a colour that nothing else of the figure has
    assert plain == 0 and marked > 10 * 20


def test_sizes_that_were_not_measured_are_marked(records, tmp_path: Path):
    record = records["scaling"]
    (tmp_path / "all").mkdir()
    with_gap = ink(draw_record(record, tmp_path)[0])
    without = ink(draw_record(replace(record, steps=record.steps[:-3]), tmp_path / "all")[0])
    assert with_gap > without


def test_errors_are_seen_beside_the_parity(records, tmp_path: Path):
    from binn_cli.views.plots import parity

    for outputs in (1, 2):
        record = records["regress"] if outputs == 1 else records["active_line"]
        figure = parity.drawn(record)
        assert figure is not None
        panels = [ax for ax in figure.axes if ax.get_xlabel().startswith("true ")]
        assert len(panels) == 2 * outputs
        shown = record.predictions
        worst = np.abs(shown.mean[:, 0] - shown.truth[:, 0]).max()
        low, high = panels[1].get_ylim()
        assert panels[1].get_ylabel().startswith("predicted − true (") and low == -high and worst < high < 1.1 * worst


def test_legends_stay_off_the_data(records):
    from binn_cli.views.plots import acquisitions, calibration, curve, scaling

    for name, module in (
        ("regress", curve),
        ("regress", calibration),
        ("active_learn", acquisitions),
        ("scaling", scaling),
    ):
        figure = module.drawn(records[name])
        assert figure is not None
        figure.canvas.draw()
        legends = [(ax, ax.get_legend()) for ax in figure.axes if ax.get_legend() is not None]
        assert legends
        for ax, legend in legends:
            assert legend.get_window_extent().y0 >= ax.get_window_extent().y1 - 1


def test_acquired_cases_are_found_without_a_state(records, tmp_path: Path):
    names = {path.stem for path in draw_record(replace(records["active_learn"], state=None), tmp_path)}
    assert "acquisitions" in names


def test_a_run_cut_off_in_the_first_round_is_drawn(records, tmp_path: Path):
    record = records["active_learn"]
    early = replace(
        record, steps=record.steps[:1], predictions=None, state={**record.state, "acquired": np.zeros((0, 2))}
    )
    assert [path.stem for path in draw_record(early, tmp_path)] == ["acquisitions"]


def test_a_single_size_has_no_slope_but_a_figure(records, tmp_path: Path):
    record = records["scaling"]
    assert len(draw_record(replace(record, steps=record.steps[:2]), tmp_path)) == 1


def test_nothing_to_draw_is_one_sentence(tmp_path: Path):
    with pytest.raises(BinnError, match="there is no results file"):
        draw(tmp_path)
