"""The files of a folder or a zip, by their paths below it; nothing leads out of it."""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Protocol

from binn_cli.datasets.digest import file_digest
from binn_cli.errors import ConfigError, DataError


class Members(Protocol):
    """The files of a folder or a zip.

    Attributes:
        root: where it is.
        names: the files by their paths below it, with forward slashes, sorted; none that is hidden.
    """

    @property
    def root(self) -> Path:
        """See the class."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """See the class."""
        ...

    def digest(self, name: str) -> str:
        """What a file is known by: the same again exactly where its content is.

        Raises:
            DataError: if it cannot be read.
        """
        ...

    def opened(self, name: str) -> AbstractContextManager[Path]:
        """A context in which a file has a path of its own, with those beside it that begin with the same name.

        Raises:
            DataError: if it cannot be read.
        """
        ...


def members_of(root: Path) -> Members:
    """The files of a folder or a zip.

    Raises:
        ConfigError: if there is neither.
        DataError: if a file leads out of it.
    """
    if root.is_dir():
        return Folder(root)
    if not root.exists():
        raise ConfigError(
            "dataset.path", f"{root} does not exist; name the folder or the zip with one file per simulation"
        )
    if not zipfile.is_zipfile(root):
        raise ConfigError(
            "dataset.path", f"{root} is neither a folder nor a whole zip; name the folder with one file per simulation"
        )
    return Zip(root)


def _is_hidden(name: str) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(name).parts)


@dataclass(frozen=True)
class Folder:
    """A folder; see `Members`."""

    root: Path

    @cached_property
    def names(self) -> tuple[str, ...]:
        """See `Members`."""
        found = (path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file())
        return tuple(sorted(name for name in found if not _is_hidden(name)))

    def digest(self, name: str) -> str:
        """See `Members`."""
        return file_digest(self.root / name)

    @contextmanager
    def opened(self, name: str) -> Iterator[Path]:
        """See `Members`."""
        path = self.root / name
        if not path.resolve().is_relative_to(self.root.resolve()):
            raise DataError(f"{path}: leads out of {self.root}; copy the file into it")
        yield path


class Zip:
    """A zip; see `Members`. A file is unpacked while it is read."""

    def __init__(self, root: Path) -> None:
        """Reads the list of files.

        Raises:
            DataError: if it cannot be read, or a file in it leads out of it.
        """
        self.root = root
        try:
            self._zip = zipfile.ZipFile(root)
        except (OSError, zipfile.BadZipFile) as error:
            raise DataError(f"{root}: cannot be read as a zip ({error}); copy it again") from error
        self._infos: dict[str, zipfile.ZipInfo] = {}
        for info in self._zip.infolist():
            name = info.filename
            if name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", name) or ".." in re.split(r"[\\/]", name):
                raise DataError(f"{root}: {name!r} leads out of the zip; get it again")
            if not info.is_dir() and not _is_hidden(name) and not stat.S_ISLNK(info.external_attr >> 16):
                self._infos[name] = info

    @property
    def names(self) -> tuple[str, ...]:
        """See `Members`."""
        return tuple(sorted(self._infos))

    def digest(self, name: str) -> str:
        """See `Members`: size and checksum, which the zip holds."""
        info = self._infos[name]
        return f"crc32:{info.CRC:08x}-{info.file_size}"

    @contextmanager
    def opened(self, name: str) -> Iterator[Path]:
        """See `Members`."""
        path = PurePosixPath(name)
        beside = [
            other for other in self._infos if PurePosixPath(other).parent == path.parent and _stem(other) == _stem(name)
        ]
        with TemporaryDirectory(prefix="binn-snapshots-") as directory:
            for other in beside:
                try:
                    (Path(directory) / PurePosixPath(other).name).write_bytes(self._zip.read(other))
                except (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error) as error:
                    raise DataError(
                        f"{self.root}: {other} cannot be read from the zip ({error}); copy the zip again"
                    ) from error
            yield Path(directory) / path.name


def _stem(name: str) -> str:
    return PurePosixPath(name).name.partition(".")[0]
