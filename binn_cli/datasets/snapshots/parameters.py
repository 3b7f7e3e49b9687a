"""Which file is which simulation: out of a table with a column of files, or out of the names of the files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from jaxtyping import Float

from binn_cli.datasets.columns.column_file import AUTO, Reading
from binn_cli.datasets.columns.table_reader import read_table
from binn_cli.datasets.columns.text_file import TextFile
from binn_cli.datasets.snapshots.members import Members
from binn_cli.errors import ConfigError, DataError

NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
BESIDE = (".log", ".out", ".err", ".pdf", ".png", ".jpg", ".svg", ".md", ".json", ".yaml", ".yml", ".py", ".sh")
"""Endings of what solvers and people put beside a simulation."""
TABLES = (".csv", ".tsv", ".txt", ".dat", ".parquet", ".pq")
"""Endings of what may be the table of parameters, if nobody names it."""


@dataclass(frozen=True)
class Simulations:
    """The simulations of a folder.

    Attributes:
        files: the file of each.
        names: what the parameters are called.
        units: their units.
        values: (n, P) the parameters.
        line: in words, where they come from and what was left out.
    """

    files: tuple[str, ...]
    names: tuple[str, ...]
    units: tuple[str, ...]
    values: Float[np.ndarray, "n P"]
    line: str


def found_simulations(
    members: Members, table: str, pattern: str, column: str, parameters: Sequence[str], reading: Reading
) -> Simulations:
    """The simulations of a folder.

    Args:
        members: its files.
        table: path of the table of parameters, below the folder or anywhere; empty to look for it.
        pattern: what the names of files look like, such as `run_{k}_{P}.vtu`; empty where a table says the parameters.
        column: the column of the table that names files; `auto` finds it.
        parameters: names of the parameters that are inputs; all where empty.
        reading: what the user says of the table.

    Raises:
        ConfigError: if there is neither a table nor a pattern.
        DataError: if a file that is named is not there, or a name stands for several files.
    """
    if pattern:
        found = _by_pattern(members, pattern)
    elif table:
        found = _by_table(members, table, column, reading)
    else:
        found = _by_any_table(members, column, reading)
    return _chosen(found, parameters)


def _chosen(found: Simulations, parameters: Sequence[str]) -> Simulations:
    missing = [name for name in parameters if name not in found.names]
    if missing:
        raise ConfigError("dataset.parameters", f"names {missing[0]!r}, which is none of {', '.join(found.names)}")
    kept = [found.names.index(name) for name in parameters] if parameters else list(range(len(found.names)))
    names, units = tuple(found.names[k] for k in kept), tuple(found.units[k] for k in kept)
    values = found.values[:, kept]
    return Simulations(found.files, names, units, values, found.line + _told_repeated(found.files, values))


def _told_repeated(files: Sequence[str], values: Float[np.ndarray, "n P"]) -> str:
    """A word on simulations with the parameters of another one."""
    first: dict[tuple[float, ...], str] = {}
    again = [
        (file, first[row])
        for file, row in zip(files, map(tuple, values.tolist()), strict=True)
        if first.setdefault(row, file) != file
    ]
    if not again:
        return ""
    count = f"{len(again):,} {'has' if len(again) == 1 else 'have'} the parameters of another one"
    return f", of which {count}, such as {again[0][0]} those of {again[0][1]}"


def _by_pattern(members: Members, pattern: str) -> Simulations:
    names = re.findall(r"\{([^{}]+)\}", pattern)
    if not names or len(set(names)) != len(names):
        raise ConfigError(
            "dataset.pattern", f"must name each parameter once in braces, as in run_{{k}}_{{P}}.vtu, not {pattern!r}"
        )
    pieces = re.split(r"\{[^{}]+\}", pattern)
    expression = re.compile(f"({NUMBER})".join(re.escape(piece).replace(r"\*", ".*") for piece in pieces))
    found = {}
    for name in simulation_files(members):
        matched = expression.fullmatch(name) or expression.fullmatch(PurePosixPath(name).name)
        if matched:
            found[name] = [float(text) for text in matched.groups()]
    if len(found) < 2:
        listed = ", ".join(members.names[:3]) or "none"
        raise DataError(f"{members.root}: {len(found)} of its files look like {pattern}; the files are {listed} …")
    others = len(simulation_files(members)) - len(found)
    line = f"{len(found):,} files like {pattern}" + (f", {others:,} others left out" if others else "")
    return Simulations(tuple(found), tuple(names), ("",) * len(names), np.array(list(found.values())), line)


def _by_any_table(members: Members, column: str, reading: Reading) -> Simulations:
    """The simulations out of the only table of the folder that has a column of files."""
    candidates = [name for name in members.names if name.lower().endswith(TABLES) and "/" not in name]
    reasons, tables = [], []
    for name in candidates[:20]:
        try:
            with members.opened(name) as path:
                _file_column(members, path, f"{members.root / name}", column)
            tables.append(name)
        except DataError as error:
            reasons.append(str(error))
    if len(tables) > 1:
        listed = " and ".join(tables) if len(tables) == 2 else ", ".join(tables)
        raise ConfigError("dataset.table", f"must say which, since {listed} in {members.root} each name its files")
    if tables:
        return _by_table(members, tables[0], column, reading)
    if not members.names:
        raise ConfigError("dataset.path", f"{members.root} holds no file; name the folder with the simulations")
    others = [name for name in members.names if name not in candidates]
    if others and all(name.lower().endswith(".zip") for name in others):
        raise ConfigError("dataset.path", f"{members.root} holds {others[0]}; name that file, which is read as it is")
    hint = _hint(PurePosixPath(others[0])) if others else "run_{A}.vtu"
    why = f"; {reasons[0]}" if len(reasons) == 1 else ""
    raise ConfigError(
        "dataset.table",
        f"{members.root} holds no table with a column of its files; name one, or say with dataset.pattern where the "
        f"parameters stand "
        f"in the names of the files, such as '{hint}'{why}",
    )


def _hint(path: PurePosixPath) -> str:
    """A pattern that the name of a file may have."""
    letters = iter("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    return re.sub(NUMBER, lambda _: f"{{{next(letters, 'Z')}}}", path.stem) + path.suffix


def _by_table(members: Members, table: str, column: str, reading: Reading) -> Simulations:
    if table in members.names:
        with members.opened(table) as path:
            return _of_table(members, path, f"{members.root / table}", column, reading)
    if not Path(table).exists():
        raise DataError(f"{table}: there is no such file, neither here nor in {members.root}")
    return _of_table(members, Path(table), table, column, reading)


def _of_table(members: Members, path: Path, shown: str, column: str, reading: Reading) -> Simulations:
    named, files, lines = _file_column(members, path, shown, column)
    try:
        content = read_table(path, reading, (), (), outputs_needed=False)
    except DataError as error:
        # What is left out with dataset.missing are points of fields.
        remedy = "remove the row of that simulation"
        raise DataError(
            str(error).replace("leave such rows out with dataset.missing=drop", remedy).replace(str(path), shown)
        ) from error
    report = content.report
    units = {name: unit for name, unit in report.inputs.items() if name != named}
    values = content.x[:, [k for k, name in enumerate(report.inputs) if name != named]]
    if not units:
        raise DataError(f"{shown}: has no column of numbers beside {named!r}; a simulation needs a parameter at least")
    if len(content.x) != len(files):
        raise DataError(f"{shown}: has {len(files):,} files, but {len(content.x):,} rows of parameters; mend the table")
    index = _Index(members)
    found = tuple(index.member(name, f"{shown}, line {line}") for name, line in zip(files, lines, strict=True))
    twice = next((name for name in found if found.count(name) > 1), None)
    if twice is not None:
        places = [str(line) for name, line in zip(found, lines, strict=True) if name == twice]
        raise DataError(f"{shown}: lines {' and '.join(places)} both name {twice}; remove one of them")
    others = len([name for name in simulation_files(members) if name not in found and name != path.name])
    line = f"{path.name}: {len(found):,} files" + (f", {others:,} others of the folder left out" if others else "")
    left_out = [f"{name} ({why})" for name, why in report.left_out.items() if name != named]
    line += f", columns left out: {', '.join(left_out)}" if left_out else ""
    line += "".join(f", {note}" for note in report.notes)
    return Simulations(found, tuple(units), tuple(units.values()), values, line)


def _file_column(members: Members, path: Path, shown: str, column: str) -> tuple[str, list[str], list[int]]:
    """The column that names files, its texts, and their lines."""
    texts, names, lines = _texts(path)
    index = _Index(members)
    if column != AUTO:
        if column not in names:
            raise DataError(f"{shown}: there is no column {column!r}; it has {', '.join(names)}")
        return column, texts[names.index(column)], lines
    hits = {name: sum(index.knows(text) for text in texts[k]) for k, name in enumerate(names)}
    best = max(hits, key=lambda name: hits[name], default="")
    if not best or hits[best] < max(1, len(lines) / 2):
        raise DataError(
            f"{shown}: has no column that names files of {members.root}; say which with dataset.file_column"
        )
    return best, texts[names.index(best)], lines


def _texts(path: Path) -> tuple[list[list[str]], list[str], list[int]]:
    """All columns of a table as texts, their names, and the line of every row."""
    from binn_cli.datasets.columns.opening import kind_of
    from binn_cli.datasets.columns.records import records

    kind = kind_of(path)
    if kind not in ("text", "parquet"):
        raise DataError(f"{path}: is a file of kind {kind}; the table of parameters must be text or Parquet")
    if kind == "parquet":
        import pandas as pd

        frame = pd.read_parquet(path)
        return (
            [[str(value) for value in frame[name].tolist()] for name in frame],
            [str(name) for name in frame],
            list(range(1, len(frame) + 1)),
        )
    dialect = TextFile.of(path, Reading()).dialect
    rows = [record for record in records(path, dialect) if not record.is_blank]
    columns = [
        [row.values[k].strip() if k < len(row.values) else "" for row in rows] for k in range(len(dialect.names))
    ]
    return columns, list(dialect.names), [row.line for row in rows]


def simulation_files(members: Members) -> tuple[str, ...]:
    """The files that may be simulations: without those in which an XDMF file keeps its numbers."""
    described = {
        str(PurePosixPath(name).with_suffix("")) for name in members.names if name.lower().endswith((".xdmf", ".xmf"))
    }
    heavy = (".h5", ".hdf5", ".bin", ".raw")
    return tuple(
        n
        for n in members.names
        if not (n.lower().endswith(heavy) and str(PurePosixPath(n).with_suffix("")) in described)
    )


class _Index:
    """The files of a folder by their paths, names and names without endings."""

    def __init__(self, members: Members) -> None:
        self._root = members.root
        self._paths = frozenset(members.names)
        self._known: dict[str, list[str]] = {}
        for name in simulation_files(members):
            path = PurePosixPath(name)
            short = {path.stem, str(path.with_suffix(""))} if path.suffix.lower() not in BESIDE else set()
            for key in {name, path.name} | short:
                self._known.setdefault(key, []).append(name)
        self._folded: dict[str, list[str]] = {}
        for key, names in self._known.items():
            self._folded.setdefault(key.casefold(), []).extend(names)

    def _found(self, text: str) -> Sequence[str]:
        key = text.strip().replace("\\", "/").removeprefix("./")
        key = key.removeprefix(f"{self._root.name}/") if key not in self._known else key
        if re.match(r"([A-Za-z]:|~|\.\.)?/", key):  # where it was elsewhere: the longest end that is a file here
            parts = key.split("/")
            ends = ("/".join(parts[k:]) for k in range(1, len(parts)))
            key = next((end for end in ends if end in self._paths), key)
        # Some systems know no difference between small and capital letters.
        return self._known.get(key) or tuple(dict.fromkeys(self._folded.get(key.casefold(), ())))

    def knows(self, text: str) -> bool:
        """Whether there is such a file."""
        return bool(self._found(text))

    def member(self, text: str, where: str) -> str:
        """The one file that a text names.

        Raises:
            DataError: if there is none, or several.
        """
        found = self._found(text)
        exact = [name for name in found if name == text] or found
        if not exact:
            raise DataError(
                f"{where}: names {text!r}, but there is no such file in {self._root}; add it, or remove the line"
            )
        if len(exact) > 1:
            raise DataError(
                f"{where}: {text!r} may be {' or '.join(exact[:3])}; write which, with its folder and ending"
            )
        return exact[0]
