"""Completion: what is offered, and that each shell offers it."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from binn_cli.cli import VERBS, main
from binn_cli.completion import INSTALLING, SHELLS


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("binn ru", {"run"}),
        ("binn ", set(VERBS)),
        ("binn", set(VERBS)),
        (
            "binn run dataset=",
            {
                f"dataset={name}"
                for name in (
                    *("advection", "blendednet", "equation", "heat", "heat3d", "helmholtz", "poisson", "poisson_nd"),
                    *("simulator", "sine", "snapshots", "table"),
                )
            },
        ),
        ("binn run dataset=p", {"dataset=poisson", "dataset=poisson_nd"}),
        ("binn run dataset=sine task=r", {"task=regress"}),
        ("binn run model.mod", {"model.modes="}),
        ("binn run -m hydra/launcher=sl", {"hydra/launcher=slurm"}),
        ("binn run --mul", {"--multirun"}),
        ("binn compare outputs --a", {"--all-times"}),
        ("binn compare --l", {"--latex"}),
        ("binn resume outputs/x dry", {"dry_run="}),
        ("binn resume outputs/x limits.", {"limits.seconds=", "limits.memory_gb="}),
        ("binn show outp", set()),
        ("binn show ", set()),
        ("binn nope x", set()),
    ],
)
def test_what_is_offered(capsys, monkeypatch, line: str, words: set[str]) -> None:
    monkeypatch.setenv("COMP_LINE", f"{line} and what stands behind the cursor")
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    assert main(["-sc", "query=bash"]) == 0
    printed = capsys.readouterr()
    assert set(printed.out.split()) == words and printed.err == ""


def test_groups_and_keys_but_no_schemas(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COMP_LINE", "binn run ")
    monkeypatch.delenv("COMP_POINT", raising=False)
    assert main(["-sc", "query=fish"]) == 0
    offered = set(capsys.readouterr().out.split())
    assert {"dataset=", "experiment=", "output.", "seed=", "resume=", "limits."} <= offered
    assert not any(word.startswith(("schema", "by_model")) for word in offered)


def test_a_line_that_cannot_be_composed_offers_nothing(capsys, monkeypatch) -> None:
    monkeypatch.setenv("COMP_LINE", "binn run dataset=nope model.")
    assert main(["-sc", "query=zsh"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""


@pytest.mark.parametrize("arguments", [["-sc"], ["-sc", "install=csh"], ["-sc", "instal=bash"], ["-sc", "install"]])
def test_a_shell_that_is_not_known(capsys, arguments: list[str]) -> None:
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == "" and printed.err.startswith(
        "binn: completion is asked for by -sc install={bash|zsh|fish}, -sc unin"
    )


def test_every_shell_has_its_scripts(capsys) -> None:
    for shell in SHELLS:
        assert shell in INSTALLING[shell]
        for wish in ("install", "uninstall"):
            assert main(["-sc", f"{wish}={shell}"]) == 0
            assert "binn" in capsys.readouterr().out


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """With a `binn` on the path, and a run to name."""
    (tmp_path / "bin").mkdir()
    program = tmp_path / "bin" / "binn"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m binn_cli "$@"\n')
    program.chmod(0o755)
    (tmp_path / "outputs").mkdir()
    return {
        **os.environ,
        "PATH": f"{program.parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TERM": "dumb",
    }


def in_shell(shell: str, script: str, environment: dict[str, str], directory: Path) -> list[str]:
    found = shutil.which(shell)
    if found is None:
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run(
        [found, "-c", script], env=environment, cwd=directory, capture_output=True, text=True, timeout=120
    )
    return done.stdout.split()


BASH = """
eval "$(binn -sc install=bash)"
complete_line() {
    COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=(binn) COMP_CWORD=0
    _binn_complete 2>/dev/null
    printf '%s\n' "${COMPREPLY[@]}"
}
"""


@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("binn com", ["compare"]),
        ("binn run dataset=bl", ["blendednet"]),  # bash replaces what stands behind the =
        ("binn run model.mod", ["model.modes="]),
        ("binn show outp", []),
    ],
)
def test_bash(line: str, replies: list[str], environment: dict[str, str], tmp_path: Path) -> None:
    assert in_shell("bash", f"{BASH}complete_line '{line}'", environment, tmp_path) == replies


FISH = "binn -sc install=fish | source; complete -C '{line}'"


@pytest.mark.parametrize(
    ("line", "replies"),
    [("binn com", ["compare"]), ("binn run dataset=po", ["dataset=poisson"]), ("binn show outp", ["outputs/"])],
)
def test_fish(line: str, replies: list[str], environment: dict[str, str], tmp_path: Path) -> None:
    assert in_shell("fish", FISH.format(line=line), environment, tmp_path) == replies


def typed_in_zsh(line: str, environment: dict[str, str], directory: Path) -> str:
    """What stands in the line of an interactive shell after the key TAB."""
    found = shutil.which("zsh")
    if found is None:
        pytest.skip("zsh is not installed")
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(directory)
        os.execve(found, ["zsh", "-f", "-i"], environment)
    try:
        os.write(terminal, b'PS1="" RPS1=""; eval "$(binn -sc install=zsh)"; print REA""DY\n')
        read_until(terminal, "READY", 60)
        os.write(terminal, f"{line}\t".encode())
        return read_until(terminal, None, 10)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        os.close(terminal)


def read_until(terminal: int, mark: str | None, seconds: float) -> str:
    """What a terminal prints until the mark, or until nothing comes any more."""
    printed, until = "", time.monotonic() + seconds
    while time.monotonic() < until and not (mark and mark in printed):
        if select.select([terminal], [], [], 0.2)[0]:
            printed += os.read(terminal, 65536).decode(errors="replace")
    return printed


@pytest.mark.parametrize(
    ("line", "completed"),
    [("binn com", "binn compare "), ("binn run dataset=po", "dataset=poisson "), ("binn show outp", "show outputs/")],
)
def test_zsh(line: str, completed: str, environment: dict[str, str], tmp_path: Path) -> None:
    assert completed in typed_in_zsh(line, environment, tmp_path)
