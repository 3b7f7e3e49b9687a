"""The two tables of each half of the archive, read by their headers: flight conditions of cases, parameters of
geometries."""

from __future__ import annotations

import configparser
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

from binn_cli.errors import DataError

GEOMETRY_PARAMETERS = dict.fromkeys(("B1", "B2", "B3", "C1", "C2", "C3", "C4"), "mm") | dict.fromkeys(
    ("S1", "S2", "S3"), "deg"
)
"""The parameters of the planform with their units: three spans, four chords and three sweeps."""

FLIGHT_CONDITIONS = {"alt_kft": "kft", "Re": "", "M_inf": "", "alpha_deg": "deg"}
"""The columns of case_data.dat that set the flow, with their units."""

_SPELLINGS = {"re_l": "re", "mach": "m_inf", "case": "case_name", "geom": "geom_name"}
"""Other names that readers and writers of the table use, in lower case."""


@dataclass(frozen=True)
class CaseRow:
    """One line of case_data.dat.

    Attributes:
        name: such as `case_130`.
        geometry: such as `geom_13`.
        conditions: `alt_kft`, `Re`, `M_inf`, `alpha_deg` and, where the table has it, `beta_deg`.
    """

    name: str
    geometry: str
    conditions: Mapping[str, float]


def case_table(content: bytes, where: str) -> dict[str, CaseRow]:
    """The cases by name, in the order of the table.

    The first line that is not empty names the columns, with or without a `#` before it; their order does not matter,
    and columns that are not needed are passed over.

    Args:
        content: the file.
        where: how to call it in an error.

    Raises:
        DataError: if a column or a value is missing, a value is not a finite number, or a case appears twice.
    """
    lines = [(number, line.strip()) for number, line in enumerate(_text(content).splitlines(), start=1)]
    lines = [(number, line) for number, line in lines if line.strip("# \t")]
    if not lines:
        raise DataError(f"{where}: is empty; it must begin with a line that names its columns")
    header = [_SPELLINGS.get(name.lower(), name.lower()) for name in lines[0][1].lstrip("#").split()]
    columns = {name: _column(header, name, where) for name in ("case_name", "geom_name", *FLIGHT_CONDITIONS)}
    if "beta_deg" in header:
        columns["beta_deg"] = header.index("beta_deg")
    rows: dict[str, CaseRow] = {}
    for number, line in lines[1:]:
        if line.startswith("#"):
            continue
        row = _case(line.split(), columns, len(header), f"{where}, line {number}")
        if row.name in rows:
            raise DataError(f"{where}, line {number}: {row.name} has a row already; every case needs exactly one")
        rows[row.name] = row
    if not rows:
        raise DataError(f"{where}: names its columns but holds no case")
    return rows


def geometry_table(content: bytes, where: str) -> dict[str, dict[str, float]]:
    """The parameters of every geometry: `B1`–`B3` and `C1`–`C4` in mm, `S1`–`S3` in degrees.

    Args:
        content: the file, with a section `[geom_NN]` for each geometry.
        where: how to call it in an error.

    Raises:
        DataError: if it cannot be parsed, or a section lacks a parameter or has one that is not a finite number.
    """
    parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=("#", ";"))
    try:
        parser.read_string(_text(content))
    except configparser.Error as error:
        raise DataError(
            f"{where}: cannot be read ({' '.join(str(error).split())}); it must hold sections [geom_NN] with KEY = "
            f"NUMBER"
        ) from error
    geometries = {}
    for section in parser.sections():
        place = f"{where}, [{section}]"
        found = parser[section]
        missing = [name for name in GEOMETRY_PARAMETERS if name not in found]
        if missing:
            raise DataError(f"{place}: lacks {', '.join(missing)}; a geometry has {', '.join(GEOMETRY_PARAMETERS)}")
        geometries[section] = {name: _number(found[name] or "", name, place) for name in GEOMETRY_PARAMETERS}
    return geometries


def _text(content: bytes) -> str:
    return content.decode("utf-8-sig", errors="replace")


def _column(header: list[str], name: str, where: str) -> int:
    places = [i for i, found in enumerate(header) if found == name.lower()]
    if len(places) != 1:
        problem = "has no column" if not places else "has more than one column"
        needed = f"needed are case_name, geom_name, {', '.join(FLIGHT_CONDITIONS)}"
        raise DataError(f"{where}: {problem} {name} (its header reads {' '.join(header)}); {needed}")
    return places[0]


def _case(fields: list[str], columns: Mapping[str, int], width: int, where: str) -> CaseRow:
    if len(fields) != width:
        raise DataError(f"{where}: has {len(fields)} values where the header names {width} columns")
    names = {kind: fields[columns[f"{kind}_name"]] for kind in ("case", "geom")}
    for kind, name in names.items():
        # Names become file names.
        if re.fullmatch(rf"{kind}_\d+", name) is None:
            raise DataError(f"{where}: {name!r} is not {kind}_ followed by digits")
    conditions = {name: _number(fields[i], name, where) for name, i in columns.items() if not name.endswith("_name")}
    if conditions["Re"] <= 0:
        raise DataError(f"{where}: Re is {conditions['Re']:g}, but a Reynolds number is greater than 0")
    return CaseRow(names["case"], names["geom"], conditions)


def _number(text: str, name: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise DataError(f"{where}: {name} is {text!r}, which is not a finite number")
    return value
