"""The studies of fits and loops at a tiny size: their pages hold the numbers of the runs they made."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.studies import (
    acquisitions,
    anywhere,
    calibration,
    comparison,
    cost,
    few_cases,
    inference,
    noise,
    seeds,
    sensitivity,
    stopping,
    table_loops,
    tables,
    tucker,
)
from tests.studies.loop import score, steps_of

HEAT = (
    "dataset.grid=8", "dataset.cells=8", "dataset.times=4", "dataset.candidates=[4,4]", "dataset.train_cases=6",
    "dataset.test_cases=3",
    "dataset.offgrid_points=5", "dataset.offgrid_times=2", "dataset.offgrid_cases=2", "model.modes=3",
)  # fmt: skip
SMALL = ("dataset.grid=6", "dataset.train_cases=6")


@pytest.fixture(scope="module")
def heat(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    cache: Path = tmp_path_factory.mktemp("heat")
    return (*HEAT, f"dataset.cache={cache}")


def _rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.thorough
def test_seeds(heat: tuple[str, ...]) -> None:
    rows = _rows(seeds.study((2, 2), (SMALL, heat)).text)
    assert [row[:3] for row in rows] == [
        ["poisson", "test", "2"], ["poisson", "offgrid", "2"],
        ["heat", "test", "2"], ["heat", "offgrid", "2"], ["heat", "offgrid_at_times", "2"],
    ]  # fmt: skip
    errors = [
        score(steps_of("dataset=poisson", "task=regress", f"model.seed={s}", *SMALL)[0], "offgrid") for s in (0, 1)
    ]
    assert rows[1][4] == f"{max(errors):.2e}"


@pytest.mark.thorough
def test_acquisitions(heat: tuple[str, ...]) -> None:
    study = acquisitions.study(1, 2, ("dataset.initial_cases=3", *heat))
    rows = {row[0]: row[1:] for row in _rows(study.text)}
    assert set(rows) == set(acquisitions.NAMES)
    areas = {name: float(row[0]) for name, row in rows.items()}
    assert int(rows["ivr"][1]) == int(areas["ivr"] < areas["random"])
    last = steps_of(
        "dataset=heat",
        "task=active_learn",
        "task.rounds=2",
        "dataset.initial_cases=3",
        "task.acquisition=random",
        *heat,
    )[-1]
    assert rows["random"][3] == f"{score(last, 'test'):.2e}"


@pytest.mark.thorough
def test_sensitivity() -> None:
    study = sensitivity.study({"length": (0.5, 2.0), "centers": (4,), "modes": (1,)}, {"sine": ("test",)})
    (row,) = _rows(study.text)
    assert row[:2] == ["sine", "test"]
    assert float(row[2]) <= float(row[3]) and row[6] == "1"


@pytest.mark.thorough
def test_cost() -> None:
    study = cost.study({"poisson": (("model.modes=1",), ())}, (*SMALL, "task.rounds=2", "dataset.initial_cases=3"))
    rows = _rows(study.text)
    assert [row[1] for row in rows] == ["modes=1", "default"]
    assert all(re.fullmatch(r"\d+\.\d\d", row[2]) for row in rows)
    assert float(rows[1][3]) < float(rows[0][3])


@pytest.mark.thorough
def test_tucker() -> None:
    stated = (*SMALL, "model.centers=5", "model.length=1.5", "model.stretch=0", "model.padding=1", "model.sweeps=3")
    rows = _rows(tucker.study(1, {"poisson": stated}).text)
    assert [row[:2] for row in rows] == [["poisson", "cp"], ["poisson", "tucker"]]
    fit = steps_of("dataset=poisson", "task=regress", "model.decomposition=tucker", *stated)[0]
    assert rows[1][3].startswith(f"{score(fit, 'test'):.1e}, ")
    assert rows[1][2] == " x ".join(str(int(r)) for r in fit.diagnostics["tucker_ranks"])


@pytest.mark.thorough
def test_comparison(tmp_path: Path) -> None:
    problem = comparison.Problem(("dataset=sine", "dataset.n_train=3500"), "test", {"gp": 50})
    again = [
        comparison.study({"line": problem}, ("binn", "gp", "gp_grid"), tmp_path, ("budget=smoke",)).text
        for _ in range(2)
    ]
    assert again[0] == again[1], "what is kept is read"
    rows = {row[0]: row[1:] for row in _rows(again[0])}
    assert [row[0] for row in (rows["binn"], rows["gp"])] == ["3,500", "50"] and rows["binn"][6] == "1"
    assert set(rows) == {"binn", "gp"} and "- gp_grid: model=gp_grid: the data are one axis of 3,500 points" in again[0]
    assert 0.15 < float(rows["binn"][1]) < 0.25  # the noise of the data is 0.2


@pytest.mark.thorough
def test_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    sizes = {"rounds": 2, "test_cases": 20, "problems": ("branin",), "variants": ("ivr", "ivr, pool", "random")}
    sizes["path"] = tmp_path / "anywhere.jsonl"
    rows = _rows(anywhere.study(1, **sizes, processes=0).text)
    assert [row[:2] for row in rows] == [["branin", "ivr"], ["branin", "ivr, pool"], ["branin", "random"]]
    first = [json.loads(line)["result"][0] for line in (tmp_path / "anywhere.jsonl").read_text().splitlines()]
    assert len(first) == 3 and np.ptp(first) < 1e-9, "all begin with the same cases, and are judged by the same"
    areas = [float(row[3]) for row in rows]
    assert rows[0][4] == f"{int(areas[0] < areas[2])} of 1" and rows[0][5] == ""
    monkeypatch.setattr(anywhere, "log_errors", None)
    again = anywhere.study(2, **sizes, processes=0, asks=False)
    assert _rows(again.text) == rows and "3 kept results of 6 that the study asks for" in again.rests_on, (
        "what is kept is read"
    )


@pytest.mark.thorough
def test_stopping(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(stopping, "SHARES", {"branin": 20.0})
    ((*_, stopped, within, over, rounds),) = _rows(
        stopping.study({"branin": 1}, 3, 20, 0, tmp_path / "kept.jsonl").text
    )
    assert (stopped, within, rounds) == ("1 of 1", "1 of 1", "0 to 0") and 0 < float(over.split(" to ")[0]) < 2


@pytest.mark.thorough
def test_tables(tmp_path: Path) -> None:
    path = tmp_path / "tables.jsonl"
    sizes = {"names": ("branin", "currin"), "sizes": (10,), "seeds": (1,), "path": path}
    text = tables.study(models=("binn", "gp"), **sizes).text  # type: ignore[arg-type]
    assert len(path.read_text().splitlines()) == 4
    assert tables.study(models=("binn", "gp"), asks=False, **sizes).text == text, "what is kept is read"  # type: ignore[arg-type]
    error = tables.outcome(tables.EXPERIMENTS["branin"], 10, 1, "binn")["rel_rmse"]
    rows = {row[0]: row[1:] for row in _rows(text.split("### NLPD")[0])}
    assert rows["branin"][0] == f"{error:.2e}" and set(rows) == {"branin", "*currin*"}


@pytest.mark.thorough
def test_noise(tmp_path: Path) -> None:
    study = noise.study((100,), (3000,), (1,), ("branin",), path=tmp_path / "noise.jsonl")
    rows = _rows(study.text.split("## Ten functions")[0])
    assert [row[:2] for row in rows] == [["100", "in memory"], ["3,000", "streamed"]]
    assert all(0.3 < float(row[4].split()[0]) < 3.0 for row in rows)


@pytest.mark.thorough
def test_inference(tmp_path: Path) -> None:
    models = ("bnn_nuts", "bnn_laplace")
    study = inference.study(models, (0,), 120, tmp_path / "inference.jsonl", ("budget=smoke", "dataset.n_test=30"))
    rows, quality = (_rows(part) for part in study.text.split("## How good"))
    assert [row[0] for row in rows] == [row[0] for row in quality] == ["NUTS", "Laplace"]
    assert rows[0][4] == "1.00, outside 1.00", "NUTS is its own reference"
    assert rows[1][1].startswith("low: ") and rows[1][1].endswith(" s") and 0.0 <= float(quality[1][3]) <= 1.0


@pytest.mark.thorough
def test_few_cases(tmp_path: Path) -> None:
    study = few_cases.study((), (12,), (1,), path=tmp_path / "cases.jsonl")
    rows = _rows(study.text.split("## A heated plate")[1])
    assert [row[:3] for row in rows] == [["12", "1", "binn"], ["12", "1", "POD + GP"]]
    assert float(rows[0][3]) < float(rows[1][3])


@pytest.mark.thorough
def test_table_loops(tmp_path: Path) -> None:
    study = table_loops.study(("branin",), (1,), 3, tmp_path / "loops.jsonl")
    (row,) = _rows(study.text)
    assert row[:2] == ["branin", "1"] and float(row[-1]) > 0.0


@pytest.mark.thorough
def test_calibration(tmp_path: Path) -> None:
    name = "limit, 24 rows"
    ((found, count, *_),) = _rows(calibration.study((name,), 3, tmp_path / "calibration.jsonl").text)
    assert (found, count) == (name, "3")


@pytest.mark.thorough
@pytest.mark.parametrize("name", calibration.PRIORS)
def test_what_is_observed_next_is_anywhere_in_its_predictive_distribution(name: str) -> None:
    """Within four standard errors of a binomial, and what the normal shape of a mixture is off by."""
    found = np.array([calibration.probability(name, seed)["probability"] for seed in range(60)])
    for level in (0.68, 0.95):
        error = 4 * np.sqrt(level * (1 - level) / 60)
        assert level - error - 0.02 < calibration.covered(found, level) < min(level + error + 0.06, 1.0) + 1e-9
