"""Rows of an HDF5 file in chunks: what is read, and what is said about a file that changes or ends while it is read."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest

from binn_cli.datasets.columns import hdf5_opening
from binn_cli.datasets.columns.streaming import added_rows
from binn_cli.errors import DataError
from tests.datasets.table_files import NAMES, grow, growing, rows_of, values, written


def test_a_file_cut_short_in_mid_stream_is_named_with_the_row(tmp_path: Path) -> None:
    path = written(tmp_path / "t.h5", values(30_000))
    rows = rows_of(path, (), ["u"])
    with h5py.File(path) as file:
        begin = file["u"].id.get_offset()
    chunks = rows.chunks(1000)
    next(chunks)
    with path.open("r+b") as file:
        file.truncate(begin + 8 * 12_345)
    with pytest.raises(DataError, match=r"row 12,345 of 30,000 cannot be read: the file is cut short"):
        list(chunks)
    with pytest.raises(DataError, match="is cut short: the end"):
        rows_of(path, (), ["u"])


def test_a_chunked_file_cut_short_in_mid_stream(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    with h5py.File(path, "w") as file:
        a = file.create_dataset("a", data=values(20_000), chunks=(1000, 3))
        a.attrs["columns"] = NAMES
        where = {a.id.get_chunk_info(i).chunk_offset[0]: a.id.get_chunk_info(i).byte_offset for i in range(20)}
    chunks = rows_of(path, (), ["u"]).chunks(1500)
    next(chunks)
    with path.open("r+b") as file:
        file.truncate(where[7000])
    with pytest.raises(DataError, match="row 7,000 of 20,000 cannot be read"):
        list(chunks)


def test_reading_a_chunk_takes_no_memory_for_all_rows(tmp_path: Path) -> None:
    path = tmp_path / "long.h5"
    with h5py.File(path, "w") as file:
        for name in ("x", "y"):
            file.create_dataset(name, (5_000_000,), "f8", chunks=(1000,))  # nothing is written: it reads as zeros
    rows = rows_of(path, ["x"], ["y"])
    tracemalloc.start()
    x, y = next(rows.chunks(1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert x.shape == y.shape == (1000, 1)
    assert peak < 1_000_000


@pytest.mark.parametrize("at", [0, 1, 9])
def test_rows_added_while_it_is_read_are_not_among_those_of_the_start(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, before = tmp_path / "t.h5", values(1000)
    growing(path, before)
    rows = rows_of(path, (), ["u"])
    # A writer that does not lock, as on file systems without locks; many chunks more, so that the index of chunks is
    # another one.
    monkeypatch.setenv("HDF5_USE_FILE_LOCKING", "FALSE")
    found = []
    for i, (_, y) in enumerate(rows.chunks(100)):
        found.append(y[:, 0])
        if i == at:
            adding = f"from tests.datasets.table_files import *; grow(Path({str(path)!r}), values(5000, seed=1))"
            subprocess.run([sys.executable, "-c", adding], check=True, cwd=Path(__file__).parents[3])
    np.testing.assert_array_equal(np.concatenate(found), before[:, 2])
    assert (rows.n_points, added_rows(rows)) == (1000, 5000)


def test_a_file_that_is_replaced_or_written_anew_or_shrinks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.h5"
    growing(path, values(50))
    rows = rows_of(path, (), ["u"])
    growing(tmp_path / "other.h5", values(50, seed=1))
    os.replace(tmp_path / "other.h5", path)
    with pytest.raises(DataError, match="was replaced by another file while it was being read"):
        list(rows.chunks(7))
    rows = rows_of(path, (), ["u"])
    with h5py.File(path, "a") as file:
        file["u"][3] = 7.0
    os.utime(path)  # also where two writes fall into one tick of the clock
    with pytest.raises(DataError, match="was written to while it was being read"):
        list(rows.chunks(7))
    rows = rows_of(path, (), ["u"])
    grow(path, values(0), size=20)
    with pytest.raises(DataError, match="shrank from 50 rows to 20 while it was being read"):
        added_rows(rows)


def test_a_file_that_another_program_writes_is_waited_for_and_then_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "t.h5"
    growing(path, values(5))
    rows = rows_of(path, (), ["u"])
    holding = (
        f"import h5py; f = h5py.File({str(path)!r}, 'a'); print(flush=True); input(); [f[c].resize((9,)) for c "
        f"in 'xzu']"
    )
    with subprocess.Popen([sys.executable, "-c", holding], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        other.stdout.readline()
        monkeypatch.setattr(hdf5_opening, "PATIENCE", 0.2)
        with pytest.raises(DataError, match="is open for writing in another program"):
            list(rows.chunks(5))
        monkeypatch.setattr(hdf5_opening, "PATIENCE", 20.0)
        threading.Timer(0.3, lambda: os.write(other.stdin.fileno(), b"\n")).start()
        assert len(list(rows.chunks(5))) == 1


def test_a_number_that_is_not_finite_is_named_with_its_row_in_the_file(tmp_path: Path) -> None:
    table = values(50)
    table[33, 1] = np.inf
    with pytest.raises(DataError, match=r"row 33 \(counted from 0\): 'z' is inf"):
        list(rows_of(written(tmp_path / "t.h5", table), (), ["u"]).chunks(7, begin=20))
