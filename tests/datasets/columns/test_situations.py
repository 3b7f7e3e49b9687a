"""Every kind of file that users bring: the same rows as the plain file, or one sentence that says what is wrong, where,
and what to do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from binn_cli.config.schema import TableConfig
from binn_cli.datasets.table import Table
from binn_cli.errors import DataError
from tests.datasets.columns.situations import NAMES, ROWS, SITUATIONS, Situation, base


def made(situation: Situation, directory: Path) -> Path:
    """The file of a situation."""
    path = directory / situation.name
    if callable(situation.content):
        situation.content(path)
    else:
        path.write_bytes(situation.content)
    return path


def table(path: Path, situation: Situation, **changes: object) -> Table:
    return Table(TableConfig(**{"path": str(path), "outputs": ["drag"], **situation.options, **changes}), 3)


def rows_of(dataset: Table) -> np.ndarray:
    """All rows in the order of the file, columns in that of `base`."""
    data = dataset.label(np.arange(dataset.candidates.size))
    assert set(data.inputs) == set(NAMES[:2]), "no other column is learned from"
    return np.column_stack([data.axes[0].points[:, [data.inputs.index(name) for name in NAMES[:2]]], data.values])


@pytest.mark.parametrize("kind", [kind for kind, situation in SITUATIONS.items() if not situation.refused])
def test_the_rows_are_those_of_the_plain_file(kind: str, tmp_path: Path) -> None:
    situation = SITUATIONS[kind]
    dataset = table(made(situation, tmp_path), situation)
    wanted = base()[list(range(ROWS) if situation.rows is None else situation.rows)]
    np.testing.assert_allclose(rows_of(dataset), wanted, rtol=1e-12)
    assert [words for words in situation.says if words not in dataset.reading()] == []


@pytest.mark.parametrize("kind", [kind for kind, situation in SITUATIONS.items() if situation.refused])
def test_what_is_refused_is_named_with_its_place(kind: str, tmp_path: Path) -> None:
    situation = SITUATIONS[kind]
    path = made(situation, tmp_path)
    with pytest.raises(DataError, match=situation.refused) as caught:
        table(path, situation).training()
    assert str(caught.value).startswith(str(path)) and "\n" not in str(caught.value)


def test_a_column_with_one_value_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("speed,mach,drag\n" + "".join(f"{k * k},0.3,{k}\n" for k in range(ROWS)))
    dataset = Table(TableConfig(path=str(tmp_path / "a.csv"), outputs=["drag"]), 3)
    assert "mach is 0.3 in every row, and tells nothing" in dataset.reading()


@pytest.mark.parametrize(("mark", "separator"), [(",", ","), ("\u00a0", ";")])
def test_digits_in_groups_of_three_are_one_number(mark: str, separator: str, tmp_path: Path) -> None:
    numbers = np.arange(ROWS)[::-1] * 1234.5 + 1e6
    rows = [separator.join((f'"{number:,.2f}"'.replace(",", mark), "1.5")) for number in numbers]
    (tmp_path / "a.csv").write_text("\n".join([separator.join(("speed", "drag")), *rows]))
    content = Table(TableConfig(path=str(tmp_path / "a.csv"), outputs=["drag"]), 3).content
    np.testing.assert_array_equal(content.x[:, 0], numbers)


STREAMED = (
    *(
        "plain",
        "UTF-16",
        "gzip",
        "comments among the rows",
        "an index",
        "empty lines of a spreadsheet",
        "a failed run, dropped",
    ),
    *(
        "links",
        "compound type",
        "a fill value, dropped",
        "packed numbers",
        "parquet",
        "parquet with text and a missing value",
    ),
)


@pytest.mark.parametrize("kind", STREAMED)
def test_streamed_rows_are_those_in_memory(kind: str, tmp_path: Path) -> None:
    situation = SITUATIONS[kind]
    path = made(situation, tmp_path)
    memory, streamed = table(path, situation), table(path, situation, stream=True, cache=str(tmp_path / "cache"))
    rows = streamed.rows()
    assert rows is not None
    expected = memory.label(np.sort(memory.order))
    for size in (7, 10**6):
        x, y = (np.concatenate(parts) for parts in zip(*rows.chunks(size), strict=True))
        np.testing.assert_array_equal(x, expected.axes[0].points)
        np.testing.assert_array_equal(y, expected.values)
    np.testing.assert_array_equal(streamed.evaluation()["test"].values, memory.evaluation()["test"].values)
    left_out = "rows, 1 left out"
    assert (left_out in streamed.reading()) == (left_out in memory.reading())


@pytest.mark.parametrize("kind", ["a failed run", "a lost value", "a text among numbers", "a fill value"])
def test_streams_refuse_with_the_same_place(kind: str, tmp_path: Path) -> None:
    situation = SITUATIONS[kind]
    dataset = table(made(situation, tmp_path), situation, stream=True, cache=str(tmp_path / "cache"))
    with pytest.raises(DataError, match=situation.refused.split(";")[0]):
        rows = dataset.rows()
        assert rows is not None
        list(rows.chunks(100))
