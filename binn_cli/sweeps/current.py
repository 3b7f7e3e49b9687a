"""What this process knows of the sweep that it is at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # every `binn run` imports this, and few are sweeps
    from binn_cli.errors import BinnError
    from binn_cli.results.fate import Fate


@dataclass
class Current:
    """A sweep while it goes on, and after its end.

    Attributes:
        flags, overrides: what was typed.
        goes_on_in: directory of the sweep that is to go on; None where one may be looked for.
        directory: that of the sweep; None before it has one.
        planned: whether it has a plan, as those of other sweepers have not.
        launched: whether its jobs were handed to a launcher that came back.
        refusal: why it could not begin, or had no job.
        trouble: what its launcher said when it gave up.
        fates: how its jobs went.
    """

    flags: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    goes_on_in: Path | None = None
    directory: Path | None = None
    planned: bool = False
    launched: bool = False
    refusal: BinnError | None = None
    trouble: Exception | None = None
    fates: list[Fate] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        """Whether every job has what was asked for."""
        return self.trouble is None and all(fate.succeeded for fate in self.fates)


_current = Current()


def current() -> Current:
    """The sweep of this process."""
    return _current


def begin(flags: tuple[str, ...] = (), overrides: tuple[str, ...] = (), goes_on_in: Path | None = None) -> None:
    """Start afresh: what this process knows of a sweep before counts no longer."""
    global _current
    _current = Current(flags, overrides, goes_on_in)
