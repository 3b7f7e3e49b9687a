"""Solvers behind UM-Bridge, against a server of the package `umbridge` itself."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from binn_cli.datasets.calls import COMPLETE, FAILED
from binn_cli.datasets.simulator.dataset import Simulator
from binn_cli.errors import BinnError, DataError

Build = Callable[..., Simulator]
SERVER = """
import os, sys, threading
from functools import partial
import umbridge

asked = {"sizes": 0}

class Field(umbridge.Model):
    def get_input_sizes(self, config):
        asked["sizes"] += 1
        return [1, 1]

    def get_output_sizes(self, config):
        return [3, 1]

    def __call__(self, parameters, config):
        (k,), (P,) = parameters
        if k > 3.5:
            raise ValueError("no convergence")
        if k == 3.25:
            return [[P, float("nan"), k], [1.0]]
        if config.get("die"):
            os._exit(1)
        return [[P, P * k, config.get("scale", 1.0) * k], [float(asked["sizes"])]]

    def supports_evaluate(self):
        return True

class Other(Field):
    pass

umbridge.um.web.run_app = partial(umbridge.um.web.run_app, host="127.0.0.1", print=None)
threading.Timer(120, os._exit, [0]).start()
umbridge.serve_models([Field("field"), Other("other")], int(sys.argv[1]))
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture
def address(project: Path) -> Iterator[str]:
    """Of a server that answers this machine only, for two minutes at most."""
    (project / "server.py").write_text(SERVER)
    port = free_port()
    with open(project / "server.log", "w") as log:
        process = subprocess.Popen([sys.executable, "server.py", str(port)], stdout=log, stderr=log)
    try:
        for _ in range(600):
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, (project / "server.log").read_text()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


CASES = [[1, 100], [2, 150], [4, 200], [3, 120]]
FIELD = {"umbridge_model": "field", "outputs": ["0"], "umbridge_config": {"scale": 2.0}}


def test_a_server_is_asked_and_its_failures_are_told(address: str, simulator: Build) -> None:
    dataset = simulator(umbridge=address, at_once=2, candidates=[*CASES, [3.25, 110]], **FIELD)
    data = dataset.label(range(5))
    assert [call.status for call in dataset.calls.each] == [COMPLETE, COMPLETE, FAILED, COMPLETE, FAILED]
    assert dataset.calls.each[4].reason == "the server answered with nan, which is no number"
    assert (
        "did not answer with JSON" in dataset.calls.each[2].reason or "no convergence" in dataset.calls.each[2].reason
    )
    np.testing.assert_array_equal(data.values[..., 0], np.array([[100, 150, 120], [100, 300, 360], [2, 4, 6]]))


def test_sizes_are_asked_once_whatever_the_number_of_callers(address: str, simulator: Build) -> None:
    dataset = simulator(
        umbridge=address, at_once=2, umbridge_model="field", outputs=["1"], candidates=[[1, 100], [2, 150], [3, 120]]
    )
    # The server counts: its own check of each of the three requests asks once more, but nothing of ours does.
    assert np.ptp(dataset.label(range(3)).values) <= 2


def test_a_model_must_be_named_where_there_are_several(address: str, simulator: Build) -> None:
    for name, said in (("", "has several models"), ("felt", "has no model 'felt'")):
        with pytest.raises(BinnError, match=f"{said}; name one with dataset.umbridge_model: field, other"):
            simulator(umbridge=address, umbridge_model=name, candidates=[[1, 100], [2, 150]]).label([0])


def test_a_server_that_dies_in_the_middle_keeps_what_it_gave(address: str, simulator: Build) -> None:
    cases = [[1, 100], [2, 150], [3, 120]]
    before = simulator(umbridge=address, candidates=cases, **FIELD)
    before.label([0])
    dying = simulator(umbridge=address, candidates=cases, **{**FIELD, "umbridge_config": {"die": True}})
    with pytest.raises((BinnError, DataError), match=r"no longer answers|none of the 1 calls"):
        dying.label([1])
    again = simulator(umbridge=address, candidates=cases, **FIELD)
    np.testing.assert_array_equal(again.label([0]).values, before.label([0]).values)
    with pytest.raises(BinnError, match=r"no UM-Bridge server answers|no longer answers"):
        again.label([2])
