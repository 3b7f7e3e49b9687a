"""stdout and stderr that are closed, full, narrow or no longer read: none of them is a traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from binn_cli.results.record import Header, RunRecord
from binn_cli.results.store import write

PROGRAM = f"'{sys.executable}' -m binn_cli"


@pytest.mark.parametrize("verb", ["show", "run"])
def test_output_that_nobody_reads_any_more(verb: str) -> None:
    script = (
        f"from binn_cli import cli; cli.VERBS['{verb}'] = cli.Verb('', lambda _: print('x' * 10**6) or 0); "
        f"cli.main(['{verb}'])"
    )
    done = subprocess.run(f'"{sys.executable}" -c "{script}" | head -c 1', shell=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("x", "")


@pytest.mark.parametrize(
    "arguments",
    ["--help", "run --help", "run --hydra-help", "run --cfg job dataset=sine", "run --info", "-sc install=bash"],
)
def test_a_reader_who_leaves_is_no_error(arguments: str) -> None:
    """`true` reads nothing, and is gone before anything is written."""
    script = f"set -o pipefail; {PROGRAM} {arguments} | true"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_show_ends_quietly_when_its_reader_leaves(tmp_path) -> None:
    header = Header("regress", "sine", "binn", "0123", 0, "")
    write(tmp_path / "results.h5", RunRecord(header, "complete"))
    for option in ("", "--json"):
        done = subprocess.run(
            ["bash", "-c", f"set -o pipefail; {PROGRAM} show {option} '{tmp_path}' | true"],
            capture_output=True,
            text=True,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_a_full_or_closed_stdout() -> None:
    done = subprocess.run(f"{PROGRAM} --help > /dev/full", shell=True, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "binn: stdout cannot be written (No space left on device)\n")
    for arguments in ("--help", "run --cfg job"):
        done = subprocess.run(f"{PROGRAM} {arguments} >&-", shell=True, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")


def test_an_encoding_without_greek_letters(tmp_path) -> None:
    write(tmp_path / "results.h5", RunRecord(Header("regress", "σ", "binn", "0123", 0, ""), "complete"))
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(f"{PROGRAM} show '{tmp_path}'", shell=True, capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u03c3" in done.stdout
