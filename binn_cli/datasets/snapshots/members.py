"""The files of a folder or a zip, by their paths below it; nothing leads out of it."""

from __future__ import annotations

import hashlib
import re
import stat
import zipfile
from collections.abc import Container, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Protocol

from binn_cli.datasets.digest import file_digest
from binn_cli.datasets.zip_member import read_member
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
        """What a file is known by: the same again exactly where its content is, and that of the files that it names.

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


INDICES = (".xdmf", ".xmf", ".pvtu", ".pvtp", ".pvts", ".pvtr", ".pvti", ".pvd")
"""Endings of files that may name others, in which their numbers are."""
NAMED = re.compile(r"(?:Source|file|href)\s*=\s*[\"']([^\"'<>]+)[\"']|([^\s<>\"'=:]+\.(?:h5|hdf5|bin|raw))\b")


def named_within(text: str, name: str, members: Container[str]) -> tuple[str, ...]:
    """The members that the text of one of them names, by their paths.

    Args:
        text: what stands in the file.
        name: its own path.
        members: all paths.
    """
    folder = PurePosixPath(name).parent
    told = ((folder / (one or other)).as_posix() for one, other in NAMED.findall(text))
    inside = {other for other in told if other in members and other != name}
    return tuple(sorted(other for other in inside if PurePosixPath(other).is_relative_to(folder)))


def _together(own: str, others: Sequence[str]) -> str:
    """One digest of a file and of those that it names."""
    return own if not others else f"sha256:{hashlib.sha256(' '.join((own, *others)).encode()).hexdigest()}"


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
        return _together(file_digest(self.root / name), [file_digest(self.root / other) for other in self._named(name)])

    def _named(self, name: str) -> tuple[str, ...]:
        if not name.lower().endswith(INDICES):
            return ()
        text = (self.root / name).read_text(encoding="utf-8", errors="replace")
        return named_within(text, name, self.names)

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
        known = [
            f"crc32:{info.CRC:08x}-{info.file_size}"
            for info in map(self._infos.__getitem__, (name, *self._named(name)))
        ]
        return _together(known[0], known[1:])

    def _named(self, name: str) -> tuple[str, ...]:
        if not name.lower().endswith(INDICES):
            return ()
        return named_within(self._zip.read(name).decode("utf-8", "replace"), name, self._infos)

    @contextmanager
    def opened(self, name: str) -> Iterator[Path]:
        """See `Members`."""
        path = PurePosixPath(name)
        beside = [
            other for other in self._infos if PurePosixPath(other).parent == path.parent and _stem(other) == _stem(name)
        ]
        with TemporaryDirectory(prefix="binn-snapshots-") as directory:
            for other in dict.fromkeys((*beside, *self._named(name))):
                place = Path(directory, PurePosixPath(other).relative_to(path.parent))
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(read_member(self._zip, other, self.root))
            yield Path(directory) / path.name


def _stem(name: str) -> str:
    return PurePosixPath(name).name.partition(".")[0]
