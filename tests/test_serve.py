"""`binn serve` against the client of the package `umbridge`: the numbers of `binn_cli.load`, exact derivatives, no
other machine."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import umbridge

import binn_cli
from binn_cli.cli import main
from binn_cli.config.schema import SimulatorConfig
from binn_cli.datasets.simulator.dataset import Simulator
from tests.datasets.simulator.test_umbridge import free_port


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("served")
    options = ["model=binn", "budget=smoke", "output.figures=false", f"output.root={root}"]
    assert main(["run", "dataset=sine", "task=regress", *options]) == 0
    return next(root.iterdir())


@pytest.mark.slow
def test_clients_get_what_the_surrogate_says(run: Path) -> None:
    port = free_port()
    command = [sys.executable, "-m", "binn_cli", "serve", str(run), "--port", str(port)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(600):
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None, process.stderr
            time.sleep(0.1)
        url = f"http://127.0.0.1:{port}"
        assert umbridge.supported_models(url) == ["surrogate"]
        model = umbridge.HTTPModel(url, "surrogate")
        assert (model.get_input_sizes(), model.get_output_sizes()) == ([1], [1, 1])
        learned = binn_cli.load(run)
        for x in (0.1, 0.75):
            expected = learned.predict(np.array([[x]]))
            np.testing.assert_allclose(
                model([[x]]), [expected["mean"].values[0], expected["std_total"].values[0]], rtol=1e-12
            )
            slope = learned.gradient(np.array([[x]])).values[0, 0, 0]
            assert model.gradient(0, 0, [[x]], [2.0]) == pytest.approx([2 * slope])
            assert model.apply_jacobian(0, 0, [[x]], [3.0]) == pytest.approx([3 * slope])
            step = 1e-5
            assert slope == pytest.approx(
                (model([[x + step]])[0][0] - model([[x - step]])[0][0]) / (2 * step), rel=1e-4
            )
        cases = {"candidates": [[0.1], [0.5], [0.75]], "store": str(run / "calls")}
        leaves = {"parameters": {"x": [0, 1]}, "outputs": ["0"], "umbridge": url, **cases}
        ours = Simulator(SimulatorConfig(**leaves), 0).label([0, 1])
        np.testing.assert_allclose(
            ours.values.ravel(), learned.predict(np.array([[0.1], [0.5]]))["mean"].values.ravel(), rtol=1e-12
        )
        with pytest.raises(ValueError, match="line 1 column"):  # the client expects JSON of a failure too
            model([["three"]])
        assert main(["serve", str(run), "--port", str(port)]) == 1, "it is in use"
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        said = process.stderr.read()
        assert f"http://127.0.0.1:{port}: one vector of inputs (x)" in said
        assert "a request could not be answered: inputs must be numbers, not ['three']" in said
        assert "Traceback" not in said
    finally:
        process.kill()
        process.wait()


def test_a_port_in_use_and_one_that_is_none(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert main(["serve", str(run), "--port", str(taken.getsockname()[1])]) == 1
    assert "cannot be listened on" in capsys.readouterr().err
    with pytest.raises(SystemExit) as leaving:
        main(["serve", str(run), "--port", "70000"])
    assert leaving.value.code == 2
