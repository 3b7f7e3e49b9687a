"""The tables: any order of columns, any spacing, and one sentence for what is wrong."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from binn_cli.datasets.blendednet.tables import FLIGHT_CONDITIONS, GEOMETRY_PARAMETERS, case_table, geometry_table
from binn_cli.errors import DataError

HEADER = "case_name geom_name alt_kft Re M_inf alpha_deg beta_deg CD CL CMy"
ROW = "case_130 geom_13 25.3 8.015e6 0.1366 -8.569 0 0.01 -0.2 0.05"

finite = st.floats(allow_nan=False, allow_infinity=False)
numbers = st.fixed_dictionaries(
    {
        "alt_kft": finite,
        "Re": finite.filter(lambda re: re > 0),
        "M_inf": finite,
        "alpha_deg": finite,
        "beta_deg": finite,
    }
)
blanks = st.text(" \t", min_size=1, max_size=4)


@given(
    cases=st.dictionaries(
        st.from_regex(r"case_[0-9]{1,5}", fullmatch=True),
        st.tuples(st.integers(0, 999), numbers),
        min_size=1,
        max_size=6,
    ),
    order=st.permutations(["case_name", "geom_name", *FLIGHT_CONDITIONS, "beta_deg", "CD", "note"]),
    behind=st.sampled_from(["", "#", "# ", "  #"]),
    upper=st.booleans(),
    blank=blanks,
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
)
def test_whatever_is_written_is_read(cases, order, behind, upper, blank, end, mark):
    spelling = {"Re": "Re_L", "beta_deg": "BETA_DEG"} if upper else {}
    lines = [behind + blank.join(spelling.get(name, name) for name in order), ""]
    for name, (geometry, conditions) in cases.items():
        cells = {
            **{key: repr(value) for key, value in conditions.items()},
            "case_name": name,
            "geom_name": f"geom_{geometry}",
            "CD": "?",
            "note": "x",
        }
        lines += [blank + blank.join(cells[column] for column in order) + blank, "# a remark"]
    content = (end.join(lines) + end).encode("utf-8-sig" if mark else "utf-8")
    found = case_table(content, "table")
    assert list(found) == list(cases)
    for name, (geometry, conditions) in cases.items():
        assert (found[name].name, found[name].geometry, found[name].conditions) == (
            name,
            f"geom_{geometry}",
            conditions,
        )


@given(
    st.dictionaries(st.integers(0, 10**4), st.tuples(*[finite] * len(GEOMETRY_PARAMETERS)), min_size=1, max_size=5),
    st.booleans(),
)
def test_whatever_geometry_is_written_is_read(geometries, lower):
    lines = []
    for number, values in geometries.items():
        lines.append(f"[geom_{number}]")
        lines += [
            f"{(name.lower() if lower else name)} = {value!r} ; unit"
            for name, value in zip(GEOMETRY_PARAMETERS, values, strict=True)
        ]
    found = geometry_table("\n".join(lines).encode(), "geom_params.ini")
    assert found == {
        f"geom_{number}": dict(zip(GEOMETRY_PARAMETERS, values, strict=True)) for number, values in geometries.items()
    }


@given(st.text(max_size=200))
def test_no_text_is_more_than_a_sentence(text):
    for parse in (case_table, geometry_table):
        try:
            parse(text.encode("utf-8", "replace"), "place")
        except DataError as error:
            assert str(error).startswith("place") and "\n" not in str(error)


def test_an_archive_may_lack_the_side_slip():
    found = case_table(b"geom_name Re case_name M_inf alpha_deg alt_kft\ngeom_1 2e6 case_1 0.1 3 5", "t")["case_1"]
    assert found.conditions == {"alt_kft": 5, "Re": 2e6, "M_inf": 0.1, "alpha_deg": 3}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", r"t: is empty"),
        ("\n #\n", r"t: is empty"),
        (HEADER, r"t: names its columns but holds no case"),
        (HEADER.replace("Re ", ""), r"t: has no column Re \(its header reads case_name"),
        (HEADER.replace("CD", "Re_L"), r"t: has more than one column Re"),
        (f"{HEADER}\n{ROW} 7", r"t, line 2: has 11 values where the header names 10 columns"),
        (f"{HEADER}\n{ROW}\n{ROW}", r"t, line 3: case_130 has a row already"),
        (f"{HEADER}\n{ROW.replace('0.1366', 'fast')}", r"t, line 2: M_inf is 'fast', which is not a finite number"),
        (f"{HEADER}\n{ROW.replace('0.1366', 'nan')}", r"t, line 2: M_inf is 'nan'"),
        (f"{HEADER}\n{ROW.replace('8.015e6', '-1')}", r"t, line 2: Re is -1"),
        (
            f"{HEADER}\n{ROW.replace('case_130', '../case_130')}",
            r"t, line 2: '\.\./case_130' is not case_ followed by digits",
        ),
        (f"{HEADER}\n{ROW.replace('geom_13', '/geom')}", r"t, line 2: '/geom' is not geom_"),
    ],
)
def test_what_is_wrong_with_a_table(content, problem):
    with pytest.raises(DataError, match=f"^{problem}"):
        case_table(content.encode(), "t")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda text: text.replace("S2 = 3\n", ""), r"g, \[geom_13\]: lacks S2"),
        (
            lambda text: text.replace("B1 = 3", "B1 = wide"),
            r"g, \[geom_13\]: B1 is 'wide', which is not a finite number",
        ),
        (lambda text: text.replace("B1 = 3", "B1 ="), r"g, \[geom_13\]: B1 is ''"),
        (lambda text: text + text, r"g: cannot be read \(.*already exists"),
        (lambda text: "B1 = 3\n" + text, r"g: cannot be read"),
    ],
)
def test_what_is_wrong_with_a_geometry(change, problem):
    text = "[geom_13]\n" + "".join(f"{name} = 3\n" for name in GEOMETRY_PARAMETERS)
    assert geometry_table(text.encode(), "g")["geom_13"]["S2"] == 3
    with pytest.raises(DataError, match=f"^{problem}"):
        geometry_table(change(text).encode(), "g")


def test_nothing_written_is_infinite():
    with pytest.raises(DataError, match="alpha_deg"):
        case_table(f"{HEADER}\n{ROW.replace('-8.569', str(math.inf))}".encode(), "t")
