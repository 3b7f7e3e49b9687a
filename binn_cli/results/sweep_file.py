"""`sweep.json`: what a sweep consists of, so that it can be shown at any time and gone on with."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from binn_cli.errors import BinnError
from binn_cli.results.json_file import read_json, write_json

FILE_NAME = "sweep.json"
SCHEMA = "binn-sweep/1"


@dataclass(frozen=True)
class PlannedJob:
    """A job of a sweep, begun or not.

    Attributes:
        job: its number, from 0.
        overrides: the arguments that set it apart from the others, and all others of the command line.
        config_id: of its configuration; empty where that cannot be used.
        stands_for: directory of a run elsewhere that stands for the job, relative to the sweep's; empty where there is
            none.
        why: why the job is skipped; empty where it is not.
        goes_on: directory of the run that the job goes on with, relative to the sweep's; empty where it begins anew.
        attempt: number of the attempt that is planned, from 1.
    """

    job: int
    overrides: tuple[str, ...]
    config_id: str = ""
    stands_for: str = ""
    why: str = ""
    goes_on: str = ""
    attempt: int = 1


@dataclass(frozen=True)
class SweepFile:
    """A sweep.

    Attributes:
        flags: Hydra's flags that were typed, such as `--config-dir=…`.
        overrides: the arguments that were typed.
        composed_with: what the configurations depend on beside the arguments; where it is the same, so are the
            `config_id`s.
        started: when it began, UTC.
        jobs: all of them, by number.
    """

    flags: tuple[str, ...]
    overrides: tuple[str, ...]
    composed_with: str
    started: str
    jobs: tuple[PlannedJob, ...] = field(default_factory=tuple)


def write_sweep(directory: Path, sweep: SweepFile) -> None:
    """Keep it in the sweep's directory.

    Raises:
        BinnError: if it cannot be written.
    """
    path = directory / FILE_NAME
    try:
        write_json(path, {"schema": SCHEMA, **asdict(sweep)})
    except OSError as error:
        advice = "free some space or choose another output.root"
        raise BinnError(f"cannot write {path}: {error.strerror}; {advice}") from error


def read_sweep(directory: Path) -> SweepFile | None:
    """What a directory says of its sweep, or None where it says nothing.

    Raises:
        BinnError: if it was written by a newer version or is damaged.
    """
    path = directory / FILE_NAME
    if not path.is_file():
        return None
    found = read_json(path)
    if found is None:
        raise BinnError(
            f"{path}: is not readable as JSON; the runs beside it are whole, and can be shown and compared without it"
        )
    schema = found.pop("schema", None)
    if schema != SCHEMA:
        raise BinnError(
            f"{path}: has the schema {schema!r}, and this version of the program knows {SCHEMA!r}; update binn"
        )
    try:
        jobs = tuple(_job(entry) for entry in found.pop("jobs"))
        known: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in found.items()
        }
        return SweepFile(**known, jobs=jobs)
    except (TypeError, KeyError) as error:
        raise BinnError(
            f"{path}: lacks a part that every such file has ({error}); the runs beside it are whole"
        ) from error


def _job(entry: dict[str, Any]) -> PlannedJob:
    return PlannedJob(**entry | {"overrides": tuple(entry["overrides"])})
