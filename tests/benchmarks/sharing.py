"""One fit on two processes against one, on this machine: `python -m tests.benchmarks.sharing N PART` is a process of
it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import numpy as np

from binn_cli.config.schema import BinnConfig
from binn_cli.datasets.product import Axis, ProductData
from binn_cli.datasets.rows import TableRows
from binn_cli.models.binn.rows.fit import fit_rows
from binn_cli.models.processes import join_if_asked
from tests.benchmarks.timing import Row, seconds

N, SWEEPS, SECONDS = 1_000_000, 4, 600


def _fit_seconds(n: int) -> float:
    """Seconds of a fit to n scattered points of seven inputs, after one that compiled."""
    x = np.random.default_rng(0).uniform(0, 1, (n, 7))
    rows = TableRows(
        ProductData((Axis("point", x, tuple("abcdefg")),), np.sin(2.5 * x + 0.3).prod(axis=1)[:, None], ("u",))
    )
    config = BinnConfig(
        modes=2, centers=[25, 25, 16, 10, 10, 10, 12], length=1.2, padding=0, stretch=0, prior="weight",
        relevance="none", noise="fixed",
        noise_variance=0.0225, sweeps=SWEEPS, tolerance=0.0,
    )  # fmt: skip
    fit_rows(config, rows, None)
    return seconds(lambda: fit_rows(config, rows, None))


def _measured(places: list[dict[str, str]], n: int) -> float:
    """The longest time of processes that run side by side, each with its environment."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("SLURM_", "BINN_"))}
    command = [sys.executable, "-m", "tests.benchmarks.sharing", str(n)]
    started = [
        subprocess.Popen(command, env=environment | place, stdout=subprocess.PIPE, text=True) for place in places
    ]
    try:
        printed = [process.communicate(timeout=SECONDS)[0] for process in started]
    finally:
        for process in started:
            process.kill()
    if any(process.returncode for process in started):
        raise RuntimeError("a process of the benchmark failed; what it wrote is above")
    return max(float(text.split()[-1]) for text in printed)


def two_processes_against_one(repeats: int = 3) -> Row:
    """A fit on one process against two that share its rows, and against two that have half of the rows each and share
    nothing."""
    one, two, apart = [], [], []
    for _ in range(repeats):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        shared = [{"BINN_COORDINATOR": address, "BINN_PROCESSES": "2", "BINN_PROCESS": str(i)} for i in range(2)]
        one.append(_measured([{}], N))
        two.append(_measured(shared, N))
        apart.append(_measured([{}, {}], N // 2))
    communicating = np.maximum(0.0, 1.0 - np.array(apart) / np.array(two))
    alone = f"two with half of the points each that share nothing take {np.median(apart):.3g} s"
    note = (
        f"N = {N:,}, seven inputs, {SWEEPS} sweeps, from memory; {os.cpu_count()} cores in all cases; {alone}, "
        f"which leaves {100 * np.median(communicating):.0f} % for communicating and waiting"
    )
    return Row("two processes / one", tuple(two), tuple(one), note)


if __name__ == "__main__":
    join_if_asked()
    print(_fit_seconds(int(sys.argv[1])))
