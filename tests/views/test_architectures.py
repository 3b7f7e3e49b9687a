"""The paper's Table 1, which is in words, beside runs of its architectures."""

from __future__ import annotations

import io

import numpy as np
import pytest
from rich.console import Console

from binn_cli.results.record import Header, RunRecord, Step
from binn_cli.results.store import read, write
from binn_cli.views.console.architectures import compare_architectures
from binn_cli.views.console.show import show
from tests.views.conftest import scored


def a_run(model: str, seed: int = 0, *, weights: int = 3000, error: float = 0.1, data: str = "heat") -> RunRecord:
    metrics = {split: scored(50, 1, error, seed=seed) for split in ("train", "test", "offgrid")}
    metrics["offgrid"]["rmse"] = np.array([error])
    known = {} if model.startswith("binn") else {"n_parameters": np.array(weights)}
    step = Step(100, {}, metrics, {"fit": 2.5, "predict": 0.5}, 250_000_000, diagnostics=known, predicted=1000)
    return RunRecord(Header("regress", data, model, "0123abcd", seed, ""), "complete", steps=(step,), outputs=("u",))


def printed(*records: RunRecord) -> str:
    console = Console(file=io.StringIO(), width=80)
    assert compare_architectures(records, console)
    return console.file.getvalue()


def rows(text: str, model: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line.split()[:1] == [model]]


def test_seeds_are_one_row_and_sizes_are_two() -> None:
    runs = [a_run("inn", seed, error=error) for seed, error in ((0, 0.1), (1, 0.3))]
    text = printed(*runs, a_run("mlp"), a_run("mlp", weights=9000), a_run("kan"), a_run("binn"))
    assert [len(rows(text, model)) for model in ("mlp", "kan", "inn", "binn")] == [2, 1, 1, 1]
    (row,) = rows(text, "inn")
    # Two runs with 3,000 weights; the mean error and its standard error; 1,000 points in half a second.
    assert row[1:3] == ["2", "3,000"] and row[-6:] == ["0.20", "±", "0.10", "2.5", "s", "2.00e+03"]
    assert rows(text, "binn")[0][2] == "–" and "O(HM²)" in text and "effective_parameters" in " ".join(text.split())


def test_only_where_all_three_are_there() -> None:
    assert not compare_architectures([a_run("mlp"), a_run("inn"), a_run("binn")], Console(file=io.StringIO()))
    other = a_run("kan")
    assert not compare_architectures([a_run("mlp"), a_run("inn"), RunRecord(other.header, "failed")], Console())


@pytest.fixture
def three(tmp_path):
    paths = [tmp_path / model / "results.h5" for model in ("mlp", "kan", "inn")]
    for path in paths:
        path.parent.mkdir()
        write(path, a_run(path.parent.name))
    return paths


def test_show_prints_it_from_files(three, capsys) -> None:
    assert read(three[0], arrays=False).steps[0].predicted == 1000
    assert show(three) == 0
    text = capsys.readouterr().out
    assert "Table 1, beside these runs on 100 points of heat" in text and "3,000" in text
