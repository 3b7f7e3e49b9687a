"""Looking at data without fitting: what is odd is said, and the command says what a run would refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from binn_cli.cli import main
from binn_cli.config.schema import SineConfig, TableConfig
from binn_cli.datasets.sine import Sine
from binn_cli.datasets.table import Table
from binn_cli.results.data_check import DataCheck
from binn_cli.tasks.check import checked
from tests.datasets.table_files import values, written


def found(path: Path, **changes: object) -> DataCheck:
    return checked(Table(TableConfig(**{"path": str(path), "outputs": ["u"], **changes}), 0))


def odd() -> np.ndarray:
    """x, z, twice x, a constant, and u with two rows of the same inputs and a mark of missing values."""
    table = values(30)
    table[-2:, :2] = table[0, :2]
    table[-3, 2] = table[-4, 2] = -999
    return np.column_stack([table[:, :2], 2 * table[:, 0], np.ones(30), table[:, 2]])


def test_what_is_odd_is_said(tmp_path: Path) -> None:
    look = found(written(tmp_path / "t.csv", odd(), ("x", "z", "twice", "one", "u")))
    columns = {column.name: column for column in look.columns}
    assert columns["one"].remarks == ("constant: tells nothing",) and columns["one"].distinct == 1
    assert columns["u"].role == "output" and "-999 stands 2 times, far from all others" in columns["u"].remarks[0]
    assert (columns["x"].low, columns["x"].high) == (odd()[:, 0].min(), odd()[:, 0].max()) and columns[
        "x"
    ].remarks == ()
    assert look.remarks[0].startswith("twice is a straight line of x")
    assert (look.same_inputs, look.other_outputs) == (3, 2) and "noise, or an input that is missing" in look.remarks[1]
    assert (look.rows, look.n_train, look.n_test, look.refused) == (30, 24, 6, "")


def test_test_points_outside_are_counted(tmp_path: Path) -> None:
    path, table = written(tmp_path / "t.csv", values(40)), values(5, seed=1)
    table[2, 0], table[3, 1] = 3.0, -0.5
    look = found(path, test_path=str(written(tmp_path / "other.csv", table)))
    span = np.ptp(values(40)[:, 0])
    assert look.n_outside >= 2 and look.outside[0].name == "x"
    assert look.outside[0].farthest == pytest.approx((3.0 - values(40)[:, 0].max()) / span)


def test_missing_numbers_are_counted_and_what_a_run_would_say_is_told(tmp_path: Path) -> None:
    table = values(20)
    table[4, 1] = table[7, 2] = np.nan
    path = written(tmp_path / "t.csv", table)
    look = found(path)
    assert {column.name: column.missing for column in look.columns} == {"x": 0, "z": 1, "u": 1}
    assert look.refused.startswith(f"{path}, line 6: 'z' is nan; 2 of 20 rows lack a number")
    assert found(path, missing="drop").refused == ""


def test_streamed_rows_and_other_data_sets_have_their_ranges(tmp_path: Path) -> None:
    path = written(tmp_path / "t.h5", values(50))
    look, streamed = found(path), found(path, stream=True)
    assert streamed.n_train == look.n_train == 40 and streamed.same_inputs is None
    train = Table(TableConfig(path=str(path), outputs=["u"]), 0).training()
    assert [c.low for c in streamed.columns] == [*train.axes[0].points.min(axis=0), *train.values.min(axis=0)]
    sine = checked(Sine(SineConfig(), 0))
    assert [column.name for column in sine.columns] == ["x", "y"] and (sine.n_train, sine.n_test) == (60, 200)


def test_the_command_prints_a_table_or_json(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    table = values(20)
    path = str(written(tmp_path / "t.csv", table))
    assert main(["check", path]) == 0
    printed = capsys.readouterr().out
    assert "t.csv: 20 rows; columns x, z, u" in printed and "name the columns that are outputs" in printed
    assert main(["check", "--json", path, "dataset.outputs=[u]"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert [column["role"] for column in shown["columns"]] == ["input", "input", "output"] and shown["n_test"] == 4
    table[3, 2] = np.nan
    written(tmp_path / "t.csv", table)
    assert main(["check", path, "dataset.outputs=[u]"]) == 1
    assert "binn run would refuse this" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (["nowhere.csv"], 1, "nowhere.csv: there is no such file"),
        (["dataset.outputs=[u]"], 2, "name a file, or a data set with dataset=NAME"),
        (["a.csv", "b.csv"], 2, "one file at a time"),
        (["dataset=tabel"], 1, 'did you mean "table"?'),
        (["a.csv", "dataset.outpts=[u]"], 1, 'did you mean "dataset.outputs"?'),
    ],
)
def test_mistakes_are_one_sentence(arguments: list[str], status: int, says: str, capsys: pytest.CaptureFixture) -> None:
    try:
        found_status = main(["check", *arguments])
    except SystemExit as error:
        found_status = error.code
    assert found_status == status and says in capsys.readouterr().err
