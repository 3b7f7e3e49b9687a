"""Files converted once: the values of every simulation as one array on the disk, and each mesh once."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout
from jaxtyping import Float

from binn_cli.datasets.dataset import Announce
from binn_cli.datasets.row_table import cached_file
from binn_cli.datasets.snapshots.members import Members
from binn_cli.datasets.snapshots.snapshot import Snapshot, read_snapshot
from binn_cli.errors import BinnError, ConfigError

log = logging.getLogger(__name__)

SCHEMA = 2
"""Changes whenever the same file gives other content, so that files of before are converted anew."""
ROUND_OFF = 2e-6
"""Two meshes are one where no coordinate differs by more than this share of its range: a few units of single
precision."""
COMPARED = 4
"""Meshes with which one of another content is compared."""
PATIENCE = 3600.0
"""Seconds that a process waits for another that converts the same files."""


@dataclass(frozen=True)
class Fields:
    """What is wanted of every file: names of outputs and coordinates, and whether they are taken at points or in
    cells."""

    outputs: tuple[str, ...]
    coordinates: tuple[str, ...]
    location: str


@dataclass(frozen=True)
class Converted:
    """One simulation on the disk.

    Attributes:
        values: path of its (n, L) values.
        mesh: path of the (n, d) points, which simulations on the same mesh share.
        coordinates, units, output_units: names and units.
        size: number of points n.
        missing: number of points at which an output is missing.
    """

    values: Path
    mesh: Path
    coordinates: tuple[str, ...]
    units: tuple[str, ...]
    output_units: tuple[str, ...]
    size: int
    missing: int

    def points(self) -> Float[np.ndarray, "n d"]:
        """The points of its mesh."""
        return np.asarray(np.load(self.mesh, allow_pickle=False))

    def read(self) -> Float[np.ndarray, "n L"]:
        """Its values."""
        return np.asarray(np.load(self.values, allow_pickle=False))


def converted(
    members: Members, files: Sequence[str], fields: Fields, directory: Path, announce: Announce
) -> list[Converted]:
    """The simulations of some files; those that the directory holds already are not read again.

    Several processes may ask for the same: one converts while the others wait. A conversion that is interrupted goes on
        where it was.

    Raises:
        DataError: if a file cannot be used.
        ConfigError: if the directory cannot be written to.
        BinnError: if another process converts for too long.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        lock = FileLock(directory / ".lock")
        with lock.acquire(timeout=PATIENCE, poll_interval=0.2):
            return _Conversion(members, fields, directory).of(files, announce)
    except Timeout as error:
        raise BinnError(
            f"{directory}: another process has been converting files for an hour; wait until it has ended, or stop it"
        ) from error
    except OSError as error:
        problem = f"{directory} cannot be written ({error.strerror or error}); name a directory with enough room"
        raise ConfigError("dataset.cache", problem) from error


class _Conversion:
    def __init__(self, members: Members, fields: Fields, directory: Path) -> None:
        self._members, self._fields, self._directory = members, fields, directory
        self._meshes: dict[tuple, list[tuple[Path, np.ndarray]]] = {}

    def of(self, files: Sequence[str], announce: Announce) -> list[Converted]:
        """One after the other."""
        keys = [self._key(name) for name in files]
        kept = [self._kept(key) for key in keys]
        missing = [k for k, known in enumerate(kept) if known is None]
        if missing:
            for path, coordinates in list(
                {(known.mesh, known.coordinates): None for known in kept if known is not None}
            )[:COMPARED]:
                points = np.load(path, allow_pickle=False)
                self._meshes.setdefault((points.shape, coordinates), []).append((path, points))
        for done, k in enumerate(missing):
            announce("converting files", done, len(missing))
            kept[k] = self._convert(files[k], keys[k])
        return [known for known in kept if known is not None]

    def _key(self, name: str) -> str:
        what = [SCHEMA, self._members.digest(name), Path(name).suffix, asdict(self._fields)]
        return hashlib.sha256(json.dumps(what).encode()).hexdigest()[:24]

    def _kept(self, key: str) -> Converted | None:
        """What an earlier conversion left, if it is whole."""
        try:
            told = json.loads((self._directory / f"{key}.json").read_text(encoding="utf-8"))
            known = Converted(
                values=self._directory / str(told["values"]),
                mesh=self._directory / str(told["mesh"]),
                coordinates=tuple(told["coordinates"]),
                units=tuple(told["units"]),
                output_units=tuple(told["output_units"]),
                size=int(told["size"]),
                missing=int(told["missing"]),
            )
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            log.warning("%s cannot be read (%s); converting the file again", self._directory / f"{key}.json", error)
            return None
        return known if known.values.is_file() and known.mesh.is_file() else None

    def _convert(self, name: str, key: str) -> Converted:
        shown = str(self._members.root / name)
        with self._members.opened(name) as path:
            snapshot = read_snapshot(path, shown, self._fields.outputs, self._fields.location, self._fields.coordinates)
        mesh = self._mesh(snapshot)
        values = self._directory / f"{key}.npy"
        _save(values, snapshot.values)
        missing = int((~np.isfinite(snapshot.values)).any(axis=1).sum())
        found = Converted(
            values, mesh, snapshot.coordinates, snapshot.units, snapshot.output_units, len(snapshot.values), missing
        )
        told = {**asdict(found), "values": values.name, "mesh": mesh.name}
        with cached_file(self._directory / f"{key}.json") as temporary:
            temporary.write_text(json.dumps(told), encoding="utf-8")
        return found

    def _mesh(self, snapshot: Snapshot) -> Path:
        """The file of the points, or of the same points but for round-off."""
        points = np.ascontiguousarray(snapshot.points)
        path = self._directory / f"mesh-{hashlib.sha256(points.tobytes()).hexdigest()[:16]}-{points.shape[1]}.npy"
        kind = (points.shape, snapshot.coordinates)
        known = self._meshes.setdefault(kind, [])
        for other, theirs in known:
            if other == path or _same(points, theirs):
                return other
        if not path.is_file():
            _save(path, points)
        if len(known) < COMPARED:
            known.append((path, points))
        return path


def _same(points: np.ndarray, others: np.ndarray) -> bool:
    span = np.ptp(others, axis=0)
    return bool((np.abs(points - others).max(axis=0) <= ROUND_OFF * span).all())


def _save(path: Path, array: np.ndarray) -> None:
    with cached_file(path) as temporary, temporary.open("wb") as file:
        np.save(file, array, allow_pickle=False)
