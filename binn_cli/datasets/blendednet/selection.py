"""Which cases of the archive are learned from and judged on, with a sentence for every selection that cannot be had."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from binn_cli.config.ranges import did_you_mean
from binn_cli.datasets.blendednet.archive import GEOMETRY, TABLE, Archive
from binn_cli.datasets.blendednet.tables import CaseRow, case_table, geometry_table
from binn_cli.errors import ConfigError, DataError

ALL = "all"
DIGITS = {"train": {"case": 4, "geom": 3}, "test": {"case": 3, "geom": 2}}
"""How many digits the names of each folder have: the same number names another aircraft in the other folder."""


@dataclass(frozen=True)
class Case:
    """A case that was selected.

    Attributes:
        folder: `train` or `test`.
        row: its line of the table.
        geometry: the parameters of its geometry.
        where: its file, as an error calls it.
    """

    folder: str
    row: CaseRow
    geometry: Mapping[str, float]
    where: str

    @property
    def member(self) -> str:
        """Its file within the archive."""
        return f"{self.folder}/vtk/{self.row.name}.vtk"


@dataclass(frozen=True)
class Keys:
    """The configuration leaves that a selection comes from, for its errors."""

    folder: str
    geometries: str
    cases: str


class Half:
    """`train/` or `test/` of an archive: its tables and which files it has."""

    def __init__(self, archive: Archive, folder: str) -> None:
        """Reads both tables.

        Raises:
            ConfigError: if the archive has no such folder.
            DataError: if a table cannot be used.
        """
        self.archive = archive
        self.folder = folder
        if TABLE not in archive.names(folder):
            raise ConfigError(
                "dataset.folder",
                f"{archive.path} holds no {folder}/{TABLE}; see that the archive is whole, or choose the other folder",
            )
        places = {name: f"{folder}/{name}" for name in (TABLE, GEOMETRY)}
        self.rows = case_table(archive.read(places[TABLE]), f"{archive.path}: {places[TABLE]}")
        self.geometries = geometry_table(archive.read(places[GEOMETRY]), f"{archive.path}: {places[GEOMETRY]}")
        self.files = {name.removesuffix(".vtk") for name in archive.names(f"{folder}/vtk") if name.endswith(".vtk")}

    def selected(self, geometries: str | int | Sequence[str], cases: str | Sequence[str], keys: Keys) -> list[Case]:
        """The chosen cases of the chosen geometries, in the order of the table.

        Args:
            geometries: names, `all`, or how many of them, the first in the order of their names.
            cases: names, or `all`.
            keys: what to call these two in an error.

        Raises:
            ConfigError: if a name is not in this folder, or nothing is selected.
            DataError: if a case lacks its file, a file its row, or a case its geometry.
        """
        wanted = self._wanted_geometries(geometries, keys.geometries)
        if cases == ALL:
            self._no_orphans()
            rows = [row for row in self.rows.values() if row.geometry in wanted]
        else:
            rows = [self._row(name, wanted, keys) for name in dict.fromkeys(cases)]
        if not rows:
            raise ConfigError(
                keys.geometries,
                f"no case of {self.folder}/ has one of the chosen geometries; it has cases of "
                f"{self._known_geometries()}",
            )
        return [self._case(row) for row in rows]

    def _wanted_geometries(self, geometries: str | int | Sequence[str], key: str) -> set[str]:
        used = sorted({row.geometry for row in self.rows.values()})
        if geometries == ALL:
            return set(used)
        if isinstance(geometries, int):
            return set(used[:geometries])
        for name in geometries:
            if name not in self.geometries and name not in used:
                raise ConfigError(key, self._unknown("geom", str(name), list(self.geometries)))
        return {str(name) for name in geometries}

    def _row(self, name: str, geometries: set[str], keys: Keys) -> CaseRow:
        row = self.rows.get(str(name))
        if row is None and name in self.files:
            raise DataError(
                f"{self._place(name)}: has no row in {self.folder}/{TABLE}, so its flight condition is unknown; add "
                f"the row"
            )
        if row is None:
            raise ConfigError(keys.cases, self._unknown("case", str(name), list(self.rows)))
        if row.geometry not in geometries:
            raise ConfigError(
                keys.cases,
                f"{name} is of {row.geometry}, which {keys.geometries} does not choose; add it there, or set it to all",
            )
        return row

    def _unknown(self, kind: str, name: str, known: list[str]) -> str:
        """The sentence for a name that this folder does not have; the paper's names get one of their own."""
        other = "test" if self.folder == "train" else "train"
        number = re.fullmatch(rf"{kind}_(\d+)", name)
        if number and len(number[1]) == DIGITS[other][kind]:
            alike = f"{kind}_{int(number[1]):0{DIGITS[self.folder][kind]}d}"
            problem = (
                f"{name} is a name of the folder {other}/, not of {self.folder}/, where {alike} is another aircraft"
            )
            return f"{problem}; choose the other folder (the paper's case_130 to case_139 and geom_13 are in test/)"
        return f"{name} is not in {self.folder}/{did_you_mean(name, known)}"

    def _case(self, row: CaseRow) -> Case:
        where = self._place(row.name)
        if row.name not in self.files:
            raise DataError(
                f"{where}: is missing, although {self.folder}/{TABLE} has a row for {row.name}; add the file, or "
                f"choose other cases"
            )
        if row.geometry not in self.geometries:
            raise DataError(
                f"{self.archive.path}: {self.folder}/{GEOMETRY} has no section [{row.geometry}], which {row.name} needs"
            )
        return Case(self.folder, row, self.geometries[row.geometry], where)

    def _no_orphans(self) -> None:
        orphans = sorted(self.files - set(self.rows))
        if orphans:
            more = f" and {len(orphans) - 1} more" if len(orphans) > 1 else ""
            problem = f"has no row in {self.folder}/{TABLE}{more}, so its flight condition is unknown"
            raise DataError(
                f"{self._place(orphans[0])}: {problem}; add the row, remove the file, or name the cases that you want"
            )

    def _known_geometries(self) -> str:
        used = sorted({row.geometry for row in self.rows.values()})
        return ", ".join(used) if len(used) <= 4 else f"{used[0]} to {used[-1]}"

    def _place(self, name: str) -> str:
        return f"{self.archive.path}: {self.folder}/vtk/{name}.vtk"
