"""The same weights on any number of devices and processes, and an end in bounded time when one process dies."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest

from binn_cli.errors import BinnError
from binn_cli.models.processes import HEARTBEAT_SECONDS, Place, first_host, place_in
from tests.datasets.table_files import values, written
from tests.marks import thorough_for
from tests.models.binn.rows.worker import few, weights
from tests.models.problems import problem

SECONDS = 120


def _started(out: Path, devices: int, place: Place | None, *more: str) -> subprocess.Popen:
    return _run(
        ["-m", "tests.models.binn.rows.worker", str(out), *more], devices, place, Path(__file__).resolve().parents[4]
    )


def _run(command: list[str], devices: int, place: Place | None, directory: Path) -> subprocess.Popen:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM_", "BINN_"))}
    environment |= {"XLA_FLAGS": f"--xla_force_host_platform_device_count={devices}", "JAX_PLATFORMS": "cpu"}
    if place is not None:
        environment |= {
            "BINN_COORDINATOR": place.coordinator,
            "BINN_PROCESSES": str(place.count),
            "BINN_PROCESS": str(place.index),
        }
    return subprocess.Popen(
        [sys.executable, *command],
        env=environment,
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _address() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{free.getsockname()[1]}"


def _finished(processes: list[subprocess.Popen]) -> list[str]:
    try:
        return [process.communicate(timeout=SECONDS)[1] for process in processes]
    finally:
        for process in processes:
            process.kill()


def _compared(out: Path, devices: int, processes: int) -> None:
    found = np.load(out)
    assert (int(found["devices"]), int(found["processes"])) == (devices, processes)
    alone = {
        "line": (problem("line", noise=0.05), 50),
        "scattered": (problem("scattered", noise=0.05), 400),
        "one_each": (few(devices), 99),
    }
    for name, (data, chunk) in alone.items():
        here = weights(data, chunk)
        np.testing.assert_allclose(found[name], here, rtol=0, atol=1e-9 * np.abs(here).max(), err_msg=name)


def test_two_devices(tmp_path: Path) -> None:
    process = _started(tmp_path / "out.npz", 2, None)
    (errors,) = _finished([process])
    assert process.returncode == 0, errors
    _compared(tmp_path / "out.npz", 2, 1)


def test_two_processes(tmp_path: Path) -> None:
    address = _address()
    processes = [_started(tmp_path / "out.npz", 1, Place(address, 2, index)) for index in range(2)]
    errors = _finished(processes)
    assert [process.returncode for process in processes] == [0, 0], errors
    _compared(tmp_path / "out.npz", 2, 2)


def test_a_process_that_dies_stops_the_other(tmp_path: Path) -> None:
    address, began = _address(), time.monotonic()
    processes = [_started(tmp_path / "out.npz", 1, Place(address, 2, index), "die") for index in range(2)]
    errors = _finished(processes)
    assert processes[1].returncode == 9 and processes[0].returncode not in (0, None)
    assert "process 0 of 2 lost touch with another one, which has stopped or died" in errors[0]
    assert time.monotonic() - began < 60 + HEARTBEAT_SECONDS


COMMAND = (
    "-m binn_cli run dataset=table dataset.path=t.h5 dataset.outputs=[u] dataset.stream=true task=regress "
    "output.figures=false "
    "model.modes=2 model.centers=5 model.length=1.2 model.padding=1 model.stretch=0 model.sweeps=3"
)


@pytest.mark.parametrize("broken", thorough_for({True, False}, (False, True)))
def test_a_run_on_two_processes_is_written_by_the_first(broken: bool, tmp_path: Path) -> None:
    table = values(2000)
    table[1990, 2] = np.nan if broken else table[1990, 2]
    written(tmp_path / "t.h5", table)
    address = _address()
    processes = [_run(COMMAND.split(), 1, Place(address, 2, index), tmp_path) for index in range(2)]
    errors = _finished(processes)
    if broken:
        assert all(process.returncode not in (0, None) for process in processes)
        assert any("'u' is nan" in error for error in errors), errors
        return
    assert [process.returncode for process in processes] == [0, 0], errors
    (run,) = (tmp_path / "outputs").iterdir()
    with h5py.File(run / "results.h5") as file:
        known = file["provenance"].attrs
        assert known["processes"] == 2 and len(str(known["devices"]).split(",")) == 2
        assert file.attrs["status"] == "complete" and file["metrics/rmse"][0, 1, 0] < 0.1


def test_slurm_and_plain_environments() -> None:
    slurm = {
        "SLURM_STEP_NODELIST": "n[04-06,9],m1",
        "SLURM_STEP_NUM_TASKS": "6",
        "SLURM_PROCID": "5",
        "SLURM_JOB_ID": "41234",
    }
    assert place_in(slurm) == Place("n04:21234", 6, 5)
    assert place_in({"BINN_COORDINATOR": "h:1", "BINN_PROCESSES": "2", "BINN_PROCESS": "1"}) == Place("h:1", 2, 1)
    assert place_in({}) is None and place_in(slurm | {"SLURM_STEP_NUM_TASKS": "1"}) is None
    assert [first_host(nodes) for nodes in ("a,b", "a", "a,b[1-2]", "c[7]")] == ["a", "a", "a", "c7"]


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"BINN_PROCESSES": "2"}, "belong together"),
        ({"BINN_COORDINATOR": "h:1", "BINN_PROCESSES": "two", "BINN_PROCESS": "1"}, "cannot be read"),
        ({"BINN_COORDINATOR": "h:1", "BINN_PROCESSES": "2", "BINN_PROCESS": "2"}, "cannot be one of 2"),
        ({"SLURM_STEP_NODELIST": "a", "SLURM_STEP_NUM_TASKS": "2"}, "SLURM_JOB_ID"),
    ],
)
def test_an_environment_that_says_half_of_it(environment: dict[str, str], words: str) -> None:
    with pytest.raises(BinnError, match=words):
        place_in(environment)
