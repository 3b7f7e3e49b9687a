"""Files as users have them: one table, written in every way that has gone wrong somewhere."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pandas as pd
import xarray as xr

NAMES = ("speed", "gap", "drag")
ROWS = 40


def base() -> np.ndarray:
    """(40, 3) numbers that seven digits write exactly."""
    rng = np.random.default_rng(3)
    x = np.round(np.column_stack([rng.uniform(10, 60, ROWS), rng.uniform(0.2, 2, ROWS)]), 5)
    return np.column_stack([x, np.round(0.05 * x[:, 0] + np.sin(x[:, 1]), 5)])


def lines(names: Sequence[str] = NAMES, separator: str = ",", table: np.ndarray | None = None) -> list[str]:
    """The table as lines of text."""
    rows = base() if table is None else table
    return [separator.join(names), *(separator.join(f"{value:.12g}" for value in row) for row in rows)]


def text(found: Sequence[str], end: str = "\n") -> bytes:
    """Lines as the content of a file."""
    return (end.join(found) + end).encode()


@dataclass(frozen=True)
class Situation:
    """A file and what shall become of it.

    Attributes:
        name: of the file.
        content: its bytes, or a function that writes it to a path.
        options: of `dataset=table`, beside the path and the output.
        says: what the line about the data must hold.
        refused: a pattern of the sentence where the file is refused; elsewhere the rows must be those of `base`.
        rows: which rows of `base` are read, all of them where None.
    """

    name: str
    content: bytes | Callable[[Path], Any]
    options: Mapping[str, Any] = field(default_factory=dict)
    says: Sequence[str] = ()
    refused: str = ""
    rows: Sequence[int] | None = None


def changed(index: int, line: str, found: Sequence[str] | None = None) -> list[str]:
    """The lines with one of them, counted from 0, written otherwise."""
    written = list(lines() if found is None else found)
    written[index] = line
    return written


def with_column(name: str, values: Sequence[str], at: int = 0, names: Sequence[str] = NAMES) -> bytes:
    """The text with one column more."""
    rows = [line.split(",") for line in lines(names)]
    for row, value in zip(rows, (name, *values), strict=True):
        row.insert(at, value)
    return text([",".join(row) for row in rows])


def comma(found: Sequence[str]) -> list[str]:
    """Lines with decimal commas."""
    return [found[0], *(line.replace(".", ",") for line in found[1:])]


def zipped(members: Mapping[str, bytes]) -> bytes:
    """The bytes of a zip."""
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return whole.getvalue()


def hdf5(write: Callable[[h5py.File, dict[str, np.ndarray]], Any]) -> Callable[[Path], None]:
    """A writer of an HDF5 file that is given the columns of `base`."""

    def writer(path: Path) -> None:
        with h5py.File(path, "w") as file:
            write(file, dict(zip(NAMES, base().T, strict=True)))

    return writer


def _put(file: h5py.File, columns: Mapping[str, np.ndarray], leave: Sequence[str] = ()) -> None:
    for name, column in columns.items():
        if name not in leave:
            file[name] = column


def _compound(file: h5py.File, columns: dict[str, np.ndarray]) -> None:
    records = np.zeros(ROWS, dtype=[("label", "S6"), *((name, "f8") for name in columns)])
    for name, column in columns.items():
        records[name] = column
    file["cases"] = records


def _packed(file: h5py.File, columns: dict[str, np.ndarray]) -> None:
    _put(file, columns, ["drag"])
    file["drag"] = np.round(columns["drag"] * 1e5 - 3e5).astype("i4")
    file["drag"].attrs.update({"scale_factor": 1e-5, "add_offset": 3.0})


def _spoilt(column: np.ndarray, value: float) -> np.ndarray:
    return np.where(np.arange(ROWS) == 5, np.asarray(value, dtype=column.dtype), column)


def _matlab(file: h5py.File, columns: dict[str, np.ndarray]) -> None:
    """Columns of MATLAB are rows in the file."""
    _put(file, {name: column[None] for name, column in columns.items()})
    file["title"], file["nothing"] = np.array([[97], [98]], dtype="u2"), np.zeros(2, dtype="u8")
    for name in file:
        file[name].attrs["MATLAB_class"] = np.bytes_("char" if name == "title" else "double")
    file["nothing"].attrs["MATLAB_empty"] = 1
    file["#refs#/a"] = np.zeros(2)


def _matlab_matrix(file: h5py.File, columns: dict[str, np.ndarray]) -> None:
    file["table"] = np.stack(list(columns.values()))
    file["table"].attrs.update({"MATLAB_class": np.bytes_("double"), "columns": list(columns)})


def _linked(path: Path) -> None:
    columns = dict(zip(NAMES, base().T, strict=True))
    with h5py.File(path.with_name("results.h5"), "w") as other:
        other["post/drag"] = columns["drag"]
    with h5py.File(path, "w") as file:
        file["raw/speed"], file["gap"] = columns["speed"], columns["gap"]
        file["speed"] = h5py.SoftLink("/raw/speed")
        file["drag"] = h5py.ExternalLink("results.h5", "/post/drag")
        file["raw/up"] = h5py.SoftLink("/")


def _fill(value: float, attribute: bool) -> Callable[[h5py.File, dict[str, np.ndarray]], None]:
    def write(file: h5py.File, columns: dict[str, np.ndarray]) -> None:
        columns["drag"][5] = value
        _put(file, columns)
        if attribute:
            file["drag"].attrs["_FillValue"] = value

    return write


def _netcdf(engine: str, suffix_columns: Sequence[str] = NAMES) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        table = base()
        variables = {
            name: ("run", table[:, k], {"units": unit})
            for k, (name, unit) in enumerate(zip(NAMES, ("m/s", "mm", "N"), strict=True))
        }
        xr.Dataset(variables).to_netcdf(path, engine=engine)

    return write


def _npz(**more: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        np.savez(path, **dict(zip(NAMES, base().T, strict=True)), **more)

    return write


def _frame() -> pd.DataFrame:
    return pd.DataFrame(base(), columns=list(NAMES))


_FLAG = [str(k % 3 == 0) for k in range(ROWS)]
_OTHERS = np.delete(np.arange(ROWS), 5)

SITUATIONS: dict[str, Situation] = {
    # text, read
    "plain": Situation("a.csv", text(lines()), says=["40 rows; inputs speed, gap; output drag"]),
    "windows line ends": Situation("a.csv", text(lines(), "\r\n")),
    "old line ends": Situation("a.csv", text(lines(), "\r")),
    "no end of the last line": Situation("a.csv", text(lines())[:-1]),
    "another ending": Situation("a.dat", text(lines())),
    "tabs": Situation("a.tsv", text(lines(separator="\t"))),
    "spaces": Situation("a.txt", text(["  " + line.replace(",", "   ") for line in lines()])),
    "bars": Situation("a.txt", text(lines(separator="|"))),
    "commas and spaces": Situation("a.csv", text([line.replace(",", " , ") for line in lines()])),
    "semicolons and decimal commas": Situation("a.csv", b"\xef\xbb\xbf" + text(comma(lines(separator=";")))),
    "tabs and decimal commas": Situation("a.csv", text(comma(lines(separator="\t")))),
    "excel says its separator": Situation("a.csv", text(["sep=;", *comma(lines(separator=";"))])),
    "quoted": Situation(
        "a.csv", b"\xef\xbb\xbf" + text([",".join(f'"{v}"' for v in line.split(",")) for line in lines()])
    ),
    "quoted decimal commas": Situation(
        "a.csv",
        text([lines()[0], *(",".join(f'"{v.replace(".", ",")}"' for v in line.split(",")) for line in lines()[1:])]),
    ),
    "fortran exponents": Situation(
        "a.csv", text([lines()[0], *(",".join(f"{v:.8E}".replace("E", "D") for v in row) for row in base())])
    ),
    "a row of units": Situation(
        "a.csv", text([lines()[0], "m/s,[mm],N", *lines()[1:]]), says=["inputs speed [m/s], gap [mm]; output drag [N]"]
    ),
    "a row of units with a line for none": Situation(
        "a.csv", text([lines()[0], "m/s,-,1", *lines()[1:]]), says=["inputs speed [m/s], gap;"]
    ),
    "comments above the names": Situation(
        "a.csv", text(["# solver build 41", "# columns: a in m, b in s, c in N", *lines()])
    ),
    "comments of another kind": Situation("a.csv", text(["% solver build 41", "// mesh B", *lines()])),
    "names in a comment": Situation("a.txt", text([("# " + lines(separator=" ")[0]), *lines(separator=" ")[1:]])),
    "comments among the rows": Situation(
        "a.csv", text(["# begin", *lines()[:9], "# restarted", "", *lines()[9:-1], lines()[-1] + " # end"])
    ),
    "other lines above the names": Situation(
        "a.csv",
        text(["Solver build 41", "Date: Jan 5 2024", "", *lines()]),
        says=["2 lines above the names passed over"],
    ),
    "a separator behind every line": Situation("a.csv", text([line + "," for line in lines()])),
    "a separator behind every row": Situation("a.csv", text([lines()[0], *(line + "," for line in lines()[1:])])),
    "empty lines of a spreadsheet": Situation("a.csv", text([*lines(), ",,", ",,"]), says=["2 empty rows passed over"]),
    "a column of text": Situation(
        "a.csv",
        with_column("label", [f"A{k}" for k in range(ROWS)]),
        says=["columns left out: label (text, such as 'A0' in line 2)"],
    ),
    "names of two lines": Situation(
        "a.csv", with_column("label", [f'"a{k}\nb"' for k in range(ROWS)]), says=["label (text"]
    ),
    "an empty column": Situation("a.csv", with_column("remark", [""] * ROWS, 3), says=["remark (no value)"]),
    "an index without a name": Situation(
        "a.csv", with_column("", [str(k) for k in range(ROWS)]), says=["column 1 (no name, and counts"]
    ),
    "an index": Situation(
        "a.csv", with_column("Run", [str(k + 1) for k in range(ROWS)]), says=["Run (only counts the rows)"]
    ),
    "UTF-16": Situation("a.csv", text(lines()).decode().encode("utf-16")),
    "UTF-16 without a mark": Situation("a.csv", text(lines()).decode().encode("utf-16-le")),
    "Latin-1, said": Situation(
        "a.csv", with_column("Prüfer", ["Müller"] * ROWS).decode().encode("cp1252"), {"encoding": "cp1252"}
    ),
    "gzip": Situation("a.csv.gz", gzip.compress(text(lines()))),
    "bzip2": Situation("a.csv.bz2", bz2.compress(text(lines()))),
    "xz": Situation("a.csv.xz", lzma.compress(text(lines()))),
    "zip": Situation("a.zip", zipped({"folder/a.csv": text(lines()), "__MACOSX/a.csv": b"x"})),
    "compressed, but not called so": Situation("a.csv", gzip.compress(text(lines()))),
    "a stated separator": Situation("a.csv", text(lines(separator="~")), {"separator": "~"}),
    "a stated comment": Situation("a.csv", text(["@ made by hand", *lines()]), {"comment": "@"}),
    "other columns, inputs named": Situation(
        "a.csv",
        with_column("heat", ["1.5"] * ROWS),
        {"inputs": ["speed", "gap"]},
        says=["columns left out: heat (not named)"],
    ),
    "spaces for values, dropped": Situation("a.csv", text(changed(6, "20, ,3")), {"missing": "drop"}, rows=_OTHERS),
    "a failed run, dropped": Situation(
        "a.csv",
        text(changed(6, "20,1,nan")),
        {"missing": "drop"},
        ["40 rows, 1 left out (line 7: 'drag' is nan)"],
        rows=_OTHERS,
    ),
    "a word for failed, said": Situation(
        "a.csv", text(changed(6, "20,1,failed")), {"missing": "drop", "missing_values": ["failed"]}, rows=_OTHERS
    ),
    "a number for failed, said": Situation(
        "a.csv", text(changed(6, "20,1,-999.0")), {"missing": "drop", "missing_values": [-999]}, rows=_OTHERS
    ),
    "an error of a spreadsheet, dropped": Situation(
        "a.csv", text(changed(6, "20,1,#DIV/0!")), {"missing": "drop"}, rows=_OTHERS
    ),
    "points between thousands": Situation(
        "a.csv",
        text(
            ["n;speed;gap;drag", *(f"1.{234 + k}.567;{line}" for k, line in enumerate(comma(lines(separator=";"))[1:]))]
        ),
        {"inputs": ["speed", "gap"]},
    ),
    "names of several lines": Situation(
        "a.csv", with_column('"note\n(mm)"', ["x"] * ROWS, 3), says=["columns left out: note (mm) (text"]
    ),
    "units in the last comment": Situation(
        "a.txt", text(["% speed gap drag", "% m/s mm N", *lines(separator=" ")[1:]])
    ),
    "a table of Markdown": Situation(
        "a.md",
        text([f"| {line} |" for line in [lines(separator="|")[0], "---|---|---", *lines(separator="|")[1:]]]),
        says=["inputs speed, gap; output drag"],
    ),
    "numbers of rows without a name": Situation(
        "a.csv",
        with_column("", [str(7 * k % ROWS) for k in range(ROWS)]),
        says=["column 1 (no name, and numbers the rows)"],
    ),
    "an index of pandas": Situation(
        "a.csv",
        with_column("Unnamed: 0", [str(7 * k % ROWS) for k in range(ROWS)]),
        says=["Unnamed: 0 (the index of a data frame)"],
    ),
    "hidden files in a zip": Situation("a.zip", zipped({".DS_Store": b"x", "a.csv": text(lines())})),
    "a name like the beginning of Parquet": Situation(
        "a.csv", with_column("PAR1", ["1"] * ROWS), {"inputs": ["speed", "gap"]}, says=["PAR1 (not named)"]
    ),
    "dates": Situation(
        "a.csv", with_column("Datum", [f"{k % 28 + 1:02d}.03.2024" for k in range(ROWS)]), says=["Datum (text, such"]
    ),
    # text, refused
    "empty": Situation("a.csv", b"", refused="is empty: it has no byte"),
    "empty lines": Situation("a.csv", b"\n\n \n", refused="holds empty lines alone"),
    "only comments": Situation("a.csv", b"# nothing\n", refused="holds comments alone"),
    "only names": Situation("a.csv", text(lines()[:1]), refused="there is no row below the names"),
    "one row": Situation("a.csv", text(lines()[:2]), refused="1 row cannot be divided into training and test"),
    "no names": Situation(
        "a.csv", text(lines()[1:]), refused=r"line 1: there are numbers \(.*\) where the names of the columns belong"
    ),
    "a lost value": Situation("a.csv", text(changed(6, "20,3")), refused=r"line 7 has 2 values, not 3 \(20, 3\)"),
    "a value too many": Situation("a.csv", text(changed(6, "20,3,4,5")), refused="line 7 has 4 values, not 3"),
    "a decimal comma among commas": Situation(
        "a.csv", text(changed(6, "20,1,3,5")), refused="line 7 has 4 values, not 3"
    ),
    "too few names": Situation(
        "a.csv", text(changed(0, "speed,drag")), refused="line 1 names 2 columns .* but line 2 has 3 values"
    ),
    "an open quote": Situation("a.csv", text(changed(6, '20,"1,3')), refused="line 7 opens a quote"),
    "two columns of one name": Situation(
        "a.csv", with_column("gap", ["1"] * ROWS), refused=r"'gap' is the name of columns 1 and 3 \(line 1\)"
    ),
    "a column without a name": Situation(
        "a.csv", with_column("", ["7.5"] * ROWS), refused="'column 1' has no name in line 1"
    ),
    "a failed run": Situation(
        "a.csv", text(changed(6, "20,1,nan")), refused="line 7: 'drag' is nan; 1 of 40 rows lacks a number"
    ),
    "a missing value": Situation("a.csv", text(changed(6, "20,,3")), refused="line 7: 'gap' is empty"),
    "an infinite value": Situation("a.csv", text(changed(6, "20,inf,3")), refused="line 7: 'gap' is inf"),
    "a text among numbers": Situation(
        "a.csv", text(changed(6, "20,1,failed")), refused="line 7: 'drag' is 'failed', which is not a number"
    ),
    "a unit behind a number": Situation(
        "a.csv", text(changed(6, "20,1,3 N")), refused="line 7: 'drag' is '3 N', which is not a number"
    ),
    "two decimal marks": Situation(
        "a.csv",
        text(changed(6, "20;1,5;3.5", lines(separator=";"))),
        refused="line 7: '1,5' has a decimal comma, but other",
    ),
    "thousands or decimals": Situation(
        "a.csv",
        text(["speed;gap;drag", "1,234;2;3", "2,345;3;4"]),
        refused="line 2: '1,234' may be 1234 or 1.234; say with dataset.decimal",
    ),
    "not UTF-8": Situation(
        "a.csv",
        with_column("Prüfer", ["x"] * ROWS).decode().encode("cp1252"),
        refused="line 1: the byte 0xFC is not UTF-8",
    ),
    "not UTF-8 far below": Situation(
        "a.csv", text(lines()) + b"20,1,\xb5\n", refused="line 42: the byte 0xB5 is not UTF-8"
    ),
    "text that is meant": Situation(
        "a.csv",
        with_column("label", ["A"] * ROWS),
        {"inputs": ["label"]},
        refused="'label' cannot be learned: text, such as 'A' in line 2",
    ),
    "a zip of two": Situation(
        "a.zip", zipped({"a.csv": b"1", "b.csv": b"2"}), refused=r"holds 2 files \(a.csv, b.csv\)"
    ),
    "a cut gzip": Situation(
        "a.csv.gz", gzip.compress(text(lines()))[:-30], refused="is cut short within its compressed data"
    ),
    "no encoding": Situation("a.csv", bytes(range(256)) * 4, refused="is not text"),
    "an excel workbook": Situation(
        "a.csv", zipped({"[Content_Types].xml": b"<x/>"}), refused="is an Excel workbook; save the sheet as CSV"
    ),
    "a pickle": Situation("a.pkl", b"\x80\x04\x95", refused="is a pickle, which could run any program"),
    "a pointer of Git LFS": Situation(
        "a.parquet", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", refused="is a pointer of Git LFS"
    ),
    "a web page": Situation("a.csv", b"<!DOCTYPE html><title>404</title>", refused="is a web page, perhaps"),
    "JSON": Situation("a.csv", b'[{"speed": 1, "drag": 2}]', refused="is JSON; save the table as CSV"),
    "UTF-32": Situation("a.csv", text(lines()).decode().encode("utf-32")),
    "names again among the rows": Situation(
        "a.csv",
        text([*lines()[:9], *lines()]),
        refused="line 10: 'speed' is 'speed', not a number: the names stand there again",
    ),
    "a number too large": Situation("a.csv", text(changed(6, "20,1,1e400")), refused="line 7: 'drag' is 1e400"),
    "a line of totals": Situation(
        "a.csv", text([*lines(), "Total,,31.5"]), refused="line 42: 'speed' is 'Total', which is not a number"
    ),
    "no file": Situation("a.csv", lambda path: None, refused="there is no such file"),
    "a folder": Situation("a", lambda path: path.mkdir(), refused="is a folder, not a file"),
    "numbers with a unit beside them": Situation(
        "a.csv",
        with_column("heat", [f"{k / 8} kW" for k in range(ROWS)]),
        refused="'heat' holds numbers with 'kW' beside each, such as '0.0 kW' in line 2; write them alone",
    ),
    "every value with its unit": Situation(
        "a.csv",
        text([lines()[0], *(line + " N" for line in lines()[1:])]),
        refused="'drag' holds numbers with 'N' beside",
    ),
    "exponents without their letter": Situation(
        "a.csv",
        with_column("heat", [f"0.{k + 1}-101" for k in range(ROWS)]),
        refused="'heat' holds numbers whose exponents",
    ),
    "decimal commas and points that may part thousands": Situation(
        "a.csv",
        text(["n;speed;drag", *(f"12.{100 + k};{k},5;{k},25" for k in range(9))]),
        refused="line 2: '0,5' has a decimal comma, but '12.100' a point; say dataset.decimal",
    ),
    "a comment at the end of a line": Situation(
        "a.csv", text(changed(6, "20,1,3 # bad, see log")), refused="line 7 has 4 values.* say dataset.comment='#'"
    ),
    "a comment behind a value": Situation(
        "a.csv", text(changed(6, "20,1,3 # bad")), refused="line 7: 'drag' is '3 # bad'.* say dataset.comment='#'"
    ),
    "a sign of comments in a value": Situation(
        "a.csv",
        b"# made\n" + with_column("label", ["A#3"] * ROWS),
        refused="line 3 has 1 value.*say dataset.comment=none",
    ),
    "a comment far below": Situation(
        "a.csv",
        text([*lines(), *lines()[1:] * 400, "# end"]),
        refused="line 16042 has 1 value.* say dataset.comment='#'",
    ),
    "HDF5 in a zip": Situation(
        "a.zip", zipped({"a.h5": b"\x89HDF\r\n\x1a\n"}), refused="holds an HDF5 file; unpack it and name the file"
    ),
    "a zip in gzip": Situation(
        "a.csv.gz", gzip.compress(zipped({"a.csv": text(lines())})), refused="holds a zip; unpack"
    ),
    "Zstandard": Situation("a.csv.zst", b"\x28\xb5\x2f\xfd\x04\0", refused="is compressed by Zstandard; unpack it"),
    "Tecplot": Situation(
        "a.dat", b'TITLE = "a"\nVARIABLES = "x"\n', refused="is a Tecplot file; export the zone as CSV"
    ),
    # HDF5
    "arrays": Situation("a.h5", hdf5(_put)),
    "one array with names": Situation(
        "a.h5",
        hdf5(
            lambda f, c: f.create_dataset("t", data=base()).attrs.update(
                {"columns": list(NAMES), "units": ["m/s", "mm", "N"]}
            )
        ),
        says=["inputs speed [m/s], gap [mm]; output drag [N]"],
    ),
    "whole numbers and small floats": Situation(
        "a.h5",
        hdf5(lambda f, c: _put(f, {**c, "k": np.arange(ROWS)[::-1].astype(">i2")})),
        {"inputs": ["speed", "gap"]},
    ),
    "compound type": Situation("a.h5", hdf5(_compound), says=["columns left out: label (text)"]),
    "links": Situation("a.h5", _linked),
    "a link to a file that is not there": Situation(
        "a.h5",
        hdf5(lambda f, c: (_put(f, c, ["drag"]), f.__setitem__("drag", h5py.ExternalLink("gone.h5", "/drag")))),
        refused="'drag' is a link to /drag in the file gone.h5, which cannot be followed",
    ),
    "packed numbers": Situation("a.h5", hdf5(_packed)),
    "a fill value": Situation(
        "a.h5", hdf5(_fill(-1e30, True)), refused=r"row 5 \(counted from 0\): 'drag' is -1e\+30; 1 of 40 rows"
    ),
    "netCDF's fill value, never written": Situation(
        "a.h5", hdf5(_fill(9.969209968386869e36, False)), refused="row 5 .*'drag' is 9.96920"
    ),
    "a fill value, dropped": Situation("a.h5", hdf5(_fill(-1e30, True)), {"missing": "drop"}, rows=_OTHERS),
    "text and a single value": Situation(
        "a.h5",
        hdf5(lambda f, c: (_put(f, c), f.__setitem__("note", "build 41"), f.__setitem__("labels", ["a"] * ROWS))),
        says=["labels (text)", "note (a single value)"],
    ),
    "complex numbers": Situation(
        "a.h5",
        hdf5(lambda f, c: (_put(f, c), f.__setitem__("s21", c["drag"] * 1j))),
        refused="'s21' holds complex numbers, which are two",
    ),
    "lengths that differ": Situation(
        "a.h5",
        hdf5(lambda f, c: _put(f, {**c, "gap": c["gap"][:-1]})),
        refused="columns differ in length: 'gap' has 39 rows",
    ),
    "not HDF5": Situation(
        "a.h5", b"speed,gap", refused="is not an HDF5 file, as its name says: it begins with b'speed,gap'"
    ),
    "columns of MATLAB": Situation("a.mat", hdf5(_matlab), says=["title (text)", "nothing (no value)"]),
    "a matrix of MATLAB": Situation("a.mat", hdf5(_matlab_matrix)),
    "rows of arrays": Situation("a.h5", hdf5(lambda f, c: _put(f, {k: v[None] for k, v in c.items()}))),
    "an empty dataspace": Situation("a.h5", hdf5(lambda f, c: (_put(f, c), f.__setitem__("none", h5py.Empty("f8"))))),
    "limits of what is valid": Situation(
        "a.h5",
        hdf5(lambda f, c: (_put(f, {**c, "drag": _spoilt(c["drag"], 1e5)}), f["drag"].attrs.update(valid_max=100.0))),
        refused=r"row 5 \(counted from 0\): 'drag' is 100000.0",
    ),
    "whole numbers never written": Situation(
        "a.h5",
        hdf5(lambda f, c: _put(f, {**c, "drag": _spoilt(np.arange(ROWS, dtype="i4"), -2147483647)})),
        refused=r"row 5 \(counted from 0\): 'drag' is -2147483647",
    ),
    "numbers stored as texts": Situation(
        "a.h5",
        hdf5(lambda f, c: (_put(f, c, ["gap"]), f.__setitem__("gap", [str(v) for v in c["gap"]]))),
        refused="'gap' holds numbers that are stored as texts",
    ),
    "a field without named dimensions": Situation(
        "a.h5",
        hdf5(lambda f, c: _put(f, {**c, "drag": np.ones((ROWS, 3))})),
        refused=r"drag is an array with the columns drag\[0\] to drag\[2\]: name one of them",
    ),
    # NetCDF
    "NetCDF-4": Situation("a.nc", _netcdf("h5netcdf"), says=["inputs speed [m/s], gap [mm]; output drag [N]"]),
    "NetCDF-3": Situation("a.nc", _netcdf("scipy"), says=["inputs speed [m/s], gap [mm]; output drag [N]"]),
    "a dimension of which nothing says where": Situation(
        "a.nc",
        lambda path: xr.Dataset({"drag": (("x", "y"), np.eye(4))}, {"x": np.arange(4.0)}).to_netcdf(
            path, engine="h5netcdf"
        ),
        refused="drag lies along y, but no variable says where the points of that dimension are",
    ),
    "limits of packed numbers": Situation(
        "a.nc",
        lambda path: xr.Dataset(
            {"x": ("x", np.arange(9.0)), "drag": ("x", np.arange(9.0) * 50, {"valid_range": np.array([0, 700], "i2")})}
        ).to_netcdf(path, engine="scipy", encoding={"drag": {"dtype": "i2", "scale_factor": 0.5}}),
        refused=r"x 8 \(counted from 0\): 'drag' is missing",
    ),
    # NumPy
    "npz": Situation("a.npz", _npz()),
    "an object beside": Situation("a.npz", _npz(info=np.array([{}, None])), says=["info (holds pickled objects"]),
    "records in npy": Situation("a.npy", lambda path: np.save(path, _frame().to_records(index=False))),
    "a pickled npy": Situation(
        "a.npy", lambda path: np.save(path, np.array([{}, None])), refused="holds pickled objects"
    ),
    # Parquet
    "parquet": Situation("a.parquet", lambda path: _frame().to_parquet(path, index=False)),
    "parquet with an index": Situation(
        "a.parquet",
        lambda path: _frame().set_index(pd.Index(range(5, 5 + ROWS), name="i").astype(float)).to_parquet(path),
        says=["i (the index of a data frame)"],
    ),
    "parquet with text and a missing value": Situation(
        "a.parquet",
        lambda path: _frame().assign(label="x", drag=_frame()["drag"].where(np.arange(ROWS) != 5)).to_parquet(path),
        {"missing": "drop"},
        ["label (text)", "1 left out (row 5 (counted from 0): 'drag' is empty)"],
        rows=_OTHERS,
    ),
    "parquet with the inputs as an index": Situation(
        "a.parquet", lambda path: _frame().set_index(["speed", "gap"]).to_parquet(path)
    ),
    "numbers as texts in parquet": Situation(
        "a.parquet",
        lambda path: _frame().assign(gap=_frame()["gap"].astype(str)).to_parquet(path),
        refused="'gap' holds numbers that are stored as texts",
    ),
    "parquet in gzip": Situation(
        "a.csv.gz", gzip.compress(b"PAR1\x15\x04PAR1"), refused="holds a Parquet file; unpack it and name the file"
    ),
    "a cut parquet": Situation(
        "a.parquet",
        lambda path: (_frame().to_parquet(path), path.write_bytes(path.read_bytes()[:-40])),
        refused="is a Parquet file that is cut",
    ),
}
"""Every kind by what is the matter with it."""
