"""The directory of a run, claimed once."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from binn_cli.errors import BinnError

ATTEMPTS = 1000


def stamped(name: str) -> str:
    """The name behind the local time, so that directories sort by age."""
    return f"{datetime.now():%Y-%m-%d_%H-%M-%S}_{name}"


def claimed(parent: Path, name: str) -> Path:
    """A new directory of this name below `parent`, with -2, -3 … behind it where the name is taken.

    Raises:
        BinnError: if it cannot be made.
    """
    try:
        parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, ATTEMPTS + 1):
            directory = parent / (name if attempt == 1 else f"{name}-{attempt}")
            try:
                # Two runs may start within one second: the one whose mkdir succeeds owns the name.
                directory.mkdir(exist_ok=False)
            except FileExistsError:
                continue
            return directory
    except OSError as error:
        raise BinnError(
            f'output.root: cannot make a directory below "{parent}" ({error.strerror}); choose another with '
            f"output.root=DIR"
        ) from error
    raise BinnError(
        f'output.root: "{parent}" already holds {ATTEMPTS} directories named {name}; choose another with '
        f"output.root=DIR"
    )
