"""Calls of solvers: by command and by callable, what is kept of them, and what happens when they go wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest

from binn_cli.datasets.calls import COMPLETE, FAILED, SIMULATED, STORED, TIMED_OUT
from binn_cli.datasets.simulator.call_store import read_record
from binn_cli.datasets.simulator.dataset import Simulator
from binn_cli.errors import BinnError, ConfigError, DataError

Build = Callable[..., Simulator]
PYTHON = sys.executable
PROGRAM = """
import sys, time
k, P, out = float(sys.argv[1]), sys.argv[2], sys.argv[3]
with open({notes!r}, "a") as file:
    file.write(f"{{k!r}}\\n")
for line in range(10):
    print("a complaint", line, file=sys.stderr)
{body}
open(out, "w").write(f"u\\n{{k!r}}\\n")
"""
WHOLE = {"k": {"integer": [0, 9]}, "P": [100, 200]}


def program(project: Path, body: str = "") -> str:
    (project / "solver.py").write_text(PROGRAM.format(notes=str(project / "notes"), body=body))
    return f"{PYTHON} solver.py {{k}} {{P}} {{output}}"


def notes(project: Path) -> list[str]:
    return (project / "notes").read_text().split() if (project / "notes").exists() else []


def test_a_program_gives_the_numbers_that_it_writes(project: Path, simulator: Build) -> None:
    dataset = simulator(command=program(project), at_once=2)
    rows = dataset.begin_with(5)
    data = dataset.label(rows)
    np.testing.assert_array_equal(data.values[:, 0], dataset.candidates.points[list(rows), 0])
    assert data.inputs == ("k", "P") and [call.status for call in dataset.calls.each] == [COMPLETE] * 5
    assert all(call.source == SIMULATED and call.seconds > 0 and call.attempts == 1 for call in dataset.calls.each)
    directory = project / "data" / "calls" / dataset.calls.each[0].directory / "attempt-1"
    assert (directory / "stderr.txt").read_text().count("a complaint") == 10
    environment = json.loads((directory / "environment.json").read_text())
    assert environment["directory"] == str(directory) and "PATH" in environment["variables"]


def test_what_was_computed_is_never_computed_again(project: Path, simulator: Build) -> None:
    command = program(project)
    first = simulator(command=command)
    first.label(first.begin_with(4))
    assert len(notes(project)) == 4
    again = simulator(command=command, at_once=3)
    data = again.label(again.begin_with(4))
    assert len(notes(project)) == 4 and {call.source for call in again.calls.each} == {STORED}
    np.testing.assert_array_equal(data.values, first.label(first.begin_with(4)).values)
    # Another solver, other results.
    for leaves in ({"version": "2"}, {"environment": {"A": "1"}}, {"command": program(project, "k = k + 1")}):
        other = simulator(**{"command": command, **leaves})
        other.label(other.begin_with(1))
        assert other.calls.each[0].source == SIMULATED
    assert len(notes(project)) == 7


def test_two_processes_share_what_they_compute(project: Path, simulator: Build) -> None:
    command = program(project, "time.sleep(0.2)")
    both = [simulator(command=command, at_once=2) for _ in range(2)]
    threads = [threading.Thread(target=dataset.label, args=(dataset.begin_with(6),)) for dataset in both]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(notes(project)) == 6
    assert sum(call.source == SIMULATED for dataset in both for call in dataset.calls.each) >= 6


def test_failures_are_recorded_with_their_reasons_and_the_others_go_on(project: Path, simulator: Build) -> None:
    body = """
