"""What a campaign withstands: its driver or its solver killed at random moments, a solver that fails and hangs."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from binn_cli.config.compose import Settings
from binn_cli.datasets.calls import COMPLETE, FAILED, TIMED_OUT
from binn_cli.errors import BinnError
from binn_cli.results import store
from binn_cli.results.record import RunRecord
from binn_cli.sweeps.isolation import warm_up
from tests.sweeps.heavy import Tally, in_a_process, run_checks, settings_of

PROGRAM = """
import os, sys, time
name, pause, k, P, out = sys.argv[1], *map(float, sys.argv[2:5]), sys.argv[5]
notes = os.path.join(os.path.dirname(os.path.abspath(__file__)), name + ".notes")

def note(word):
    log = os.open(notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(log, f"{word} {k!r} {P!r} {os.getpid()}\\n".encode())
    os.close(log)

note("begin")
rows = ["x,u"] + [f"{x!r},{k * x + P * x * x!r}" for x in (0.0, 0.5, 1.0)]
with open(out, "w") as file:
    for row in rows:
        file.write(row + "\\n")
        file.flush()
        time.sleep(pause)
note("end")
os._exit(0)
"""
LIGHT = [
    *("model.modes=1", "model.centers=5", "model.length=2", "model.stretch=0", "model.sweeps=2"),
    *("output.figures=false", "task=active_learn", "task.acquisition=maximin", "dataset=simulator"),
    *("dataset.parameters={k: [1, 4], P: [100, 200]}", "dataset.outputs=[u]"),
]
ORPHAN_SECONDS = 30.0
"""How long what a killed driver has left may take to end."""


def campaign(directory: Path, name: str, rounds: int, pause: float) -> Settings:
    """A run that calls the program, with a place of its own for what is computed."""
    program = directory / "solver.py"
    if not program.exists():
        program.write_text(PROGRAM)
    # Not the path of its notes: a file that the command names is part of what the solver is.
    words = [sys.executable, "-S", str(program), name, str(pause), "{k}", "{P}", "{output}"]
    command = ", ".join(json.dumps(word) for word in words)
    return settings_of(
        *LIGHT,
        f"task.rounds={rounds}",
        *("task.batch=2", "dataset.at_once=2", "dataset.initial_cases=4", "dataset.retries=3"),
        f"dataset.command=[{command}]",
        f"dataset.store={directory / name}.calls",
    )


def solver_kills(count: int, directory: Path, rounds: int = 3, pause: float = 0.04, seed: int = 0) -> Tally:
    """SIGKILL for the driver or for a running solver at random moments: no finished simulation is lost or made twice,
    every file is whole, and the run ends with the numbers of one that nobody disturbed."""
    warm_up()
    tally, draw, duration = Tally(), random.Random(seed), 0.0
    for name in ("warm", "reference") if count > 10 else ("reference",):
        settings = campaign(directory, name, rounds, pause)
        began = time.monotonic()
        in_a_process(settings, directory / name, False).join()  # type: ignore[attr-defined]
        duration = time.monotonic() - began
    reference = store.read(directory / "reference" / "results.h5")
    assert reference.status == "complete", reference.reason
    for number in range(count):
        name = f"kill_{number}"
        settings = campaign(directory, name, rounds, pause)
        victim = "driver" if number % 2 == 0 else "solver"
        process = in_a_process(settings, directory / name, False)
        time.sleep(draw.uniform(0.0, duration))
        if victim == "driver":
            process.kill()  # type: ignore[attr-defined]
        else:
            tally.counts["solvers killed"] += _killed_solver(directory / f"{name}.notes", process)
        if victim == "driver":
            process.join()  # type: ignore[attr-defined]
            tally.counts["drivers killed"] += process.exitcode == -signal.SIGKILL  # type: ignore[attr-defined]
            _require_whole(directory, name, tally)
            path = directory / name / "results.h5"
            if not path.exists() or store.read(path).status != "complete":
                in_a_process(settings, directory / name, path.exists()).join()  # type: ignore[attr-defined]
        else:
            process.join()  # type: ignore[attr-defined]
        _judge(directory, name, reference, tally)
        if count > 10:
            print(f"  {name}: {victim}; {len(tally.failures)} failures so far {tally.failures[-1:]}", flush=True)
    return tally


def _killed_solver(notes: Path, process: object) -> bool:
    """SIGKILL for a solver that runs now, or the next one to run; False where the run ends before."""
    while process.is_alive():  # type: ignore[attr-defined]
        for number in _running(notes):
            with contextlib.suppress(OSError):
                if notes.stem.encode() in Path(f"/proc/{number}/cmdline").read_bytes():
                    os.kill(number, signal.SIGKILL)
                    return True
        time.sleep(0.002)
    return False


def _noted(notes: Path) -> list[list[str]]:
    return [line.split() for line in notes.read_text().splitlines()] if notes.exists() else []


def _running(notes: Path) -> list[int]:
    """The processes that have begun a case and not ended it."""
    lines = _noted(notes)
    ended = {line[3] for line in lines if line[0] == "end"}
    return [int(line[3]) for line in lines if line[0] == "begin" and line[3] not in ended][::-1]


def _require_whole(directory: Path, name: str, tally: Tally) -> None:
    """Every file that a reader may open is whole, at any moment."""
    for record in (directory / f"{name}.calls").glob("*/*/call.json"):
        try:
            found = json.loads(record.read_text())
        except ValueError:
            tally.failures.append(f"{record}: half written")
            continue
        last = found["attempts"][-1]
        output = record.parent / last["directory"] / "output.csv"
        if last["status"] == COMPLETE and (not output.exists() or output.read_text().count("\n") != 4):
            tally.failures.append(f"{output}: its call has ended, but it is not whole")
        tally.counts["records of calls read"] += 1
    path = directory / name / "results.h5"
    if path.exists():
        try:
            store.read(path)
            tally.counts["results read after a kill"] += 1
        except BinnError as error:
            tally.failures.append(f"{name}: {error}")


def _judge(directory: Path, name: str, reference: RunRecord, tally: Tally) -> None:
    """What became of a campaign in the end."""
    notes = directory / f"{name}.notes"
    deadline = time.monotonic() + ORPHAN_SECONDS
    while any(Path(f"/proc/{number}").exists() for number in _running(notes)) and time.monotonic() < deadline:
        time.sleep(0.01)
    _require_whole(directory, name, tally)
    lines = Counter((line[0], *line[1:3]) for line in _noted(notes))
    finished = {case[1:]: made for case, made in lines.items() if case[0] == "end"}
    tally.counts["simulations finished"] += len(finished)
    tally.counts["simulations begun and not finished"] += sum(
        made for case, made in lines.items() if case[0] == "begin"
    ) - sum(finished.values())
    for case, made in finished.items():
        if made > 1:
            tally.failures.append(f"{name}: {case} was computed {made} times")
    record = store.read(directory / name / "results.h5")
    tally.agreed(reference, directory / name / "results.h5", name)
    if record.calls is None or reference.calls is None:
        return
    calls, whole = ([(c.parameters, c.status, c.round) for c in r.calls.each] for r in (record, reference))
    if calls != whole:
        tally.failures.append(f"{name}: its calls are not those of the undisturbed run")
    known = {tuple(map(repr, call.parameters)) for call in record.calls.each if call.status == COMPLETE}
    for case in set(finished) - known:
        tally.failures.append(f"{name}: {case} was finished and is lost")


def failing_solvers(directory: Path, seeds: int = 8, rounds: int = 8) -> Tally:
    """A solver that fails on 15 % of its cases and hangs on 2 %: the run ends, all failures are listed, and its error
    is that of a solver without failures that has given as many answers."""
    (directory / "trouble.py").write_text(TROUBLE)
    tally, ratios = Tally(), []
    before = Path.cwd()
    os.chdir(directory)
    try:
        for seed in range(seeds):
            errors, more = {}, rounds
            for kind in ("failing", "sound"):  # the second gets as many answers
                settings = settings_of(
                    *("task=active_learn", "dataset=simulator", f"dataset.callable=trouble:{kind}"),
                    *("dataset.parameters={x: [-5, 10], y: [0, 15]}", "dataset.outputs=[f]", "dataset.timeout=2"),
                    *("task.batch=4", f"task.rounds={more}", f"seed={seed}", "dataset.at_once=4"),
                    *("task.initial=12", "output.figures=false"),
                )
                in_a_process(settings, directory / f"{kind}_{seed}", False).join()  # type: ignore[attr-defined]
                record = store.read(directory / f"{kind}_{seed}" / "results.h5")
                if record.status != "complete" or record.calls is None:
                    tally.failures.append(f"{kind} {seed}: {record.status} ({record.reason})")
                    continue
                errors[kind] = _error_of(directory / f"{kind}_{seed}")
                if kind == "failing":
                    _list_failures(record, tally)
                    more = max(1, (record.calls.count(COMPLETE) - 12) // 4)
            if len(errors) == 2:
                ratios.append(errors["failing"] / errors["sound"])
                print(f"  seed {seed}: error {errors['failing']:.3g} against {errors['sound']:.3g}", flush=True)
    finally:
        os.chdir(before)
    middle = float(np.exp(np.mean(np.log(ratios))))
    tally.counts |= {f"seeds; ratio of errors {middle:.2f} (geometric mean), largest {max(ratios):.2f}": len(ratios)}
    if middle > 1.5:
        tally.failures.append(f"the error is {middle:.2f} times that without failures")
    return tally


TROUBLE = """
import hashlib, time
import numpy as np

def sound(x, y):
    well = (y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6) ** 2
    return float(well + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10)

def failing(x, y):
    luck = int(hashlib.sha256(f"{x!r} {y!r}".encode()).hexdigest()[:8], 16) / 2**32
    if luck < 0.15:
        raise ValueError("no convergence")
    if luck < 0.17:
        time.sleep(600)
    return sound(x, y)
"""


def _error_of(run: Path) -> float:
    """RMSE at random points of the whole domain."""
    import binn_cli

    scope: dict[str, object] = {}
    exec(TROUBLE, scope)
    points = np.random.default_rng(1).uniform([-5, 0], [10, 15], size=(2000, 2))
    truth = np.array([scope["sound"](*point) for point in points])  # type: ignore[operator]
    mean = binn_cli.load(run).predict(points)["mean"].values[:, 0]
    return float(np.sqrt(np.mean((mean - truth) ** 2)))


def _list_failures(record: RunRecord, tally: Tally) -> None:
    assert record.calls is not None
    expected: dict[str, object] = {}
    exec(TROUBLE, expected)
    import hashlib

    for call in record.calls.each:
        x, y = call.parameters
        luck = int(hashlib.sha256(f"{x!r} {y!r}".encode()).hexdigest()[:8], 16) / 2**32
        should = FAILED if luck < 0.15 else TIMED_OUT if luck < 0.17 else COMPLETE
        tally.counts[f"calls {call.status}"] += 1
        if call.status != should or (should != COMPLETE and not call.reason):
            tally.failures.append(f"{call.parameters}: {call.status} ({call.reason}), but should be {should}")


def main(names: list[str]) -> int:
    """Run the checks and print what came out."""
    checks = {"solver_kills": lambda directory: solver_kills(200, directory), "failing_solvers": failing_solvers}
    return run_checks({name: checks[name] for name in names or checks})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
