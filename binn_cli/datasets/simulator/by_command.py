"""Solvers that are programs, started without a shell."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from binn_cli.datasets.simulator.call_store import STDERR, STDOUT
from binn_cli.datasets.simulator.errors import CallFailed, CallTimedOut
from binn_cli.datasets.simulator.solvers import laid_out, last_words
from binn_cli.whole_file import write_whole

GRACE_SECONDS = 2.0
"""How long a program that is told to end may take to do so."""
OUTPUT_TOKEN, INPUT_TOKEN, DIRECTORY_TOKEN = "\0output\0", "\0input\0", "\0directory\0"
"""What stands in a command for paths that are only known when it runs; no argument can hold a NUL."""


class CommandRunner:
    """Runs a program in the working directory of the call and looks for its output there."""

    keeps_time = True

    def __init__(self, solver: Mapping[str, Any]) -> None:
        """`solver` is as `description.py` describes it."""
        self._solver = solver
        self._process: subprocess.Popen[bytes] | None = None

    def prepare(self) -> dict[str, Any]:
        """Nothing to do: whether the program exists was checked before."""
        return {}

    def run(self, directory: Path, case: Mapping[str, Any], timeout: float | None) -> None:
        """See `Runner`."""
        environment = laid_out(directory, self._solver)
        output = directory / self._solver["output"]
        output.parent.mkdir(parents=True, exist_ok=True)
        paths = {OUTPUT_TOKEN: str(output), DIRECTORY_TOKEN: str(directory)}
        if case["input"] is not None:
            name, text = case["input"]
            paths[INPUT_TOKEN] = str(directory / name)
            write_whole(directory / name, _with_paths(text, paths))
        words = [_with_paths(word, paths) for word in case["words"]]
        code = self._ended(words, directory, environment, timeout)
        if code < 0:
            raise CallFailed(f"was ended by {_signal(-code)}{last_words(directory)}")
        if code > 0:
            raise CallFailed(f"ended with status {code}{last_words(directory)}")
        if not output.is_file() or output.stat().st_size == 0:
            wrote = "left it empty" if output.is_file() else "did not write it"
            raise CallFailed(
                f"ended without an error, but {self._solver['output']} is missing: it {wrote}{last_words(directory)}"
            )
        _flush(output)

    def _ended(self, words: list[str], directory: Path, environment: dict[str, str], timeout: float | None) -> int:
        with open(directory / STDOUT, "wb") as out, open(directory / STDERR, "wb") as err:
            try:
                self._process = subprocess.Popen(
                    words,
                    cwd=directory,
                    env=environment,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    start_new_session=True,
                )
            except OSError as error:
                raise CallFailed(f"cannot be started: {error.strerror or error} ({words[0]})") from error
        try:
            return self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.stop()
            raise CallTimedOut(
                f"took longer than the {timeout:g} s that dataset.timeout allows{last_words(directory)}"
            ) from None
        finally:
            self._process = None

    def stop(self) -> None:
        """End the program and all that it has started."""
        process = self._process
        if process is None:
            return
        for number, seconds in ((signal.SIGTERM, GRACE_SECONDS), (signal.SIGKILL, None)):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, number)
            with suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
                if number == signal.SIGTERM:
                    continue  # its children may not have listened


def _with_paths(text: str, paths: Mapping[str, str]) -> str:
    for token, path in paths.items():
        text = text.replace(token, path)
    return text


def _signal(number: int) -> str:
    try:
        return f"signal {number} ({signal.Signals(number).name})"
    except ValueError:
        return f"signal {number}"


def _flush(path: Path) -> None:
    """Have the disk hold what the program wrote, before it is written down that it did."""
    with suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
