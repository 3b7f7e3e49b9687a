"""`binn` that starts at once: commands of the documents are forked from a process that has imported what they need.

Hundreds of commands would else spend more time on importing than on what they are there for. A command finds the
same arguments, directory, environment and streams as if it had been started, and its own exit status comes back.
Programs that are interrupted, killed or looked at by their number are started as usual (`tests/test_end_to_end.py`).
"""

from __future__ import annotations

import array
import contextlib
import importlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

IMPORTED = (
    "numpy", "scipy.linalg", "scipy.optimize", "h5py", "hydra.main", "hydra.core.global_hydra", "omegaconf",
    "rich.table", "matplotlib.figure", "matplotlib.backends.backend_agg", "pandas", "xarray",
    "binn_cli.cli", "binn_cli.run", "binn_cli.execute", "binn_cli.tasks.regress", "binn_cli.tasks.active_learn",
    "binn_cli.models.binn.surrogate",
)  # fmt: skip
"""What most commands import; JAX is not, since some of its settings are read when it is imported."""

CLIENT = """#!{python} -SE
import array, json, os, socket, sys
with socket.socket(socket.AF_UNIX) as channel:
    channel.connect({address!r})
    request = json.dumps([sys.argv, os.getcwd(), dict(os.environ)]).encode() + b"\\n"
    channel.sendmsg([request[:1]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1, 2]))])
    channel.sendall(request[1:])
    answer = channel.recv(16)
sys.exit(int(answer) if answer else 70)
"""


@contextlib.contextmanager
def warm_program(directory: Path) -> Iterator[Path]:
    """A directory with a program `binn`, for the path of a shell.

    Args:
        directory: where it may stand; short, for the address of a socket is.
    """
    address, place = str(directory / "s"), directory / "bin"
    place.mkdir()
    program = place / "binn"
    program.write_text(CLIENT.format(python=sys.executable, address=address))
    program.chmod(0o755)
    top = Path(__file__).resolve().parents[1]
    with subprocess.Popen([sys.executable, "-m", "tests.warm_program", address], cwd=top) as server:
        try:
            while not Path(address).exists():
                assert server.poll() is None, "the program could not be imported"
                time.sleep(0.02)
            yield place
        finally:
            server.terminate()


def serve(address: str) -> None:
    """Answer requests until terminated."""
    for name in IMPORTED:
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address + ".early")
        listener.listen(16)
        os.rename(address + ".early", address)
        while True:
            channel, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                _answer(channel)
            channel.close()


def _answer(channel: socket.socket) -> None:
    """Be the program that was asked for, then end."""
    space = array.array("i", [0, 0, 0])
    first, ancillary, _, _ = channel.recvmsg(1, socket.CMSG_SPACE(len(space) * space.itemsize))
    streams = array.array("i")
    streams.frombytes(ancillary[0][2])
    with channel.makefile("rb") as rest:
        argv, directory, environment = json.loads(first + rest.readline())
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = argv
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, closefd=False)
    sys.__stdout__, sys.__stderr__ = sys.stdout, sys.stderr
    from binn_cli.cli import main

    code: object = 70
    try:
        code = main()
    except SystemExit as end:
        code = 0 if end.code is None else end.code
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
        channel.sendall(str(code if isinstance(code, int) else 1).encode())
        os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1])
