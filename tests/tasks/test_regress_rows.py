"""The regress task on rows that are read in chunks from a file."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from binn_cli.cli import main
from binn_cli.datasets import row_selection as rows_module
from binn_cli.datasets import table as table_module
from binn_cli.datasets.columns.hdf5_file import Hdf5File
from binn_cli.errors import BinnError
from binn_cli.models.binn.rows import sums as sums_module
from binn_cli.models.binn.surrogate import Binn
from binn_cli.tasks import scoring
from binn_cli.tasks.evaluation import PhaseTimings, fitted_on_rows
from tests.datasets.table_files import grow, growing, values, written
from tests.models.problems import problem

SMALL = (
    "model.modes=2 model.centers=5 model.length=1.2 model.padding=1 model.stretch=0 model.sweeps=6 output.figures=false"
)


def _run(
    path: Path, monkeypatch: pytest.MonkeyPatch, stream: str, capsys: pytest.CaptureFixture, *more: str
) -> h5py.File:
    monkeypatch.chdir(path.parent)
    asked = (
        f"dataset=table dataset.path={path} dataset.outputs=[u] dataset.stream={stream} task=regress "
        f"output.root={stream}"
    )
    assert main(["run", *asked.split(), *SMALL.split(), *more]) == 0
    return h5py.File(capsys.readouterr().out.splitlines()[-1])


def _rmse(file: h5py.File) -> tuple[list[float], int]:
    return file["metrics/rmse"][0, :, 0].tolist(), int(file["step/n_train"][0])


def test_as_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    path = written(tmp_path / "t.h5", values(5_000))
    (streamed, n), (kept, m) = (_rmse(_run(path, monkeypatch, stream, capsys)) for stream in ("true", "false"))
    assert n == m == 4_000
    np.testing.assert_allclose(streamed, kept, rtol=0.1)
    assert streamed[1] < 0.01


STATED = "dataset.ranges={x:[-1,2],z:[-1,2]}"


@pytest.mark.parametrize(("more", "seen"), [("", "rows"), ("task.train_points=1000", "points"), (STATED, "rows")])
def test_nothing_is_read_as_a_whole(
    more: str, seen: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """What is read: never all rows at once, and before the fit nothing but the points that are kept, scored or
    drawn."""
    reads: list[int] = []
    fitted: list[tuple[int, np.ndarray | None]] = []
    monkeypatch.setattr(rows_module, "ROWS_AT_ONCE", 512)
    monkeypatch.setattr(scoring, "ROWS_AT_ONCE", 512)
    monkeypatch.setattr(table_module, "read_table", lambda *_, **__: pytest.fail("the whole file was read"))
    reading, fit, fit_rows = Hdf5File._table, Binn.fit, Binn.fit_rows

    def read(self: Hdf5File, file: object, places: list, first: int, last: int) -> np.ndarray:
        reads.append(last - first)
        return reading(self, file, places, first, last)

    def learn(self: Binn, data: object, *arguments: object, domain: np.ndarray | None, **options: object) -> object:
        fitted.append((sum(reads), domain))
        return (fit_rows if seen == "rows" else fit)(self, data, *arguments, domain=domain, **options)

    monkeypatch.setattr(Hdf5File, "_table", read)
    monkeypatch.setattr(Binn, "fit_rows" if seen == "rows" else "fit", learn)
    monkeypatch.setattr(sums_module, "CHUNK_BYTES", 512 * 24)
    path = written(tmp_path / "t.h5", values(5_000))
    _run(path, monkeypatch, "true", capsys, *more.split())
    assert max(reads) <= 1280, "twice a chunk; one of training rows has those between them that are set aside"
    ((before, domain),) = fitted
    # Inputs and outputs are read apart: twice once through the file for the sample or the drawn points, and again for
    # the test rows.
    assert before <= 4 * 5_000 + 512, "beside a look at the first rows"
    if seen == "points":
        assert domain.shape == (2, 2) and 0 < domain[0, 0] < 0.01, "of the drawn points, not of all"
    else:
        np.testing.assert_array_equal(domain, [[-1, 2], [-1, 2]]) if more else None
        assert more or domain is None


def test_all_rows_but_two_are_for_the_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    path = written(tmp_path / "t.h5", values(5_000))
    file = _run(path, monkeypatch, "true", capsys, "dataset.test_share=0.9996")
    assert int(file["step/n_train"][0]) == 2 and np.isfinite(file["metrics/rmse"][0, 1, 0])


def test_a_file_that_grows_meanwhile_is_used_as_it_was_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    path, fit_rows = growing(tmp_path / "t.h5", values(5_000)), Binn.fit_rows

    def growing_fit(self: Binn, rows: object, **options: object) -> object:
        grow(path, values(100, seed=1))
        return fit_rows(self, rows, **options)

    monkeypatch.setattr(Binn, "fit_rows", growing_fit)
    file = _run(path, monkeypatch, "true", capsys)
    assert int(file["step/n_train"][0]) == 4_000
    assert "has grown by 100 rows" in file["step/warnings"][0].decode()


def test_a_model_that_needs_everything_at_once_says_so() -> None:
    from binn_cli.datasets.rows import TableRows

    class Other:
        name = "gp"

    with pytest.raises(BinnError, match="model=gp needs all data in memory; set dataset.stream=false"):
        fitted_on_rows(Other(), TableRows(problem("line")), PhaseTimings(), lambda *_: None)
