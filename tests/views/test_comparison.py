"""The paper's Table 2 beside runs."""

from __future__ import annotations

import io
import itertools
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from binn_cli.results.record import Header, RunRecord, Step
from binn_cli.results.store import write
from binn_cli.views.console.comparison import compare
from binn_cli.views.console.show import show
from binn_cli.views.published import MODELS, OUTPUTS, TABLE_2
from tests.views.conftest import scored


def a_run(
    model: str, output: str, *, test_case: str = "case_130", splits: tuple[str, ...] = ("train", "test")
) -> RunRecord:
    config = f"dataset:\n  test_cases: [{test_case}]\n"
    metrics = {split: scored(50, 1, 0.1 * (i + 1), seed=len(model)) for i, split in enumerate(splits)}
    step = Step(100, {}, metrics, {"fit": 2.5}, 250_000_000)
    return RunRecord(
        Header("regress", "blendednet", model, "0123abcd", 7, config, "synthetic"),
        "complete",
        steps=(step,),
        outputs=(output,),
    )


def printed(*records: RunRecord) -> str:
    console = Console(file=io.StringIO(), width=80)
    assert compare(records, console)
    return console.file.getvalue()


def row(text: str, output: str, model: str) -> list[str]:
    """The cells of the first table's row."""
    return next(line.split() for line in text.splitlines() if line.split()[:2] == [output, model])


def test_the_table_is_whole_and_its_claims_are_the_papers() -> None:
    assert set(TABLE_2) == set(itertools.product(OUTPUTS, MODELS))
    for output in OUTPUTS:
        ours, paper, *others = (TABLE_2[output, model] for model in MODELS)
        assert ours == paper
        # The paper's text: the smallest test error for every output, and about twenty times as fast.
        assert all(ours.test < other.test and other.seconds > 15 * ours.seconds for other in others)


def test_rows_stand_in_the_papers_order_with_both_numbers() -> None:
    records = [a_run(model, output) for output, model in itertools.product(reversed(OUTPUTS), reversed(MODELS))]
    text = printed(*records)
    shown = [tuple(line.split()[:2]) for line in text.splitlines() if line.split()[:1] and line.split()[0] in OUTPUTS]
    assert shown == 2 * list(itertools.product(OUTPUTS, MODELS)), "once with the errors, once with the error bars"
    cells = row(text, "cf_y", "binn")
    train, test = (
        f"{float(a_run('binn', 'cf_y').series(split, 'rel_rmse')[-1, 0]):#.3g}" for split in ("train", "test")
    )
    assert cells[2:] == ["0.0187", train, "0.0174", test, "26.5", "s", "2.5", "s"]
    assert "synthetic" in text


def test_another_test_case_is_not_set_beside_the_papers() -> None:
    cells = row(printed(a_run("binn", "cp", test_case="case_136"), a_run("bnn_vi", "cp")), "cp", "binn")
    assert cells[2] == "0.0332" and cells[4] == "–"


def test_every_judged_split_has_its_error_bars() -> None:
    splits = ("train", "test", "interpolation")
    text = printed(*(a_run(model, "cp", splits=splits) for model in MODELS))
    assert "interpolation" in text
    std = float(a_run("binn", "cp", splits=splits).series("interpolation", "sharpness")[-1, 0])
    rows = {line.split()[2]: line.split() for line in text.splitlines() if line.split()[:2] == ["cp", "binn"]}
    assert {"test", "interpolation"} < set(rows) and "train" not in rows
    assert rows["interpolation"][-1] == f"{std:#.3g}"


def test_what_calls_for_no_comparison() -> None:
    one = a_run("binn", "cp")
    others = [
        replace(one, status="failed"),
        a_run("gp", "cp"),
        replace(one, header=replace(one.header, dataset="sine")),
        replace(one, steps=()),
    ]
    assert not compare([one, *others], Console(file=io.StringIO()))


@pytest.mark.parametrize("as_json", [False, True])
def test_show_adds_the_comparison(tmp_path, capsys, as_json) -> None:
    for model in MODELS:
        (tmp_path / model).mkdir()
        write(tmp_path / model / "results.h5", a_run(model, "cp"))
    assert show([tmp_path], as_json) == 0
    assert ("Table 2" in capsys.readouterr().out) != as_json


def test_scores_are_finite() -> None:
    assert all(np.isfinite([entry.train, entry.test, entry.seconds]).all() for entry in TABLE_2.values())
