"""Every experiment that is a sweep runs at smoke budget, and goes on where it was stopped."""

from __future__ import annotations

from pathlib import Path

import pytest

from binn_cli.cli import main
from binn_cli.config.store import conf_directory, options
from binn_cli.results.store import read

FEW = {
    "acquisitions": ("task.acquisition=mean_std,random model.modes=2", 2),
    "few_cases": ("model=binn_paper dataset.train_cases=3", 1),
    "fig3": ("model=gp,binn,binn_paper", 3),
    "fig3_limit": ("seed=0", 1),
    "fig4": ("model=binn_paper task.sizes=[40]", 1),
    "inn_td": ("dataset.dimensions=2", 1),
    "inn_td_heat": ("", 1),
    "table1": ("model=inn,binn_paper", 2),
    "table2": ("model=binn,binn_paper dataset.outputs=[cp]", 2),
    "table3": ("model=binn,binn_paper", 2),
    "table4": ("model=binn,binn_paper", 2),
}
"""Of each experiment the jobs that take seconds, and how many they are."""
ALL = {
    "acquisitions": 5,
    "cold_posterior": 2,
    "few_cases": 8,
    "fig3": 6,
    "fig3_limit": 3,
    "fig4": 6,
    "inn_td": 2,
    "inn_td_heat": 1,
    "table1": 5,
    "table2": 16,
    "table3": 5,
    "table4": 5,
}
"""How many jobs each has at smoke budget."""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def finished(name: str, *more: str) -> int:
    return main(["run", f"experiment={name}", "budget=smoke", "output.figures=false", "limits.isolate=false", *more])


@pytest.mark.parametrize("name", FEW)
def test_an_experiment_is_a_sweep(place: Path, capsys, name: str) -> None:
    some, count = FEW[name]
    assert finished(name, *some.split()) == 0
    paths = capsys.readouterr().out.split()
    assert len(paths) == count and all(read(Path(path)).status == "complete" for path in paths)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ALL)
def test_the_whole_experiment(place: Path, capsys, name: str) -> None:
    assert finished(name) == 0
    assert len(capsys.readouterr().out.split()) == ALL[name]


def test_it_goes_on_where_it_was_stopped(place: Path, capsys) -> None:
    assert finished("fig3", "model=gp,binn") == 0
    first = capsys.readouterr().out.split()
    assert finished("fig3", "model=gp,binn,binn_paper", "resume=true") == 0
    again = capsys.readouterr().out.split()
    assert [Path(path).resolve() for path in again[:2]] == [Path(path).resolve() for path in first]
    assert len(again) == 3


def test_what_an_experiment_says_of_budgets_belongs_to_both() -> None:
    found = list((conf_directory() / "by_budget").glob("*/*.yaml"))
    assert found
    for path in found:
        assert path.parent.name in options("experiment") and path.stem in options("budget")
