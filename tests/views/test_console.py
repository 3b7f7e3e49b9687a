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

from binn_cli.results.calls import Calls
from binn_cli.results.record import RunRecord, Step
from binn_cli.results.store import write
from binn_cli.views.console import quantities
from binn_cli.views.console.live import LiveView
from binn_cli.views.console.show import show
from binn_cli.views.console.tables import summarise
from binn_cli.views.growth import by_size, slope


def printed(record: RunRecord, width: int = 140) -> str:
    console = Console(record=True, width=width, file=io.StringIO())
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
    (heading,) = (
        line.split() for line in printed(records["active_line"]).splitlines() if line.split()[:1] == ["round"]
    )
    assert heading == ["round", "points", "p", "u", "flux", "coverage", "fit"]
    place = next(round(float(step.acquired["p"])) for step in records["active_line"].steps if step.acquired)
    calls = Calls(("p",), (), {"p": [f"[choice {i}]" for i in range(place + 99)]})
    assert f" [choice {place}] " in printed(replace(records["active_line"], calls=calls))


def test_scaling_shows_slopes_and_skipped_sizes(records):
    text = printed(records["scaling"])
    assert "skipped" in text and "655,360" in text and "top decade" in text


def test_scaling_counts_the_fits_that_were_timed(records):
    record = records["scaling"]
    fits = {"fit_seconds": np.array([0.5, 0.1, 0.3, 0.2, 0.9])}
    step = replace(record.steps[0], n_train=4096, diagnostics=fits, timings={"fit": 0.3})
    failed = Step(0, {"size": 1280}, timings={"fit": np.nan}, warnings=("train_cases = 1,280 failed: killed",))
    both = replace(record, steps=(step, failed), state={"reason_1280": "killed"})
    assert by_size(both)[0].seconds == (0.5, 0.1, 0.3, 0.2, 0.9)
    text = printed(both, 80)
    lines = {line.split()[0]: line.split() for line in text.splitlines() if line.strip()}
    # size, points, fits timed, median fit
    assert lines["160"][:5] == ["160", "4,096", "5", "300", "ms"]
    assert lines["1,280"][:4] == ["1,280", "–", "failed", "–"]
    assert "warning: train_cases = 1,280 failed: killed" in text


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("name", ["regress", "active_learn", "active_line", "scaling", "doubtful"])
def test_tables_fit_the_terminal_and_nothing_is_cut(records, name: str, width: int):
    text = printed(records[name], width)
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= width
    headings = {
        "regress": ("relative", "RMSE", "NLPD", "CRPS", "coverage"),
        "active_learn": ("initial", "best", "final 95 %", "reduced", "round", "points", "offgrid_at_times"),
        "active_line": ("flux", "lowest 95 %", "coverage"),
        "scaling": ("timed", "(median)", "compile", "test RMSE", "memory"),
        "doubtful": ("warning: not finite",),
    }
    assert all(heading in text for heading in headings[name])
    for line in text.splitlines():
        # a line of costs never breaks inside one
        assert not line.startswith("·") and not line.rstrip().endswith("·")


def test_phases_that_took_no_time_are_left_out(records):
    record = records["regress"]
    step = replace(record.steps[0], timings={**record.steps[0].timings, "acquire": 0.0})
    text = printed(replace(record, steps=(step,)))
    assert "acquire" not in text and "predict 2 ms" in text


def test_the_case_is_shown_in_the_data_sets_order(directories: dict[str, Path], capsys):
    assert show([directories["active_learn"]], False) == 0
    (heading,) = (line.split() for line in capsys.readouterr().out.splitlines() if line.split()[:1] == ["round"])
    assert heading[:4] == ["round", "points", "k", "P"]


def test_warnings_are_told_once_with_their_number_of_steps(records):
    record = records["active_learn"]
    steps = [
        replace(step, warnings=("beware [of] it",)) if i in (2, 5) else step for i, step in enumerate(record.steps)
    ]
    assert printed(replace(record, steps=tuple(steps))).count("warning: beware [of] it (in 2 of 21 steps)") == 1
    assert "warning" not in printed(record)
    lone = records["regress"]
    assert "warning: alone\n" in printed(replace(lone, steps=(replace(lone.steps[0], warnings=("alone",)),)))


