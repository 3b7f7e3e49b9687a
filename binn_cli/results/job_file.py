"""`job.json`: which job of a sweep a directory belongs to, and how the attempt there went."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

from binn_cli.results.json_file import read_json, write_json

FILE_NAME = "job.json"


@dataclass(frozen=True)
class Job:
    """One attempt at a job of a sweep.

    Attributes:
        job: its number, from 0.
        overrides: the arguments that set it apart.
        status: "running", "complete" or "failed".
        reason: why it failed, one sentence; empty where it did not.
        attempt: 1, or one more than the attempt before it.
        started: when it began, UTC.
        seconds: how long it took in all, program and figures included; 0 while it runs.
        config_id: of its configuration; empty where that could not be used.
    """

    job: int
    overrides: tuple[str, ...]
    status: str = "running"
    reason: str = ""
    attempt: int = 1
    started: str = ""
    seconds: float = 0.0
    config_id: str = ""

    def ended(self, status: str, reason: str, seconds: float) -> Job:
        """The same attempt when it is over."""
        return replace(self, status=status, reason=reason, seconds=round(seconds, 3))


def write_job(directory: Path, job: Job) -> None:
    """Keep it in the job's directory.

    Raises:
        OSError: if it cannot be written.
    """
    write_json(directory / FILE_NAME, asdict(job))


def read_job(directory: Path) -> Job | None:
    """The attempt that a directory holds, or None; keys that are not known are passed over."""
    found = read_json(directory / FILE_NAME)
    if found is None or not isinstance(found.get("job"), int):
        return None
    known = {field.name: found[field.name] for field in fields(Job) if field.name in found}
    return Job(**known | {"overrides": tuple(map(str, found.get("overrides") or ()))})
