"""Consoles on stdout and stderr whose reader may leave (binn show … | head); rich itself would end the program with
status 1."""

from __future__ import annotations

import os

from rich.console import Console


class Results(Console):
    """A console on stdout; when nobody reads any more, the caller hears of it."""

    def on_broken_pipe(self) -> None:
        """Pass on the error that is being handled."""
        self.quiet = True
        raise BrokenPipeError


class Notices(Console):
    """A console on stderr, for what is said beside the result; when nobody reads any more, the run goes on in
    silence."""

    def __init__(self) -> None:
        """Write to stderr as it is now."""
        super().__init__(stderr=True)

    def on_broken_pipe(self) -> None:
        """Say nothing more, and let whatever else is written to stderr go nowhere too."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())
