"""What a job may cost, and how sweeps are gone on with."""

from __future__ import annotations

from dataclasses import dataclass

from binn_cli.config.ranges import positive
from binn_cli.errors import ConfigError


@dataclass
class LimitsConfig:
    """The `limits` section of conf/config.yaml."""

    seconds: float | None = None
    memory_gb: float | None = None
    isolate: bool = True

    def __post_init__(self) -> None:
        for name in ("seconds", "memory_gb"):
            value = getattr(self, name)
            if value is not None:
                positive(f"limits.{name}", value)
        if not self.isolate and (self.seconds is not None or self.memory_gb is not None):
            raise ConfigError(
                "limits.isolate",
                "must be true where limits.seconds or limits.memory_gb is set: only a process can be ended",
            )

    @property
    def any(self) -> bool:
        """Whether there is a limit."""
        return self.seconds is not None or self.memory_gb is not None


@dataclass(frozen=True)
class Wishes:
    """How the command line wants runs that exist already to be treated.

    Attributes:
        resume: skip what is complete, go on with what was interrupted.
        force: run everything again.
        dry_run: only say what would be done.
        fail_fast: stop a sweep at its first failure.
    """

    resume: bool = False
    force: bool = False
    dry_run: bool = False
    fail_fast: bool = False
