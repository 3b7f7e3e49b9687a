"""What a terminal shows, and the same as JSON."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from binn_cli.results.record import RunRecord
from binn_cli.views.console import LiveView, quantities, show, summarise
from binn_cli.views.growth import by_size, slope


def printed(record: RunRecord) -> str:
    console = Console(record=True, width=140, file=io.StringIO())
    summarise(record, console)
    return console.export_text()


def test_regress_has_a_row_per_split(records):
    text = printed(records["regress"])
    assert "regress · sine · binn" in text and "complete" in text and "seed 7" in text
    rows = {line.split()[0]: line for line in text.splitlines() if line.strip().startswith(("train", "test"))}
    assert set(rows) == {"train", "test"}
    assert quantities.number(records["regress"].series("test", "rmse")[-1, 0]) in rows["test"] and "%" in rows["test"]
    assert "fit 34 ms" in text and "compile 1.2 s" in text and "peak memory 250 MB" in text


def test_active_learning_shows_gain_and_rounds(records):
    text = printed(records["active_learn"])
    rmse = records["active_learn"].series("test", "rmse")[:, 0]
    assert all(quantities.number(value) in text for value in (rmse[0], rmse.min(), rmse[-1]))
    assert f"{100 * (1 - rmse[-1] / rmse[0]):.1f} %" in text
    assert "20 acquired cases" in text and "1,859,715 training points" in text
    assert "RMSE flux" in printed(records["active_line"])


def test_scaling_shows_slopes_and_skipped_sizes(records):
    text = printed(records["scaling"])
    assert "skipped" in text and "655,360" in text and "top decade" in text


def test_a_failed_run_says_why(records):
    text = printed(records["failed"])
    assert "failed" in text and "the [disk] is full" in text and "no step was finished" in text


def test_slopes():
    n = np.array([10.0, 100, 1000, 10_000])
    assert slope(n, 3 * n**1.5) == pytest.approx(1.5)
    assert slope(n, np.array([1, 1, 1, 100.0]), decade=True) == pytest.approx(2)
    assert np.isnan(slope(n[:1], n[:1])) and np.isnan(slope(n, np.full(4, np.nan)))
    assert slope(n, np.array([10, 100, 1000, np.nan])) == pytest.approx(1)


def test_sizes_are_grouped(records):
    rows = by_size(records["scaling"])
    assert [row.repeats for row in rows] == [3, 3, 3, 3, 3, 0]
    assert np.isnan(rows[-1].fit) and rows[0].fit > 0 and rows[0].rmse.shape == (1,)


def test_a_plain_line_per_step_outside_a_terminal(records):
    record, stream = records["active_learn"], io.StringIO()
    with LiveView(record.header, Console(file=stream)) as view:
        view.on_plan(21)
        view.on_announce("solving", 1, 2)
        view.on_announce("solving", 2, 2)
        view.on_step(0, record.steps[0])
        view.on_step(20, record.steps[20])
        view.on_finish("complete", None)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 3 and "solving" in lines[0]
    assert "round 0/20" in lines[1] and "RMSE" in lines[1] and "chose k = " in lines[1] and "left" in lines[1]
    assert "round 20/20" in lines[2] and "left" not in lines[2]


def test_progress_in_a_terminal(records):
    record, stream = records["active_learn"], io.StringIO()
    with LiveView(record.header, Console(file=stream, force_terminal=True, width=160)) as view:
        view.on_plan(21)
        view.on_announce("solving [heat]", 1, 2)
        view.on_step(0, record.steps[0])
        assert view._progress is not None
        view._progress.refresh()
    text = stream.getvalue()
    assert "round 0/20" in text and "active_learn" in text
    view.on_finish("failed", "after the view is closed")


def test_the_live_view_gives_the_terminal_back_after_an_error(records):
    stream = io.StringIO()
    with pytest.raises(KeyboardInterrupt), LiveView(records["regress"].header, Console(file=stream, force_terminal=True)):
        raise KeyboardInterrupt
    assert stream.getvalue().rstrip().endswith(("\x1b[?25h", "\x1b[2K"))


def test_what_is_synthetic_is_called_so_everywhere(directories, records, capsys):
    assert show([directories["surface"]], False) == 0
    assert "regress · blendednet (synthetic) · binn" in capsys.readouterr().out
    assert show([directories["surface"]], True) == 0
    assert json.loads(capsys.readouterr().out)[0]["note"] == "synthetic"
    for terminal in (False, True):
        stream = io.StringIO()
        with LiveView(replace(records["surface"].header, note=""), Console(file=stream, force_terminal=terminal, width=160)) as view:
            view.on_note("synthetic")
            view.on_step(0, records["surface"].steps[0])
        assert "blendednet (synthetic)" in stream.getvalue()


@pytest.mark.parametrize("as_file", [False, True])
def test_show_prints_every_run(directories: dict[str, Path], capsys, as_file: bool):
    paths = [directory / "results.h5" if as_file else directory for directory in directories.values()]
    assert show(paths, False) == 0
    out, err = capsys.readouterr()
    assert err == "" and all(str(directory) in out for directory in directories.values())


def test_show_goes_on_after_a_bad_path(directories: dict[str, Path], tmp_path: Path, capsys):
    (tmp_path / "results.h5").write_bytes(b"no HDF5")
    assert show([tmp_path / "none", tmp_path, directories["regress"]], False) == 1
    out, err = capsys.readouterr()
    assert "regress · sine" in out and len(err.splitlines()) == 2
    assert "there is no results file" in err and "cut short" in err


def test_json_is_whole_and_valid(directories: dict[str, Path], records, capsys):
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert show(list(directories.values()), True) == 0
    runs = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert [run["status"] for run in runs] == ["complete"] * 5 + ["failed"]
    by_task = dict(zip(directories, runs, strict=True))
    assert by_task["failed"]["reason"] == "the [disk] is full" and by_task["failed"]["steps"] == []
    active = by_task["active_learn"]
    assert active["steps"][3]["coordinates"] == {"round": 3} and set(active["steps"][3]["acquired"]) == {"k", "P"}
    assert active["steps"][-1]["acquired"] is None and active["seed"] == 7
    value = records["active_learn"].steps[2].metrics["offgrid"]["crps"][0]
    assert active["steps"][2]["metrics"]["offgrid"]["crps"]["u"] == value
    assert by_task["scaling"]["steps"][-1]["metrics"] == {}


def test_json_of_nothing_is_an_empty_list(tmp_path: Path, capsys):
    assert show([tmp_path / "none"], True) == 1
    assert json.loads(capsys.readouterr().out) == []


def test_show_imports_nothing_heavy(directories: dict[str, Path]):
    code = (
        "import sys; from pathlib import Path; from binn_cli.views.console import show; show([Path(sys.argv[1])], False);"
        "print([m for m in ('jax', 'numpyro', 'matplotlib', 'skfem', 'scipy', 'hydra', 'scoringrules', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(directories["active_learn"])], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0345, "34.5 ms"), (1.234, "1.23 s"), (59.97, "1 min 00 s"), (125.0, "2 min 05 s"), (3700.0, "1 h 01 min"), (float("nan"), "–")],
)
def test_durations(value: float, text: str):
    assert quantities.seconds(value) == text


def test_quantities():
    assert [quantities.number(v) for v in (0.0, 1.0, 950.0, 9.86e-4, 0.27, float("nan"))] == ["0", "1.00", "950", "9.86e-04", "0.270", "–"]
    assert quantities.size(0) == "–" and quantities.size(2.5e9) == "2.50 GB" and quantities.percent(0.951) == "95.1 %"
    assert quantities.case({"k": 2.5, "P": 150.0}) == "k = 2.5, P = 150" and quantities.case(None) == "–"