if k == 1: raise ValueError("no \x1b[31mconvergence\x1b[0m\x07")
if k == 2: sys.exit(0)
if k == 3: open(out, "w").write("u\\nnan\\n"); sys.exit(0)
if k == 4: open(out, "w").write("x,u\\n0,1\\n1,2\\n"); sys.exit(0)
if k == 5: import os, signal; os.kill(os.getpid(), signal.SIGKILL)
if k == 6: time.sleep(60)
if k == 7: open(out, "w").close(); sys.exit(0)
if k == 8: open(out, "w").write("w\\n1\\n"); sys.exit(0)
"""
    dataset = simulator(
        command=program(project, body), parameters=WHOLE, candidates={"k": None, "P": [150]}, timeout=4, at_once=2
    )
    data = dataset.label(range(10))
    assert sorted(data.values[:, 0].tolist()) == [0.0, 9.0]
    reasons = {call.parameters[0]: (call.status, call.reason) for call in dataset.calls.each}
    expected = {
        1: (FAILED, "ended with status 1: ValueError: no convergence"),
        2: (FAILED, "output.csv is missing: it did not write it: a complaint 9"),
        3: (FAILED, "'u' is nan"),
        4: (FAILED, "has values at 2 points, but the cases before it have values at 1 point"),
        5: (FAILED, "was ended by signal 9 (SIGKILL)"),
        6: (TIMED_OUT, "took longer than the 4 s that dataset.timeout allows"),
        7: (FAILED, "left it empty"),
        8: (FAILED, "there is no 'u'"),
    }
    for k, (status, part) in expected.items():
        assert reasons[k][0] == status and part in reasons[k][1], reasons[k]
    # They are not asked again unless somebody says so.
    count = len(notes(project))
    simulator(command=program(project, body), parameters=WHOLE, candidates={"k": None, "P": [150]}, timeout=4).label(
        range(10)
    )
    assert len(notes(project)) == count
    again = simulator(
        command=program(project, body),
        parameters=WHOLE,
        candidates={"k": None, "P": [150]},
        timeout=4,
        again=True,
        at_once=2,
    )
    again.label(range(10))
    assert len(notes(project)) == count + 5  # those that ended well wrote something, though it cannot be used


def test_a_retry_may_succeed(project: Path, simulator: Build) -> None:
    fails = f"if len(open({str(project / 'notes')!r}).read().split()) % 3: sys.exit(1)"
    dataset = simulator(command=program(project, fails), retries=2)
    dataset.label(dataset.begin_with(2))
    assert [(call.status, call.attempts) for call in dataset.calls.each] == [(COMPLETE, 3)] * 2


def test_a_callable_that_goes_wrong(project: Path, simulator: Build) -> None:
    dataset = simulator(
        callable="functions:awkward", parameters=WHOLE, candidates={"k": None, "P": [150]}, timeout=3, at_once=2
    )
    data = dataset.label(range(10))
    assert sorted(data.values[:, 0].tolist()) == [150.0, 158.0, 159.0]
    reasons = {call.parameters[0]: (call.status, call.reason) for call in dataset.calls.each}
    expected = {
        1: (FAILED, "raised ValueError: no convergence at all"),
        2: (FAILED, "'u' is nan"),
        3: (FAILED, "has values at 2 points, but the cases before it have values at 1 point"),
        4: (TIMED_OUT, "took longer than the 3 s"),
        5: (FAILED, "the process that ran it ended with status 3"),
        6: (FAILED, "returned str, which is not an array of real numbers"),
        7: (FAILED, "raised SystemExit"),
    }
    for k, (status, part) in expected.items():
        assert reasons[k][0] == status and part in reasons[k][1], reasons[k]


def test_a_callable_gives_fields_and_leaves_what_it_prints(
    project: Path, simulator: Build, capfd: pytest.CaptureFixture[str]
) -> None:
    dataset = simulator(callable="functions:decay", outputs=["u", "v"])
    data = dataset.label(dataset.begin_with(3))
    assert data.inputs == ("x", "k", "P") and data.values.shape == (6, 3, 2)
    k, p = data.axes[1].points.T
    np.testing.assert_allclose(
        data.values[..., 0], p * np.exp(-np.multiply.outer(data.axes[0].points[:, 0], k)), rtol=1e-14
    )
    assert capfd.readouterr().out == ""
    assert [path.read_text() for path in project.glob("data/calls/*/*/attempt-1/stdout.txt")] == [
        "a line for stdout\n"
    ] * 3


def test_every_call_has_a_directory_of_its_own_with_links_to_its_files(project: Path, simulator: Build) -> None:
    (project / "factor.txt").write_text("10")
    dataset = simulator(callable="functions:relative", files=["factor.txt"], at_once=2)
    data = dataset.label(dataset.begin_with(4))
    np.testing.assert_allclose(data.values[:, 0], 10 * data.axes[-1].points[:, 0])
    assert (
        len(list(project.glob("data/calls/*/*/attempt-1/scratch.txt"))) == 4 and not (project / "scratch.txt").exists()
    )
    (project / "factor.txt").write_text("20")
    changed = simulator(callable="functions:relative", files=["factor.txt"])
    assert changed.identity() != dataset.identity()
    np.testing.assert_allclose(changed.label(changed.begin_with(1)).values[:, 0], 20 * changed.candidates.points[0, 0])


def test_a_template_is_filled_in_for_every_call(project: Path, simulator: Build) -> None:
    (project / "input.txt").write_bytes(b'k = {k:.17g}\nwhere = {output}\njson = {"a": {P}}\r\n')
    (project / "read.py").write_text(
        "import sys\nlines = open(sys.argv[1]).read().split('\\n')\n"
        "open(lines[1].split(' = ')[1], 'w').write('u\\n' + lines[0].split(' = ')[1])\n"
    )
    dataset = simulator(command=f"{PYTHON} read.py {{input}}", template="input.txt")
    data = dataset.label(dataset.begin_with(2))
    np.testing.assert_array_equal(data.values[:, 0], data.axes[-1].points[:, 0])
    (filled, _) = project.glob("data/calls/*/*/attempt-1/input.txt")
    assert filled.read_bytes().endswith(b"}\r\n")
    with pytest.raises(ConfigError, match=r"dataset.template: input.txt, line 2: there is no parameter for \{kk\}"):
        (project / "input.txt").write_text("{k} {P}\n{kk}\n")
        simulator(command=f"{PYTHON} read.py {{input}}", template="input.txt")


def test_shell_characters_in_names_and_values_mean_nothing(project: Path, simulator: Build) -> None:
    name, text = "k; touch hacked", "$(touch hacked) && touch hacked"
    (project / "echo.py").write_text("import sys\nopen(sys.argv[2], 'w').write('u\\n%d\\n' % len(sys.argv[1]))\n")
    dataset = simulator(
        command=f"{PYTHON} echo.py {{{name}}} {{output}}",
        parameters={name: {"choice": [text, "b"]}},
        candidates={name: None},
    )
    values = dataset.label(range(2)).values[:, 0]
    assert values.tolist() == [len(text), 1]
    assert not list(project.rglob("hacked")) and len(list(project.glob("data/calls/*/*/call.json"))) == 2
    assert dataset.calls.choices == {name: [text, "b"]}


def test_whole_numbers_and_choices_reach_a_callable_as_such(simulator: Build) -> None:
    parameters = {"k": [1, 4], "material": {"choice": ["steel", "copper"]}, "n": {"integer": [1, 3]}}
    dataset = simulator(callable="functions:materials", parameters=parameters)
    data = dataset.label(dataset.begin_with(6))
    k, material, n = data.axes[-1].points.T
    np.testing.assert_allclose(data.values[:, 0], k * n * np.where(material == 0, 2, 1))
    assert data.axes[-1].units == ("", "0 = steel, 1 = copper", "")


@pytest.mark.parametrize(
    ("leaves", "said"),
    [
        ({"callable": "nowhere:f"}, "dataset.callable: there is no Python module 'nowhere'"),
        ({"callable": "functions:nothing"}, "the module 'functions' has no 'nothing'"),
        ({"callable": "functions:X"}, "is no function"),
        ({"callable": "broken:f"}, r"the module 'broken' cannot be imported \(ZeroDivisionError"),
        ({"command": "no-such-program {k} {P}"}, "there is no program 'no-such-program'"),
        ({"command": "python s.py {k}"}, r"does not have the placeholder \{P\}"),
        ({"command": "python s.py {k} {P} {q}"}, r"there is no parameter for \{q\}"),
        ({"command": "python s.py {k} {P} {input}"}, r"there is no parameter for \{input\}"),
        ({"command": "./plain.txt {k} {P}"}, "plain.txt may not be executed"),
        ({"command": "python s.py {k} {P}", "callable": "a:b"}, "in one way"),
        ({"callable": "module"}, "must be module:function"),
        ({"callable": "functions:number", "files": ["absent"]}, "names 'absent', which is not there"),
        ({"callable": "functions:number", "outputs": []}, "names no output"),
        ({"callable": "functions:number", "parameters": None}, "names no parameter"),
        ({"callable": "functions:number", "outputs": ["k"]}, "'k', which dataset.parameters names too"),
        ({"command": "python {k} {P}", "output": "/tmp/x"}, "must be a file in the working directory"),
        ({"callable": "functions:number", "outputs": [""]}, "dataset.outputs: must hold names"),
        ({"callable": "functions:number", "environment": {"A=B": 1}}, "dataset.environment: cannot set 'A=B' to 1"),
        ({"callable": "functions:number", "environment": {"A": [1]}}, "a name without = gets a text or a number"),
        ({"command": "python {k} {P}", "output": "."}, "must be a file in the working directory"),
        ({"umbridge": "localhost:1"}, "must be an address"),
        ({"umbridge": "http://127.0.0.1:1", "parameters": {"m": {"choice": ["a", "b"]}}}, "takes numbers only"),
    ],
)
def test_a_solver_that_cannot_be_called_is_refused(
    project: Path, simulator: Build, leaves: dict[str, object], said: str
) -> None:
    (project / "broken.py").write_text("1 / 0\n")
    (project / "plain.txt").write_text("")
    with pytest.raises(BinnError, match=said):
        dataset = simulator(**leaves)
        dataset.label(dataset.begin_with(1))


def test_if_nothing_succeeds_the_first_reason_is_told(simulator: Build) -> None:
    dataset = simulator(callable="functions:awkward", parameters={"k": {"integer": [6, 7]}, "P": [1, 2]})
    with pytest.raises(DataError, match="none of the 2 calls of the solver gave a result; the first reason: r"):
        dataset.label(dataset.begin_with(2))


def test_a_call_whose_driver_is_killed_is_finished_and_kept(project: Path, simulator: Build) -> None:
    command = program(project, "time.sleep(1.5)")
    driver = (
        "from binn_cli.config.schema import SimulatorConfig\nfrom binn_cli.datasets.simulator.dataset import "
        "Simulator\n"
        f"dataset = Simulator(SimulatorConfig(parameters={{'k': [1, 4], 'P': [100, 200]}}, outputs=['u'], "
        f"command={command!r}), 0)\n"
        "dataset.label(dataset.begin_with(1))\n"
    )
    running = subprocess.Popen([PYTHON, "-c", driver])
    deadline = time.monotonic() + 30
    while not notes(project) and time.monotonic() < deadline:
        time.sleep(0.02)
    running.send_signal(signal.SIGKILL)
    running.wait()
    dataset = simulator(command=command)
    dataset.label(dataset.begin_with(1))  # waits for the orphan instead of starting again
    assert len(notes(project)) == 1
    assert [len(read_record(path.parent).attempts) for path in project.glob("data/calls/*/*/call.json")] == [1]


def test_an_interruption_ends_what_runs(project: Path, simulator: Build) -> None:
    dataset = simulator(command=program(project, "time.sleep(30)\nopen(sys.argv[3] + '.late', 'w')"), at_once=2)
    pool = dataset._caller._pool

    def interrupt() -> None:
        deadline = time.monotonic() + 20
        while len(notes(project)) < 2 and time.monotonic() < deadline:
            time.sleep(0.02)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    threading.Thread(target=interrupt).start()
    before = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        dataset.label(dataset.begin_with(2))
    assert time.monotonic() - before < 25 and all(process.process.poll() is not None for process in pool._busy)
    assert not list(project.glob("data/calls/*/*/call.json"))
    assert all(
        not any("solver.py" in word for word in process.cmdline())
        for process in psutil.Process().children(recursive=True)
    )
