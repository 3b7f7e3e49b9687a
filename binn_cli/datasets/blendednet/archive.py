"""A BlendedNet archive, a folder or a zip, read where it is: no path leads out of it and nothing is unpacked."""

from __future__ import annotations

import re
import stat
import zipfile
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Protocol

from binn_cli.datasets.zip_member import read_member
from binn_cli.errors import ConfigError, DataError

FOLDERS = ("train", "test")
TABLE, GEOMETRY = "case_data.dat", "geom_params.ini"
SYNTHETIC = "SYNTHETIC"
"""The first word of README.txt in an archive that this program generated."""

ENCRYPTED = 0x1
"""The bit of a zip member's flags that says so."""


class Archive(Protocol):
    """Members by their path below the folder that holds `train/` and `test/`, with forward slashes.

    Attributes:
        path: where the archive is.
    """

    path: Path

    def names(self, folder: str) -> list[str]:
        """Names of the files directly inside a folder, sorted; empty where there is no such folder."""
        ...

    def read(self, member: str) -> bytes:
        """The content of a member.

        Raises:
            DataError: if there is none, it leads out of the archive, or it is damaged.
        """
        ...

    def stamp(self, member: str) -> str:
        """A text that changes with the member's content: size and checksum, or size and time of change.

        Raises:
            DataError: as `read`.
        """
        ...


def opened(root: Path) -> Archive:
    """The archive at `root`.

    Raises:
        ConfigError: if there is nothing, or neither a folder nor a zip that holds `train/` or `test/`.
        DataError: if a member of the zip leads out of it.
    """
    if not root.exists():
        raise ConfigError(
            "dataset.root", f"{root} does not exist; name the folder or the zip that holds train/ and test/"
        )
    if root.is_dir():
        return FolderArchive(root)
    if not zipfile.is_zipfile(root):
        raise ConfigError(
            "dataset.root",
            f"{root} is neither a folder nor a whole zip; name the folder or the zip with train/ and test/",
        )
    return ZipArchive(root)


def is_synthetic(archive: Archive) -> bool:
    """Whether this program generated the archive, which its README.txt then says."""
    return "README.txt" in archive.names("") and archive.read("README.txt").lstrip().startswith(SYNTHETIC.encode())


def _leads_out(name: str) -> bool:
    return name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) is not None or ".." in re.split(r"[\\/]", name)


def _outside(path: Path, name: str) -> DataError:
    return DataError(
        f"{path}: {name!r} leads out of the archive, which no file of BlendedNet does; get the archive again, or "
        f"remove it"
    )


class FolderArchive:
    """An unpacked archive."""

    def __init__(self, path: Path) -> None:
        """`path` is the folder that holds `train/` and `test/`.

        Raises:
            ConfigError: if it holds neither.
        """
        self.path = path
        self._inside = path.resolve()
        if not any((path / folder / TABLE).is_file() for folder in FOLDERS):
            raise ConfigError(
                "dataset.root",
                f"{path} holds neither train/{TABLE} nor test/{TABLE}; name the folder above train/ and test/",
            )

    def names(self, folder: str) -> list[str]:
        """As `Archive.names`."""
        there = self.path / folder
        return sorted(entry.name for entry in there.iterdir() if entry.is_file()) if there.is_dir() else []

    def read(self, member: str) -> bytes:
        """As `Archive.read`."""
        try:
            return self._file(member).read_bytes()
        except OSError as error:
            raise DataError(
                f"{self.path / member}: cannot be read ({error.strerror}); see that the archive is whole"
            ) from error

    def stamp(self, member: str) -> str:
        """As `Archive.stamp`: size and time of change."""
        try:
            found = self._file(member).stat()
        except OSError as error:
            raise DataError(
                f"{self.path / member}: cannot be read ({error.strerror}); see that the archive is whole"
            ) from error
        return f"{found.st_size}-{found.st_mtime_ns}"

    def _file(self, member: str) -> Path:
        """The file itself, symbolic links followed."""
        if _leads_out(member):
            raise _outside(self.path, member)
        there = (self.path / member).resolve(strict=True)
        if not there.is_relative_to(self._inside):
            raise _outside(self.path, member)
        return there


class ZipArchive:
    """The published zip itself; the folder with `train/` and `test/` may lie deeper inside."""

    def __init__(self, path: Path) -> None:
        """Reads the list of members.

        Raises:
            ConfigError: if there is neither `train/` nor `test/` in it.
            DataError: if it cannot be read, or a member is absolute, has `..` in its path or is a symbolic link.
        """
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile) as error:
            raise DataError(f"{path}: cannot be read as a zip ({error}); copy it again") from error
        members = self._zip.infolist()
        for member in members:
            if _leads_out(member.filename) or stat.S_ISLNK(member.external_attr >> 16):
                raise _outside(path, member.filename)
        tables = [PurePosixPath(member.filename) for member in members]
        tops = [table.parent.parent for table in tables if table.name == TABLE and table.parent.name in FOLDERS]
        if not tops:
            raise ConfigError(
                "dataset.root", f"{path} holds neither train/{TABLE} nor test/{TABLE}; name the zip of BlendedNet"
            )
        top = min(tops, key=lambda folder: len(folder.parts))
        prefix = "" if top == PurePosixPath(".") else f"{top}/"
        self._members = {
            m.filename.removeprefix(prefix): m for m in members if m.filename.startswith(prefix) and not m.is_dir()
        }

    @cached_property
    def _folders(self) -> dict[str, list[str]]:
        folders: dict[str, list[str]] = {}
        for member in self._members:
            folder, _, name = member.rpartition("/")
            folders.setdefault(folder, []).append(name)
        return {folder: sorted(names) for folder, names in folders.items()}

    def names(self, folder: str) -> list[str]:
        """As `Archive.names`."""
        return self._folders.get(folder, [])

    def read(self, member: str) -> bytes:
        """As `Archive.read`."""
        found = self._found(member)
        if found.flag_bits & ENCRYPTED:
            raise DataError(f"{self.path}: {member} is encrypted, as no file of BlendedNet is; copy the zip again")
        return read_member(self._zip, found, self.path)

    def stamp(self, member: str) -> str:
        """As `Archive.stamp`: size and checksum."""
        found = self._found(member)
        return f"{found.file_size}-{found.CRC:08x}"

    def _found(self, member: str) -> zipfile.ZipInfo:
        if member not in self._members:
            raise DataError(f"{self.path}: holds no {member}; see that the archive is whole")
        return self._members[member]
