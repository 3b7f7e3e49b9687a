"""The user's own tables: every kind of file, the split, rows in chunks, and what is said about files that cannot be
used."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest

from binn_cli.config.schema import TableConfig
from binn_cli.datasets.rows import Chunk, TableRows, ahead
from binn_cli.datasets.table import Table
from binn_cli.errors import ConfigError, DataError
from tests.datasets.table_files import NAMES, a_table, grow, growing, values, written

KINDS = [("t.csv", False), ("t.npz", False), ("t.npz", True), ("t.h5", False), ("t.hdf5", True)]


def _table(file: Path, **changes: object) -> Table:
    return Table(TableConfig(**{"path": str(file), "outputs": ["u"], **changes}), 3)


@pytest.mark.parametrize(("name", "matrix"), KINDS)
def test_every_kind_of_file_holds_the_same(name: str, matrix: bool, tmp_path: Path) -> None:
    table = values(20)
    dataset = _table(written(tmp_path / name, table, matrix=matrix), inputs=["z", "x"])
    training, test = dataset.training(), dataset.evaluation()["test"]
    assert training.inputs == ("z", "x") and training.n_points == 16 and test.n_points == 4
    rows = np.concatenate([np.column_stack([d.axes[0].points, d.values]) for d in (training, test)])
    np.testing.assert_array_equal(rows[np.argsort(rows[:, 2])], table[np.argsort(table[:, 2])][:, [1, 0, 2]])


def test_other_content_is_other_data(tmp_path: Path) -> None:
    table = values(9)
    here, copy, test = (written(tmp_path / name, table) for name in ("t.csv", "copy.csv", "test.csv"))
    known = _table(here).identity()
    assert known["dataset.path"].startswith("sha256:") and _table(copy).identity() == known
    assert _table(here, test_path=str(test)).identity() == {**known, "dataset.test_path": known["dataset.path"]}
    written(here, table + 1.0)
    assert _table(here).identity() != known
    with pytest.raises(DataError, match=r"gone.csv: cannot be read \(No such file"):
        _table(tmp_path / "gone.csv").identity()


def test_no_inputs_stands_for_all_other_columns(tmp_path: Path) -> None:
    assert _table(written(tmp_path / "t.csv", values(9))).training().inputs == ("x", "z")


def test_a_test_file_of_its_own(tmp_path: Path) -> None:
    other = written(tmp_path / "other.npz", values(7, seed=1))
    dataset = _table(written(tmp_path / "t.csv", values(20)), test_path=str(other))
    assert dataset.training().n_points == 20 and dataset.held_out == ()
    np.testing.assert_array_equal(dataset.evaluation()["test"].values[:, 0], values(7, seed=1)[:, 2])


def test_streamed_rows_are_those_in_memory(tmp_path: Path) -> None:
    path = written(tmp_path / "t.h5", values(50))
    memory, streamed = _table(path), _table(path, stream=True)
    rows = streamed.rows()
    assert rows is not None and memory.rows() is None and rows.n_points == 40
    wanted = np.sort(memory.training().values[:, 0])
    for size in (1, 7, 10**6):
        found = np.concatenate([y[:, 0] for _, y in rows.chunks(size)])
        np.testing.assert_array_equal(np.sort(found), wanted)
        parts = [y for begin, end in ((0, 13), (13, 40)) for _, y in rows.chunks(size, begin, end)]
        np.testing.assert_array_equal(np.concatenate(parts)[:, 0], found)
    for name in ("axes", "values"):
        mine, theirs = (getattr(d.evaluation()["test"], name) for d in (streamed, memory))
        np.testing.assert_array_equal(*(a[0].points if name == "axes" else a for a in (mine, theirs)))


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"outputs": []}, DataError, "name the columns that are outputs.*has x, z, u"),
        ({"outputs": ["w"]}, DataError, "no column w; the file has x, z, u"),
        ({"outputs": list(NAMES)}, DataError, "no column is left for an input"),
        ({"path": ""}, ConfigError, "names no file"),
        ({"path": "nowhere.csv"}, DataError, "no such file"),
        ({"n_train": 17}, ConfigError, "must be at most 16"),
        ({"test_share": 0.99}, DataError, "cannot be divided"),
    ],
)
def test_what_cannot_be_used_is_said(changes: dict, error: type[Exception], words: str, tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", values(20))
    with pytest.raises(error, match=words):
        _table(path, **changes).training()


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0])
def test_a_share_of_nothing_or_everything_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match="test_share"):
        TableConfig(test_share=share)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.csv", b"x,z,u\n1,2,3\n4,5\n", "line 3 has 2 values, not 3"),
        ("t.csv", b"x,z,u\n1,2,3\n4,5,nan\n", "line 3: 'u' is nan; 1 of 2 rows"),
        ("t.npz", b"not an archive", "is not a zip archive, as its name says"),
        ("t.h5", b"not HDF5", "is not an HDF5 file, as its name says"),
        ("t.txt", b"1 2 3", "line 1: there are numbers"),
    ],
)
def test_damaged_files(name: str, content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=words):
        _table(tmp_path / name).training()


def test_columns_that_differ_in_length(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "t.h5", "w") as file:
        file["x"], file["u"] = np.zeros(3), np.zeros(4)
    with pytest.raises(DataError, match="'x' has 3 rows, 'u' has 4 rows"):
        _table(tmp_path / "t.h5").training()


def test_reading_ahead_changes_no_chunk_and_keeps_errors_in_their_place() -> None:
    rows = TableRows(Table(TableConfig(path=a_table(), outputs=["u"]), 3).training())
    for one, other in zip(ahead(rows.chunks(7)), rows.chunks(7), strict=True):
        for mine, theirs in zip(one, other, strict=True):
            np.testing.assert_array_equal(mine, theirs)

    def broken() -> Iterator[Chunk]:
        yield from rows.chunks(7, 0, 14)
        raise DataError("row 14 cannot be read")

    chunks = ahead(broken())
    assert len(next(chunks)[0]) == len(next(chunks)[0]) == 7
    with pytest.raises(DataError, match="row 14"):
        next(chunks)
    ahead(rows.chunks(7)).close()


def test_ranges_are_stated_by_name_and_rows_outside_are_refused(tmp_path: Path) -> None:
    path, ranges = written(tmp_path / "t.h5", values(50)), {"z": [-1.0, 2.0]}
    np.testing.assert_array_equal(_table(path, ranges=ranges).stated_ranges(("x", "z")), [[np.nan, np.nan], [-1, 2]])
    with pytest.raises(ConfigError, match="names 'w', which is not an input; the inputs are x, z"):
        _table(path, ranges={"w": [0.0, 1.0]}).training()
    low = float(np.sort(values(50)[:, 0])[1])
    row = int(np.argmin(values(50)[:, 0]))
    with pytest.raises(
        DataError, match=rf"t.h5, row {row} \(counted from 0\): 'x' is .*, outside its range .* of dataset.ranges"
    ):
        _table(path, ranges={"x": [low, 1.0]}).training()
    streamed = _table(path, ranges={"x": [low, 1.0], "z": [0.0, 1.0]}, stream=True)
    with pytest.raises(DataError, match=rf"row {row} \(counted from 0\): 'x' is .*, outside"):
        [*streamed.rows().chunks(7), streamed.evaluation()]
    with pytest.raises(ConfigError, match="must name every input where dataset.stream is true; x is missing"):
        _table(path, ranges=ranges, stream=True).rows()


def test_rows_that_are_written_meanwhile_leave_training_and_test_apart(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    growing(path, values(50))
    dataset = _table(path, stream=True)
    rows = dataset.rows()
    assert dataset.remarks() == ()
    grow(path, values(30, seed=1))
    found = np.concatenate([*(y for _, y in rows.chunks(7)), dataset.evaluation()["test"].values])
    np.testing.assert_array_equal(np.sort(found[:, 0]), np.sort(values(50)[:, 2]))
    assert dataset.remarks() == (f"{path} has grown by 30 rows since the run began; they were not used",)
