"""The command line: which verb is called, how its mistakes are told, and what becomes of its streams."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import TextIO

from binn_cli import __version__
from binn_cli.config.ranges import did_you_mean
from binn_cli.errors import BinnError
from binn_cli.garbage import end_without_search
from binn_cli.parser import FAILED, MISUSE, OK
from binn_cli.verbs import VERBS, Verb


def _help() -> str:
    width = max(map(len, VERBS))
    verbs = "\n".join(f"  {name:<{width}}  {verb.summary}" for name, verb in VERBS.items())
    return f"""usage: binn VERB ...

Bayesian interpolating neural networks: learn a surrogate with uncertainty, and find out where to simulate next.

verbs:
{verbs}

options:
  -h, --help            show this help
  --version             show the version
  -sc install=bash      print a script that completes verbs, groups and keys: eval "$(binn -sc install=bash)"
  -sc install=zsh       likewise for zsh; -sc install=fish for fish

examples:
  binn run task=active_learn dataset=heat
  binn run -m dataset=sine task=regress seed=0,1,2
  binn show outputs/*

exit status: 0 complete, 1 failed, 2 misuse
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: the arguments behind the name of the program; those of the process where None.

    Returns:
        The exit status: 0 complete, 1 failed, 2 misuse.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    _prepare_streams()
    try:
        try:
            return _main(arguments)
        finally:
            # Here and not when Python ends, where nothing could be done about a reader who has gone or a disk that is
            # full.
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has seen enough (binn show … | head).
        _silence(sys.stdout, sys.stderr)
        return OK
    except OSError as error:
        # Hydra's errors are of this class too, and have no number.
        if error.errno is None or error.filename is not None:
            raise
        _silence(sys.stdout)
        print(f"binn: stdout cannot be written ({error.strerror})", file=sys.stderr)
        return FAILED


def _prepare_streams() -> None:
    """See to it that a closed stdout (binn run >&-) or an encoding without the letter σ ends no run."""
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (it is to stay open)
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _silence(*streams: TextIO) -> None:
    """Keep Python from complaining when it closes streams that take nothing any more."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream.fileno())


def _main(arguments: Sequence[str]) -> int:
    if not arguments:
        print(_help(), end="", file=sys.stderr)
        return MISUSE
    first, rest = arguments[0], arguments[1:]
    if first in ("-h", "--help", "help"):
        print(_help(), end="")
        return OK
    if first == "--version":
        print(f"binn {__version__}")
        return OK
    if first in VERBS:
        if not _stands_somewhere():
            print("binn: the present directory no longer exists; change to another", file=sys.stderr)
            return FAILED
        from binn_cli.results.provenance import typed

        end_without_search()
        with typed(["binn", *arguments]):
            return _sentenced(VERBS[first], rest)
    if first in ("-sc", "--shell-completion", "--shell_completion"):
        from binn_cli.completion import complete

        return complete(arguments[1:], {name: verb.act for name, verb in VERBS.items()})
    print(_unknown(first), file=sys.stderr)
    return MISUSE


def _stands_somewhere() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _unknown(word: str) -> str:
    if "=" in word or word in ("-m", "--multirun", "--cfg", "-c"):
        return "binn: the verb comes first: binn run GROUP=OPTION ..."
    if word.startswith("-"):
        return f'binn: there is no option "{word}"; see binn --help'
    suggestion = did_you_mean(word, VERBS) or "; the verbs are " + ", ".join(VERBS)
    return f'binn: there is no verb "{word}"{suggestion}'


def _sentenced(verb: Verb, arguments: Sequence[str]) -> int:
    try:
        return verb.act(arguments)
    except BinnError as error:
        if os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        print(" ".join(str(error).split()), file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return FAILED
    except OSError as error:
        if error.filename is None or os.environ.get("HYDRA_FULL_ERROR") == "1":
            raise
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return FAILED
