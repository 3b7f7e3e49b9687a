"""`binn compare`: which keys become columns, means over seeds, what is best, and what is not compared."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from binn_cli.cli import main
from binn_cli.results import index
from binn_cli.results.json_file import write_json
from tests.views.made_runs import made_run


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return Path("outputs")


def rows(capsys, *arguments: str) -> list[dict]:
    capsys.readouterr()
    assert main(["compare", *arguments, "--json", "-"]) == 0
    return json.loads(capsys.readouterr().out)["rows"]


def two_models(root: Path) -> None:
    """binn has 0.2 ± 0.1, gp 0.35, mlp 0.9; what they bring with them differs too."""
    for seed, rmse in enumerate((0.1, 0.2, 0.3)):
        scores = {"train": {"rmse": 0.01}, "test": {"rmse": rmse, "coverage_95": 0.9 + 0.01 * seed, "sharpness": 1.0}}
        made_run(root / f"b{seed}", seed=seed, model={"modes": 4}, scores=scores)
        gp = {"test": {"rmse": 0.25 + 0.05 * seed, "coverage_95": 0.95, "sharpness": 2.0}}
        made_run(root / f"g{seed}", seed=seed, model={"name": "gp", "kernel": "rbf"}, scores=gp)
    made_run(root / "m", model={"name": "mlp"}, scores={"test": {"rmse": 0.9, "coverage_95": 0.5}})


def test_means_over_seeds_and_the_best(root: Path, capsys) -> None:
    two_models(root)
    found = rows(capsys, "outputs")
    assert [row["keys"] for row in found] == [{"model": "binn"}, {"model": "gp"}, {"model": "mlp"}]
    binn, gp, mlp = (row["metrics"]["test"]["rmse"] for row in found)
    assert binn == {
        "mean": pytest.approx(0.2),
        "standard_error": pytest.approx(0.1 / math.sqrt(3)),
        "n": 3,
        "mark": "best",
    }
    assert (gp["mean"], gp["standard_error"], gp["mark"]) == (
        pytest.approx(0.3),
        pytest.approx(0.05 / math.sqrt(3)),
        None,
    )
    assert (mlp["standard_error"], mlp["n"], mlp["mark"]) == (None, 1, None)
    assert [row["metrics"]["test"]["coverage_95"]["mark"] for row in found] == [None, "best", None]
    assert found[0]["seeds"] == [0, 1, 2] and "train" not in found[0]["metrics"]


def test_what_is_within_the_error_of_the_best_is_marked_too(root: Path, capsys) -> None:
    for model, values in {"binn": (0.1, 0.3), "gp": (0.25, 0.29), "mlp": (0.5, 0.52)}.items():
        for seed, rmse in enumerate(values):
            made_run(root / f"{model}{seed}", seed=seed, model={"name": model}, scores={"test": {"rmse": rmse}})
    assert [row["metrics"]["test"]["rmse"]["mark"] for row in rows(capsys, "outputs")] == ["best", "near", None]
    assert main(["compare", "outputs"]) == 0
    printed = capsys.readouterr().out
    assert "0.20 ± 0.10*" in printed and "0.270 ± 0.020°" in printed and "0.510 ± 0.010 " in printed
    assert "within one standard error of the difference" in printed


def test_only_keys_that_differ_become_columns(root: Path, capsys) -> None:
    for modes in (2, 4):
        for n_train in (30, 60):
            name = f"{modes}-{n_train}"
            made_run(root / name, seed=modes, model={"modes": modes, "sweeps": 30}, dataset={"n_train": n_train})
    made_run(root / "gp", model={"name": "gp", "kernel": "rbf", "sweeps": 5}, dataset={"n_train": 60})
    found = rows(capsys, "outputs")
    assert {tuple(row["keys"]) for row in found} == {("model", "dataset.n_train", "model.modes")}
    assert len(found) == 5 and found[-1]["keys"] == {"model": "gp", "dataset.n_train": 60, "model.modes": None}
    assert tuple(rows(capsys, "outputs/2-*")[0]["keys"]) == ("dataset.n_train",)
    assert rows(capsys, "outputs/2-30")[0]["keys"] == {}


@pytest.mark.parametrize("width", (60, 80, 100, 200))
def test_names_stay_whole_in_narrow_terminals(root: Path, width: int) -> None:
    from rich.console import Console

    from binn_cli.results.gather import gathered
    from binn_cli.views.compare.columns import chosen
    from binn_cli.views.compare.summary import compared
    from binn_cli.views.compare.table import print_comparison

    for n in range(2):
        scores = {split: {"rmse": 1.0 + n, "coverage_95": 0.95} for split in ("test", "offgrid")}
        keys = {"hyperparameter_inference": f"value{n}", "decomposition": f"{n}" * 40, "modes": n}
        made_run(root / f"{n}", model=keys, scores=scores)
    found, shown = gathered(["outputs"]), io.StringIO()
    table = compared(found, chosen([], found.runs), ["rmse", "coverage_95"], ["test", "offgrid"], all_times=True)
    print_comparison(table, Console(file=shown, width=width, force_terminal=True, color_system=None))
    for name in ("hyperparameter_inference", "decomposition", "modes", "coverage_95", "value1", "offgrid", "compile"):
        assert name in shown.getvalue(), shown.getvalue()
    assert max(map(len, shown.getvalue().split("* best")[0].splitlines())) <= max(width, 65)


def test_grouped_by_a_key_of_choice(root: Path, capsys) -> None:
    for modes in (2, 4):
        for n_train in (30, 60):
            made_run(
                root / f"{modes}-{n_train}",
                model={"modes": modes},
                dataset={"n_train": n_train},
                scores={"test": {"rmse": modes}},
            )
    for name in ("model.modes", "modes"):
        found = rows(capsys, "outputs", "--by", name)
        assert [(row["keys"], row["metrics"]["test"]["rmse"]["n"]) for row in found] == [
            ({"model.modes": 2}, 2),
            ({"model.modes": 4}, 2),
        ]
    assert len(rows(capsys, "outputs", "--by", "n_train,modes")) == 4
    assert main(["compare", "outputs", "--by", "modes"]) == 0
    assert "means are also over dataset.n_train (30, 60)" in capsys.readouterr().out


def test_other_data_and_other_code_are_no_repetition(root: Path, capsys) -> None:
    made_run(root / "a", scores={"test": {"rmse": 1.0}})
    made_run(root / "b", scores={"test": {"rmse": 2.0}})
    assert [row["metrics"]["test"]["rmse"]["mean"] for row in rows(capsys, "outputs")] == [2.0]
    assert main(["compare", "outputs"]) == 0
    assert "1 run with the configuration, data and code of another are left out" in capsys.readouterr().out
    made_run(root / "c", provenance={"code_digest": "sha256:bbbbbbbbbbbbbbbb"})
    made_run(root / "d", provenance={"data_identity": '{"dataset.path": "sha256:0123456789"}'})
    found = rows(capsys, "outputs")
    assert [row["keys"] for row in found] == [
        {"data": "", "code": "aaaaaaa"},
        {"data": "", "code": "bbbbbbb"},
        {"data": "01234567", "code": "aaaaaaa"},
    ]


def test_times_of_runs_side_by_side_are_left_out_unless_asked_for(root: Path, capsys) -> None:
    made_run(root / "a", seed=0, fit=1.0, provenance={"side_by_side": 0})
    made_run(root / "b", seed=1, fit=9.0, provenance={"side_by_side": 3})
    (row,) = rows(capsys, "outputs")
    assert (row["timings"]["fit"]["mean"], row["timings"]["fit"]["n"], row["side_by_side"]) == (1.0, 1, 1)
    assert row["metrics"]["test"]["rmse"]["n"] == 2
    (row,) = rows(capsys, "outputs", "--all-times")
    assert row["timings"]["fit"]["mean"] == 5.0
    assert main(["compare", "outputs"]) == 0
    assert (
        "1 run shared the machine with others: their times are left out; --all-times shows them"
        in capsys.readouterr().out
    )


def test_outputs_have_rows_of_their_own_and_data_sets_their_own_best(root: Path, capsys) -> None:
    made_run(root / "a", outputs=("u", "v"), scores={"test": {"rmse": [1.0, 20.0]}})
    made_run(root / "b", outputs=("u", "v"), model={"name": "gp"}, scores={"test": {"rmse": [2.0, 10.0]}})
    made_run(root / "c", dataset={"name": "poisson"}, outputs=("u",), scores={"test": {"rmse": 1e-6}})
    marks = {
        (row["dataset"], row["keys"]["model"], row["output"]): row["metrics"]["test"]["rmse"]["mark"]
        for row in rows(capsys, "outputs")
    }
    assert marks == {
        ("sine", "binn", "u"): "best",
        ("sine", "binn", "v"): None,
        ("sine", "gp", "u"): None,
        ("sine", "gp", "v"): "best",
        ("poisson", "binn", "u"): None,
    }


def test_failures_are_listed_and_what_cannot_be_read_among_good_files(root: Path, capsys) -> None:
    made_run(root / "good")
    made_run(root / "bad", seed=1, status="failed", reason="DataError: nan in row 3")
    made_run(root / "slow", seed=2, status="failed", reason="timed out after 5 s (limits.seconds)")
    made_run(root / "gone", seed=3, status="running")
    whole = (root / "good" / "results.h5").read_bytes()
    for name, content in {"cut": whole[:300], "empty": b"", "text": b"hello"}.items():
        (root / name).mkdir()
        (root / name / "results.h5").write_bytes(content)
    made_run(root / "newer", seed=4)
    with h5py.File(root / "newer" / "results.h5", "r+") as file:
        file.attrs["schema"] = "binn-results/7"
    (root / "other").mkdir()
    with h5py.File(root / "other" / "results.h5", "w") as file:
        file["x"] = np.zeros(3)
    assert main(["compare", "outputs", "--json", "-"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert len(found["rows"]) == 1
    fates = {Path(entry["run"]).name: (entry["fate"], entry["reason"]) for entry in found["not_compared"]}
    assert fates["bad"] == ("failed", "DataError: nan in row 3")
    assert fates["slow"][0] == "timed out" and fates["gone"] == ("interrupted", "its process ended without a word")
    assert fates["newer"][1].endswith(
        "was written by a newer version of this program (binn-results/7, and this one reads binn-results/1); update "
        "binn"
    )
    assert all(fates[name][0] == "unreadable" for name in ("cut", "empty", "text", "newer", "other"))
    assert main(["compare", "outputs"]) == 1
    assert "8 not compared" in capsys.readouterr().out


def test_tables_for_other_programs(root: Path, capsys, tmp_path: Path) -> None:
    two_models(root)
    assert (
        main(["compare", "outputs", "--csv", "t.csv", "--json", "t.json", "--latex", "t.tex", "--metric", "rmse"]) == 0
    )
    assert "0.300 ± 0.029" in capsys.readouterr().out
    table = list(csv.DictReader(io.StringIO(Path("t.csv").read_text())))
    assert [row["model"] for row in table] == ["binn", "gp", "mlp"]
    assert float(table[0]["test_rmse"]) == pytest.approx(0.2) and table[0]["test_rmse_mark"] == "best"
    assert table[2]["test_rmse_se"] == "" and table[0]["runs"] == "3" and float(table[0]["fit_seconds"]) == 1.0
    latex = Path("t.tex").read_text().splitlines()
    assert latex[1] == "\\begin{tabular}{lrr}" and latex[3] == "model & runs & test rmse \\\\"
    assert latex[5] == "binn & 3 & \\textbf{0.200 $\\pm$ 0.058} \\\\" and latex[-1] == "\\end{tabular}"
    assert json.loads(Path("t.json").read_text())["schema"] == "binn-comparison/1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outputs", "t.csv", "t.json", "t.tex"]


def test_parquet(root: Path, capsys) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason='needs the extra "parquet"')
    two_models(root)
    made_run(root / "x", model={"modes": "auto"}, scores={"test": {"rmse": 0.5}})
    assert main(["compare", "outputs", "--parquet", "t.parquet"]) == 0
    table = parquet.read_table("t.parquet").to_pydict()
    assert table["model.modes"] == ["4", "auto", None, None] and table["test_rmse"][0] == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["nope"],
            "nope: does not exist; name directories of runs, of sweeps or of all outputs, or a pattern such as "
            "'outputs/*_sweep'",
        ),
        (["outputs/z*"], "outputs/z*: matches nothing; name directories"),
        (["outputs", "--by", "mode"], '--by mode: no run has such a key; did you mean "model"?'),
        (["outputs", "--metric", "rsme"], '--metric rsme: no run has it; there are rmse; did you mean "rmse"?'),
        (["outputs", "--split", "tset"], '--split tset: no run has it; there are test; did you mean "test"?'),
        (["outputs", "--csv", "no/where.csv"], "cannot write no/where.csv: No such file or directory"),
        (["outputs", "--by", "seed.x"], "--by seed.x: no run has such a key"),
    ],
)
def test_mistakes_are_one_sentence(root: Path, capsys, arguments: list[str], sentence: str) -> None:
    made_run(root / "a")
    assert main(["compare", *arguments]) == 1
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith(sentence) and printed.err.count("\n") == 1


def test_nothing_to_compare(root: Path, capsys) -> None:
    (root / "empty").mkdir(parents=True)
    assert main(["compare", "outputs"]) == 1
    assert "no complete run to compare" in capsys.readouterr().err


def test_the_index_is_never_trusted_over_the_files(root: Path, capsys, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(3):
        made_run(root / str(seed), seed=seed, scores={"test": {"rmse": 1.0}})
    rows(capsys, "outputs")
    kept = json.loads((root / index.FILE_NAME).read_text())
    assert len(kept["runs"]) == 3
    reads: list[Path] = []
    read_head = index.read_head
    monkeypatch.setattr(index, "read_head", lambda path: (reads.append(path), read_head(path))[1])
    rows(capsys, "outputs")
    assert reads == []
    # A file that is replaced within the same nanosecond and with the same size is another inode.
    before = (root / "1" / "results.h5").stat()
    (root / "1" / "results.h5").unlink()
    (root / "1").rmdir()
    made_run(root / "1", seed=1, scores={"test": {"rmse": 4.0}})
    os.utime(root / "1" / "results.h5", ns=(before.st_atime_ns, before.st_mtime_ns))
    (row,) = rows(capsys, "outputs")
    assert [path.parent.name for path in reads] == ["1"] and row["metrics"]["test"]["rmse"]["mean"] == 2.0
    for broken in (
        "",
        "[]",
        '{"layout": 99, "runs": {}}',
        '{"layout": 1, "runs": {"0/results.h5": {"key": 3}}}',
        '{"layout": 1, "runs": []}',
    ):
        (root / index.FILE_NAME).write_text(broken)
        (row,) = rows(capsys, "outputs")
        assert row["metrics"]["test"]["rmse"]["mean"] == 2.0
    for seed in (0, 2):
        (root / str(seed) / "results.h5").unlink()
    assert [row["seeds"] for row in rows(capsys, "outputs")] == [[1]]
    kept["runs"]["1/results.h5"]["head"] = {"status": "complete"}
    write_json(root / index.FILE_NAME, kept)
    assert [row["seeds"] for row in rows(capsys, "outputs")] == [[1]]


def test_many_runs_are_compared_at_once(root: Path, capsys) -> None:
    """The figure for a thousand is measured by tests/sweeps/heavy.py; here that nothing grows with more than their
    number."""
    for seed in range(60):
        made_run(root / f"{seed:03}", seed=seed // 2, model={"modes": seed % 2 + 1})
    rows(capsys, "outputs")
    began = time.process_time()
    found = rows(capsys, "outputs")
    assert time.process_time() - began < 1.0
    assert [row["metrics"]["test"]["rmse"]["n"] for row in found] == [30, 30]