def test_warnings_are_told_while_the_run_goes_on(records):
    record, stream = records["active_learn"], io.StringIO()
    first, later, last = (
        replace(record.steps[i], warnings=(text,))
        for i, text in enumerate(("mind [this]", "mind [this]", "at the end"))
    )
    with LiveView(record.header, Console(file=stream)) as view:
        view.on_plan(3)
        for i, step in enumerate((first, later, last)):
            view.on_step(i, step)
    lines = stream.getvalue().splitlines()
    assert len(lines) == 4 and lines[0] == "warning: mind [this]"
    assert "round" in lines[1] and "at the end" not in stream.getvalue()


def test_a_size_that_failed_is_not_told_as_a_fit_of_no_points(records):
    stream = io.StringIO()
    with LiveView(records["scaling"].header, Console(file=stream)) as view:
        view.on_plan(2)
        view.on_step(0, Step(0, {"size": 500}, timings={"fit": np.nan}, warnings=("train_cases = 500 failed: killed",)))
    assert stream.getvalue().splitlines() == [
        "warning: train_cases = 500 failed: killed",
        "scaling · sine · binn  size 500  not measured",
    ]


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
    assert [len(row.seconds) for row in rows] == [3, 3, 3, 3, 3, 0]
    assert [row.reason for row in rows] == [""] * 5 + ["skipped: needs 300 GB of memory"]
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
    with (
        pytest.raises(KeyboardInterrupt),
        LiveView(records["regress"].header, Console(file=stream, force_terminal=True)),
    ):
        raise KeyboardInterrupt
    assert stream.getvalue().rstrip().endswith(("\x1b[?25h", "\x1b[2K"))


def test_what_is_synthetic_is_called_so_everywhere(directories, records, capsys):
    assert show([directories["surface"]], False) == 0
    assert "regress · blendednet (synthetic) · binn" in capsys.readouterr().out
    assert show([directories["surface"]], True) == 0
    assert json.loads(capsys.readouterr().out)[0]["note"] == "synthetic"
    for terminal in (False, True):
        stream = io.StringIO()
        with LiveView(
            replace(records["surface"].header, note=""), Console(file=stream, force_terminal=terminal, width=160)
        ) as view:
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


@pytest.fixture
def outputs(tmp_path: Path, records) -> Path:
    """A directory of outputs as `binn run` leaves it: two runs, a sweep of eleven jobs, and what others have put beside
    them."""
    places = ["1_run", "3_run", *(f"2_sweep/{job}_job" for job in range(11))]
    for place in places:
        (tmp_path / "outputs" / place).mkdir(parents=True)
        write(tmp_path / "outputs" / place / "results.h5", records["regress"])
    (tmp_path / "outputs" / "bench_1.json").write_text("{}")
    (tmp_path / "outputs" / "empty").mkdir()
    return tmp_path / "outputs"


IN_ORDER = ["1_run", *(f"2_sweep/{job}_job" for job in range(11)), "3_run"]


def shown_directories(paths: list[Path], capsys) -> tuple[int, list[str], list[str]]:
    status = show(paths, True)
    out, err = capsys.readouterr()
    return status, [run["directory"] for run in json.loads(out)], err.splitlines()


def test_directories_of_runs_are_looked_into(outputs: Path, capsys):
    all_runs = [str(outputs / place) for place in IN_ORDER]
    assert shown_directories([outputs], capsys) == (0, all_runs, [])
    assert shown_directories([outputs / "2_sweep"], capsys) == (0, all_runs[1:-1], [])
    assert shown_directories([outputs / "2_sweep", outputs / "2_sweep" / "4_job"], capsys) == (0, all_runs[1:-1], [])
    assert shown_directories([outputs / "3_run", outputs], capsys) == (0, [all_runs[-1], *all_runs[:-1]], [])


def test_what_is_no_run_is_passed_over_among_runs(outputs: Path, capsys):
    status, found, notes = shown_directories(sorted(outputs.iterdir()), capsys)
    assert (status, found) == (0, [str(outputs / place) for place in IN_ORDER])
    assert notes == [f"{outputs / name}: holds no run and is passed over" for name in ("bench_1.json", "empty")]


