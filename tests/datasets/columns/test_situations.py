"""Every kind of file that users bring: the same rows as the plain file, or one sentence that says what is wrong, where,
and what to do."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from binn_cli.config.schema import TableConfig
from binn_cli.datasets.table import Table
from binn_cli.errors import ConfigError, DataError
from tests.datasets.columns.situations import NAMES, ROWS, SITUATIONS, Situation, base, with_column


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


@pytest.mark.parametrize(
    ("column", "values", "says"),
    [
        ("heat", ["-9999" if k == 4 else str(k) for k in range(ROWS)], "heat is -9999 in 1 row, far from all others"),
        ("heat", ["1e20" if k < 2 else str(k) for k in range(ROWS)], "heat is 1e+20 in 2 rows, far from all others"),
        ("run", [str(k % 3 + 7) for k in range(ROWS)], "run may only number the simulations"),
    ],
)
def test_doubts_are_said(column: str, values: list[str], says: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(with_column(column, values))
    assert says in Table(TableConfig(path=str(tmp_path / "a.csv"), outputs=["drag"]), 3).reading()
    (tmp_path / "a.csv").write_text("a;b\n" + "".join(f"{k}.{500 + k};{k * k}\n" for k in range(1, 9)))
    told = Table(TableConfig(path=str(tmp_path / "a.csv"), outputs=["b"]), 3).reading()
    assert "1.501 is read with a decimal point: if that stands between thousands, say dataset.decimal=','" in told


def test_other_ways_to_write_a_number(tmp_path: Path) -> None:
    """What pandas does not know is read far below the first lines, too."""
    rows = [f"{k},{k * k}" for k in range(300)]
    (tmp_path / "a.csv").write_text("\n".join(["a,b", *rows, "\u22121.5,1d2", "7,2.5D-1"]))
    content = Table(TableConfig(path=str(tmp_path / "a.csv"), outputs=["b"]), 3).content
    np.testing.assert_array_equal(content.x[-2, 0], -1.5)
    np.testing.assert_array_equal(content.y[-2:, 0], [100.0, 0.25])


def test_choices_may_be_words_for_nothing(tmp_path: Path) -> None:
    kinds = {"coating": {"choice": ["none", "NA", "zinc"]}}
    rows = [f"{('none', 'NA', 'zinc')[k % 3]},{k}" for k in range(ROWS)]
    (tmp_path / "a.csv").write_text("\n".join(["coating,drag", *rows]))
    content = Table(TableConfig(path=str(tmp_path / "a.csv"), outputs=["drag"], kinds=kinds), 3).content
    np.testing.assert_array_equal(content.x[:, 0], np.arange(ROWS) % 3)


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("log", "line 2: 'gap' is 0.0, but dataset.kinds says that it is logarithmic: above 0"),
        ("integer", "line 3: 'gap' is 0.5, but dataset.kinds says that it is a whole number"),
        ({"choice": [0, 0.5]}, "line 4: 'gap' is 1.0, which is none of its choices 0.0, 0.5"),
    ],
)
def test_values_that_an_input_cannot_have_are_named_with_their_place(kind: object, says: str, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("gap,drag\n" + "".join(f"{k / 2},{k}\n" for k in range(ROWS)))
    with pytest.raises(DataError, match=says):
        Table(TableConfig(path=str(tmp_path / "a.csv"), outputs=["drag"], kinds={"gap": kind}), 3).training()
    with pytest.raises(ConfigError, match=r"names 'Gap', which is no input; there are gap; did you mean \"gap\"\?"):
        Table(TableConfig(path=str(tmp_path / "a.csv"), outputs=["drag"], kinds={"Gap": kind}), 3).training()


def test_numbers_that_are_meant_without_a_sign(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["a"], file["b"] = np.arange(30.0) ** 2, (np.arange(30) * 8).astype("i1")
        file["b"].attrs["_Unsigned"] = "true"
    content = Table(TableConfig(path=str(tmp_path / "a.h5"), outputs=["b"]), 3).content
    np.testing.assert_array_equal(content.y[:, 0], np.arange(30) * 8)


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
