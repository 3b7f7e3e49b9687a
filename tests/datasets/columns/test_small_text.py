"""Small tables are read to what pandas reads, or left to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from binn_cli.datasets.columns import small_text, text_file
from binn_cli.datasets.columns.column_file import Reading
from binn_cli.datasets.columns.text_file import TextFile
from binn_cli.errors import DataError

PLAIN = (
    "a,b\n1,2\n3.5,-4e-3\n",
    "a, b\n 1, 2\n +3., .5E+2\n",
    "a;b\n1.25;2\n3;4\n",
    "a b\n1   2\n 3 4\n",
    "a\tb\r\n1\t2\r\n\r\n3\t4\r\n",
    "a,note,b\n1,first,2\n3,,4\n",
    "a,b\n0.1,123456789.123456789\n1e-300,2.2250738585072014e-308\n",
)
UNUSUAL = (
    "a,b\n1,2\n3,\n",
    "a,b\n1,2\nnan,4\n",
    "a,b\n1,2\n3,4,\n",
    'a,b\n"1",2\n3,4\n',
    "a,b\n1,2\n# said\n3,4\n",
    "a,b\n1,true\n3,false\n",
    "a;b\n1,5;2,5\n3,5;4\n",
    "a,b\n1,2\n1D3,4\n",
    "a,b\n1,2\n−3,4\n",
    "a,b\n1,2\n1e400,4\n",
)


def read(path: Path, text: str) -> np.ndarray | str:
    path.write_text(text, encoding="utf-8", newline="")
    try:
        file = TextFile.of(path, Reading())
        return np.concatenate(list(file.chunks(("a", "b"))))
    except DataError as error:
        return str(error)


@pytest.mark.parametrize("text", [*PLAIN, *UNUSUAL])
def test_the_same_is_read_and_said_as_by_pandas(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = read(tmp_path / "rows.csv", text)
    monkeypatch.setattr(small_text, "SMALL_BYTES", 0)
    there = read(tmp_path / "rows.csv", text)
    if isinstance(here, str) or isinstance(there, str):
        assert here == there
    else:
        np.testing.assert_allclose(here, there, rtol=4e-16, atol=0.0)


@pytest.mark.parametrize("text", PLAIN)
def test_plain_numbers_need_no_pandas(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_file.TextFile, "_frames", lambda *_: pytest.fail("pandas was asked"))
    assert np.isfinite(read(tmp_path / "rows.csv", text)).all()


def test_a_large_table_is_read_by_pandas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(PLAIN[0])
    dialect = TextFile.of(path, Reading()).dialect
    found = small_text.read_small(path, dialect, (1, 0))
    assert found is not None and found.tolist() == [[2.0, 1.0], [-0.004, 3.5]]
    monkeypatch.setattr(small_text, "SMALL_BYTES", 8)
    assert small_text.read_small(path, dialect, (1, 0)) is None