@pytest.mark.parametrize("name", ["bench_1.json", "empty"])
def test_nothing_but_what_is_no_run_is_an_error(outputs: Path, capsys, name: str):
    status, found, notes = shown_directories([outputs / name], capsys)
    assert (status, found) == (1, [])
    assert notes == [
        f"{outputs / name}: holds no run; name the directory of a run, of a sweep or of all outputs, or a results.h5"
    ]


def test_a_damaged_file_or_a_misspelt_path_among_runs_is_an_error(outputs: Path, capsys):
    (outputs / "3_run" / "results.h5").write_bytes(b"half a file")
    status, found, notes = shown_directories([outputs / "1_run", outputs / "3_run", outputs / "4_run"], capsys)
    assert (status, found) == (1, [str(outputs / "1_run")])
    assert "cut short or damaged" in notes[0] and notes[1].startswith(f"there is no results file {outputs / '4_run'}")


def test_json_is_whole_and_valid(directories: dict[str, Path], records, capsys):
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    assert show(list(directories.values()), True) == 0
    runs = json.loads(capsys.readouterr().out, parse_constant=refuse)
    assert [run["status"] for run in runs] == ["complete"] * 6 + ["failed"]
    by_task = dict(zip(directories, runs, strict=True))
    assert by_task["failed"]["reason"] == "the [disk] is full" and by_task["failed"]["steps"] == []
    active = by_task["active_learn"]
    assert active["steps"][3]["coordinates"] == {"round": 3} and set(active["steps"][3]["acquired"]) == {"k", "P"}
    assert active["steps"][-1]["acquired"] is None and active["seed"] == 7
    value = records["active_learn"].steps[2].metrics["offgrid"]["crps"][0]
    assert active["steps"][2]["metrics"]["offgrid"]["crps"]["u"] == value
    assert by_task["scaling"]["steps"][-1]["metrics"] == {}
    assert by_task["scaling"]["steps"][0]["warnings"] == []
    assert by_task["doubtful"]["steps"][0]["warnings"] == list(records["doubtful"].steps[0].warnings)


def test_json_of_nothing_is_an_empty_list(tmp_path: Path, capsys):
    assert show([tmp_path / "none"], True) == 1
    assert json.loads(capsys.readouterr().out) == []


def test_show_imports_nothing_heavy(directories: dict[str, Path]):
    code = (
        "import sys; from pathlib import Path; from binn_cli.views.console.show import show; "
        "show([Path(sys.argv[1])], False);"
        "print([m for m in ('jax', 'numpyro', 'matplotlib', 'skfem', 'scipy', 'hydra', 'scoringrules', 'pandas') if "
        "m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(directories["active_learn"])], capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0345, "34.5 ms"),
        (1.234, "1.23 s"),
        (59.97, "1 min 00 s"),
        (125.0, "2 min 05 s"),
        (3700.0, "1 h 01 min"),
        (float("nan"), "–"),
    ],
)
def test_durations(value: float, text: str):
    assert quantities.seconds(value) == text


def test_an_estimate_is_not_more_exact_than_it_can_be():
    assert [quantities.roughly(v) for v in (0.107, 8.27, 36.4, 128.0)] == ["1 s", "8.3 s", "36 s", "2 min 10 s"]


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [(20.0, 4e-15, "20 ± 0"), (2.902046, 9e-16, "2.90205 ± 0"), (0.5, 3.7e-6, "0.5000000 ± 0.0000037")],
)
def test_an_error_of_round_off_is_none(value: float, error: float, text: str) -> None:
    assert quantities.with_error(value, error) == text


def test_quantities():
    assert [quantities.number(v) for v in (0.0, 1.0, 950.0, 9.86e-4, 0.27, float("nan"))] == [
        "0",
        "1.00",
        "950",
        "9.86e-04",
        "0.270",
        "–",
    ]
    assert quantities.size(0) == "–" and quantities.size(2.5e9) == "2.50 GB" and quantities.percent(0.951) == "95.1 %"
    assert quantities.case({"k": 2.5, "P": 150.0}, {}) == "k = 2.5, P = 150" and quantities.case(None, {}) == "–"
    assert quantities.case({"m": [1.0, 0.0]}, {"m": ["steel", "[tin]"]}) == "m = [tin], steel"
