"""Arguments of verbs: a parser whose complaints are one sentence, and what its values may be."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

OK, FAILED, MISUSE = 0, 1, 2
"""Exit statuses."""

LAST_PORT = 65535
MOST_ASKED = 1000
"""Cases that `binn ask` gives at a time."""


class Parser(argparse.ArgumentParser):
    """A parser whose complaint is one sentence."""

    @classmethod
    def of_a_run(cls, prog: str, description: str, run: str = "the run") -> Parser:
        """One whose first argument is a run."""
        parser = cls(prog=prog, description=description)
        parser.add_argument("run", type=path_of, metavar="RUN", help=f"directory of {run}, or its results.h5")
        return parser

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and leave with status 2."""
        self.exit(MISUSE, f"{self.prog}: {message}; see {self.prog} --help\n")


def path_of(text: str) -> Path:
    """A path; an empty text, such as that of a variable that is not set, would mean the present directory."""
    if not text:
        raise argparse.ArgumentTypeError('a path is needed, not ""')
    return Path(text)


def port_of(text: str) -> int:
    """A port of this machine."""
    port = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= port <= LAST_PORT:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {LAST_PORT}, not {text}")
    return port


def count_of(text: str) -> int:
    """How many cases are asked for."""
    count = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= count <= MOST_ASKED:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1 to {MOST_ASKED:,}, not {text}")
    return count


def words_of(text: str) -> list[str]:
    """Words between commas."""
    return [word for word in text.split(",") if word]
