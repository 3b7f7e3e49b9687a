"""`binn figures`: the figures of the paper and ours from finished runs, with fonts that a journal takes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from binn_cli.cli import main
from binn_cli.results.gather import gathered
from binn_cli.results.record import RunRecord
from binn_cli.results.store import read, write
from binn_cli.views.figures import learning
from binn_cli.views.figures.models import NAMES, look, ordered
from tests.views.made_runs import made_run


def kept(root: Path, record: RunRecord, model: str, seed: int = 0) -> None:
    """A run of another model and seed."""
    header = replace(record.header, model=model, seed=seed, config_id=f"{record.header.dataset}-{model}-{seed}")
    directory = root / f"{header.task}_{header.dataset}_{model}_{seed}"
    directory.mkdir(parents=True)
    write(directory / "results.h5", replace(record, header=header))


@pytest.mark.slow
@pytest.mark.thorough
def test_every_figure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, records: dict[str, RunRecord], capsys) -> None:
    monkeypatch.chdir(tmp_path)
    root = Path("outputs")
    for model in ("gp", "binn", "<script>$x$"):
        kept(root, records["regress"], model)
    for seed in (0, 1):
        kept(root, records["active_learn"], "binn", seed)
    for model in ("gp", "mlp"):
        kept(root, records["scaling"], model)
    kept(root, records["surface"], "binn")
    for cases in (4, 8):
        scores = {"test": {"rmse": 1.0 / cases, "sharpness": 2.0 / cases, "coverage_95": 0.9}}
        made_run(root / f"few{cases}", dataset={"name": "heat", "train_cases": cases}, scores=scores)
    assert main(["figures", "outputs", "-o", "drawn"]) == 0
    paths = [Path(line) for line in capsys.readouterr().out.split()]
    assert {path.stem for path in paths} == {
        "fig3",
        "fig4",
        "fig5_cp_cf_x_binn_0",
        "fig6",
        "calibration_sine",
        "error_against_time_sine",
        "error_bars_heat",
    }
    assert {path.suffix for path in paths} == {".pdf", ".png"} and all(path.stat().st_size > 5000 for path in paths)
    for path in paths:
        if path.suffix == ".pdf":
            content = path.read_bytes()
            assert b"/FontFile2" in content and b"/Subtype /Type3" not in content, f"{path}: fonts are not embedded"


def test_where_there_is_nothing_to_draw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    made_run(Path("outputs/a"))
    made_run(Path("outputs/b"), seed=1, status="failed", reason="no luck", scores={})
    assert main(["figures", "outputs"]) == 1
    said = capsys.readouterr().err
    assert "nothing to draw" in said and "1 of the runs is not complete and left out" in said
    assert not Path("figures").exists()
    assert main(["figures", "nowhere"]) == 1
    assert "nowhere: does not exist" in capsys.readouterr().err


def test_models_look_alike_in_every_figure_and_differ_within_one() -> None:
    looks = [tuple(look(model).values()) for model in NAMES]
    assert len(set(looks)) == len(looks)
    assert ordered(["zzz", "bnn_vi", "gp", "binn"]) == ["gp", "binn", "bnn_vi", "zzz"]
    assert np.array_equal(look("zzz")["color"], look("zzz")["color"])


def test_errors_stand_at_the_cases_that_were_known_to_the_fit(directories: dict[str, Path]) -> None:
    runs = gathered([str(directories["active_learn"])]).runs
    steps = read(directories["active_learn"] / "results.h5").steps
    came_in = [np.size(next(iter(step.acquired.values()))) if step.acquired else 0 for step in steps]
    (axes,) = learning.drawn(runs)["fig6"].axes
    assert list(axes.lines[0].get_xdata()) == list(np.cumsum(came_in))
    assert sum(came_in) > 0


def test_a_first_fit_without_an_error_is_no_part_of_a_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    steps = [SimpleNamespace(acquired=acquired) for acquired in (None, {"k": 1.0}, {"k": 2.0})]
    errors = np.array([[np.nan], [0.5], [0.25]])
    record = SimpleNamespace(steps=steps, judging_split="ahead", series=lambda split, metric: errors)
    monkeypatch.setattr(learning, "read", lambda *_, **__: record)
    rounds, curves = learning._curves([SimpleNamespace(directory=Path("run"))])
    assert (rounds.tolist(), curves.tolist()) == ([1, 2], [[0.5, 0.25]])
