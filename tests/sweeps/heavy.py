"""What sweeps withstand and what they cost: `python -m tests.sweeps.heavy [NAME…]` prints the figures.

`kills`, `sweep_kills`, `mixed`, `races` and `costs` take minutes each; a test runs short forms of the first two.
`python -m tests.sweeps.solver_kills` is its like for solvers of users.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from binn_cli.compiled_code import prepare_jax
from binn_cli.config.compose import Settings, read, validated
from binn_cli.errors import BinnError
from binn_cli.results import store
from binn_cli.results.agreement import NOT, differences, verdict_of
from binn_cli.results.fate import fate_of, fates_of
from binn_cli.results.holder import holder_of
from binn_cli.results.record import RunRecord
from binn_cli.sweeps.isolation import Request, warm_up
from binn_cli.sweeps.isolation import _context as context
from binn_cli.sweeps.isolation import _work as work
from tests.views.made_runs import made_run

BINN = [sys.executable, "-m", "binn_cli"]
POISSON = [
    *(
        "dataset=poisson",
        "task=active_learn",
        "dataset.grid=8",
        "dataset.candidates=20",
        "dataset.train_cases=4",
        "dataset.initial_cases=3",
    ),
    *("dataset.offgrid_points=50", "model.modes=2", "model.centers=5", "model.length=1.5", "model.padding=1"),
    *("model.stretch=0", "model.sweeps=4", "output.figures=false"),
]


@dataclass
class Tally:
    """What a check found.

    Attributes:
        counts: how often each outcome came.
        failures: sentences about what went wrong; none, if all is well.
    """

    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def agreed(self, reference: RunRecord, path: Path, what: str) -> None:
        """Count how the numbers of a run agree with those of an uninterrupted one."""
        record = store.read(path)
        if record.status != "complete":
            self.failures.append(f"{what}: {record.status} ({record.reason})")
            return
        verdict = verdict_of(differences(reference, record))
        self.counts[f"numbers agree {verdict}" if verdict != NOT else "numbers differ"] += 1
        if verdict == NOT:
            self.failures.append(f"{what}: the numbers differ")


def binn(*arguments: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    known = {**os.environ, **environment}
    return subprocess.run([*BINN, *arguments], cwd=cwd, env=known, capture_output=True, text=True)


def settings_of(*overrides: str) -> Settings:
    """Settings without a command line."""
    from hydra import compose, initialize_config_dir

    from binn_cli.config.store import conf_directory, register

    register()
    with initialize_config_dir(version_base="1.3", config_dir=str(conf_directory())):
        return validated(compose("config", list(overrides)))


def in_a_process(settings: Settings, directory: Path, resuming: bool) -> object:
    """Begin a run in a process that is forked as those of a sweep are."""
    prepare_jax()
    directory.mkdir(parents=True, exist_ok=True)
    ours, theirs = context().Pipe()
    request = Request(settings, directory, resuming, False, dict(os.environ))
    process = context().Process(target=work, args=(request, theirs), daemon=False)
    process.start()
    theirs.close()
    process.answers = ours  # kept open: its end would be the end of the run
    return process


def kills(count: int, directory: Path, rounds: int = 8, seed: int = 0) -> Tally:
    """SIGKILL at random moments of active learning on poisson: every file is readable, every run goes on to the same
    numbers."""
    warm_up()
    tally, draw = Tally(), random.Random(seed)
    settings = settings_of(*POISSON, f"task.rounds={rounds}")
    # Where there are many, the moments shall not all lie in the compilation of the first.
    for name in ("warm", "reference") if count > 10 else ("reference",):
        began = time.monotonic()
        process = in_a_process(settings, directory / name, False)
        process.join()  # type: ignore[attr-defined]
        duration = time.monotonic() - began
    reference = store.read(directory / "reference" / "results.h5")
    assert reference.status == "complete", reference.reason
    for number in range(count):
        run = directory / f"kill_{number}"
        process = in_a_process(settings, run, False)
        time.sleep(draw.uniform(0.0, duration))
        process.kill()  # type: ignore[attr-defined]
        process.join()  # type: ignore[attr-defined]
        _go_on(run, settings, reference, tally)
    return tally


def _go_on(run: Path, settings: Settings, reference: RunRecord, tally: Tally) -> None:
    """Look at a run that was killed, and let it go on."""
    path, resuming = run / "results.h5", True
    if not path.exists():
        tally.counts["killed before there was a file"] += 1
        resuming = False
    else:
        try:
            record = store.read(path)
        except BinnError as error:
            tally.failures.append(f"{run.name}: {error}")
            return
        tally.counts["readable"] += 1
        if record.status == "complete":
            tally.counts["complete before it was killed"] += 1
            resuming = False
        else:
            tally.counts[f"goes on after {len(record.steps)} steps"] += 1
            if fate_of(run).status not in ("interrupted", "failed"):
                tally.failures.append(f"{run.name}: its fate is {fate_of(run).status}")
            if read(run / "config.yaml").config_id != settings.config_id:
                tally.failures.append(f"{run.name}: its configuration is another one")
    if not path.exists() or store.read(path).status != "complete":
        process = in_a_process(settings, run, resuming)
        process.join()  # type: ignore[attr-defined]
    if list(run.glob(".results.h5.*.tmp")):
        tally.counts["leftovers of a writer stay"] += 1
    tally.agreed(reference, path, run.name)


def sweep_kills(count: int, directory: Path, jobs: int = 6, rounds: int = 3, seed: int = 0) -> Tally:
    """A sweep killed as a whole at random moments: what is resumed ends with the numbers of an uninterrupted one."""
    tally, draw = Tally(), random.Random(seed)
    command = ["run", "-m", *POISSON, f"task.rounds={rounds}", f"seed=range(0,{jobs})"]
    began = time.monotonic()
    done = binn(*command, "output.root=reference", cwd=directory)
    duration = time.monotonic() - began
    assert done.returncode == 0, done.stderr
    references = [store.read(directory / line) for line in done.stdout.splitlines()]
    assert len(references) == jobs
    for number in range(count):
        root = f"kill_{number}"
        process = subprocess.Popen(
            [*BINN, *command, f"output.root={root}"],
            cwd=directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(draw.uniform(0.0, duration))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        sweeps = sorted((directory / root).glob("*_sweep")) if (directory / root).exists() else []
        if sweeps and (sweeps[0] / "sweep.json").exists():
            fates = fates_of(sweeps[0])
            tally.counts.update(fate.status for fate in fates)
            done = binn("resume", str(sweeps[0]), cwd=directory)
        else:
            tally.counts["killed before there was a plan"] += 1
            done = binn(*command, f"output.root={root}", "resume=true", cwd=directory)
        if done.returncode != 0:
            tally.failures.append(f"{root}: {done.stderr.strip().splitlines()[-1]}")
            continue
        paths = [directory / line for line in done.stdout.splitlines()]
        if len(paths) != jobs:
            tally.failures.append(f"{root}: {len(paths)} results instead of {jobs}")
        for path, reference in zip(paths, references, strict=False):
            tally.agreed(reference, path, f"{root}/{path.parent.name}")
    return tally


def table(path: Path, rows: int = 40, seed: int = 0) -> Path:
    """A file of a user's."""
    values = np.random.default_rng(seed).uniform(size=(rows, 2))
    lines = ["x,y", *(f"{x:.6f},{np.sin(3 * x) + 0.1 * y:.6f}" for x, y in values)]
    path.write_text("\n".join(lines) + "\n")
    return path


def mixed(directory: Path) -> Tally:
    """24 jobs of which 3 raise, 1 is killed, 1 exceeds its time and 1 its memory; then again with the causes
    removed."""
    tally = Tally()
    names = [f"t{number:02}.csv" for number in range(24)]
    for number, name in enumerate(names):
        table(directory / name, seed=number)
    for name in names[3:6]:
        (directory / name).write_text("x,y\n1,2\n3,oops\n")
    for name in names[8:10]:
        (directory / name).unlink()
        os.mkfifo(directory / name)  # nobody writes: the run waits
    table(directory / names[12], rows=3_000_000)
    fast = [
        "model.modes=1",
        "model.centers=5",
        "model.length=2",
        "model.stretch=0",
        "model.sweeps=2",
        "output.figures=false",
    ]
    files = ",".join(names)
    command = ["run", "-m", "dataset=table", "task=regress", "dataset.outputs=[y]", f"dataset.path={files}", *fast]
    sweep = subprocess.Popen(
        [*BINN, *command, "limits.seconds=40", "limits.memory_gb=0.45"],
        cwd=directory,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    _kill_job(directory, names[8])
    out, said = sweep.communicate()
    (place,) = (directory / "outputs").glob("*_sweep")
    fates = fates_of(place)
    tally.counts.update(fate.status for fate in fates)
    for fate in fates:
        if not fate.succeeded:
            print(f"  job {fate.job}: {fate.status}: {fate.reason[:110]}")
    expected = {"complete": 18, "failed": 3, "killed": 1, "timed out": 1, "out of memory": 1}
    if dict(tally.counts) != expected or sweep.returncode != 1 or len(out.splitlines()) < 18:
        tally.failures.append(f"{dict(tally.counts)}, exit status {sweep.returncode}; {said[-300:]}")
    for number in (3, 4, 5, 8, 9, 12):
        (directory / names[number]).unlink()
        table(directory / names[number], seed=number)
    began = time.monotonic()
    planned = binn("resume", str(place), "dry_run=true", cwd=directory)
    tally.counts["ms until the plan stands"] = round(1000 * (time.monotonic() - began))
    summary = next((line for line in planned.stdout.splitlines() if line.startswith("would")), "")
    print(f"  {summary}")
    began = time.monotonic()
    done = binn("resume", str(place), "limits.memory_gb=null", "limits.seconds=null", cwd=directory)
    tally.counts["s for the six"] = round(time.monotonic() - began)
    again = fates_of(place)
    if done.returncode != 0 or [fate.status for fate in again] != ["complete"] * 24:
        tally.failures.append(f"after resuming: {Counter(fate.status for fate in again)}, {done.stderr[-300:]}")
    began = time.monotonic()
    binn("resume", str(place), cwd=directory)
    tally.counts["ms to skip all 24"] = round(1000 * (time.monotonic() - began))
    return tally


def _kill_job(directory: Path, name: str) -> None:
    """SIGKILL for the job that waits for a file, as soon as it runs."""
    deadline = time.monotonic() + 600
    while time.monotonic() < deadline:
        for path in (directory / "outputs").glob("*_sweep/*/job.json"):
            with contextlib.suppress(ValueError, OSError):
                job = json.loads(path.read_text())
                held = holder_of(path.parent)
                if (
                    any(name in override for override in job["overrides"])
                    and held
                    and (path.parent / "results.h5").exists()
                ):
                    time.sleep(0.5)
                    os.kill(held.pid, signal.SIGKILL)
                    return
        time.sleep(0.1)


def races(directory: Path) -> Tally:
    """Two sweeps into one root at once, and 16 starts in the same second: no collision, nothing lost."""
    tally = Tally()
    fast = ["dataset=sine", "task=regress", "model.modes=1", "model.centers=5", "model.length=2", "model.stretch=0"]
    fast += ["model.sweeps=2", "output.figures=false"]
    sweeps = [_begun(["run", "-m", *fast, "seed=0,1,2"], directory) for _ in range(2)]
    outs = [process.communicate()[0].splitlines() for process in sweeps]
    paths = {line for out in outs for line in out}
    tally.counts["results of two sweeps"] = len(paths)
    if len(paths) != 6 or any(process.returncode for process in sweeps):
        tally.failures.append(f"two sweeps: {outs}")
    # No fit, or two cores would be busy for minutes: a file that is not there ends each run once it has its directory.
    missing = ["run", "dataset=table", "dataset.path=no.csv", "dataset.outputs=[y]", "task=regress"]
    starts = [_begun(missing, directory / "r") for _ in range(16)]
    for process in starts:
        process.communicate()
    found = sorted((directory / "r" / "outputs").iterdir())
    tally.counts["directories of 16 starts"] = len(found)
    readable = [fate_of(run).status for run in found]
    if len(found) != 16 or readable != ["failed"] * 16:
        tally.failures.append(f"16 starts: {Counter(readable)}")
    seconds = Counter(re.sub(r"-\d+$", "", run.name.partition("_regress")[0]) for run in found)
    tally.counts["most in one second"] = max(seconds.values())
    return tally


def _begun(arguments: Sequence[str], directory: Path) -> subprocess.Popen[str]:
    directory.mkdir(exist_ok=True)
    return subprocess.Popen(
        [*BINN, *arguments], cwd=directory, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def costs(directory: Path) -> Tally:
    """`binn compare` of 1,000 runs, `binn show` of 40, and what the runner adds to each job."""
    tally = Tally()
    for number in range(1000):
        scores = {
            split: dict.fromkeys(("rmse", "nlpd", "crps", "coverage_95"), 0.1) for split in ("train", "test", "offgrid")
        }
        made_run(directory / "outputs" / f"{number:04}", seed=number // 10, model={"modes": number % 10}, scores=scores)
    first = _seconds(lambda: binn("compare", "outputs", cwd=directory))
    again = min(_seconds(lambda: binn("compare", "outputs", cwd=directory)) for _ in range(3))
    tally.counts |= {"ms compare 1000, first": round(1000 * first), "ms compare 1000, then": round(1000 * again)}
    forty = [f"outputs/{number:04}" for number in range(40)]
    show = min(_seconds(lambda: binn("show", *forty, cwd=directory)) for _ in range(3))
    tally.counts["ms show 40"] = round(1000 * show)
    tally.counts |= _of_a_job(directory)
    return tally


def _seconds(act: Callable[[], object]) -> float:
    began = time.monotonic()
    act()
    return time.monotonic() - began


def _of_a_job(directory: Path) -> Counter[str]:
    """Milliseconds of one more job in a sweep, and what they are made of."""
    fast = ["dataset=sine", "task=regress", "model.modes=1", "model.centers=5", "model.length=2", "model.stretch=0"]
    fast += ["model.sweeps=2", "output.figures=false"]
    few, many = 2, 8
    walls = {}
    for n in (few, many):
        command = ["run", "-m", *fast, f"seed=range(0,{n})", f"output.root=j{n}"]
        walls[n] = _seconds(lambda command=command: binn(*command, cwd=directory))
    each = (walls[many] - walls[few]) / (many - few)
    fates = [fate for place in (directory / f"j{many}").glob("*_sweep") for fate in fates_of(place)][1:]
    records = [store.read(fate.results, arrays=False) for fate in fates if fate.results is not None]
    inside = [sum(record.steps[0].timings.values()) for record in records]
    process = [fate.seconds for fate in fates]
    compose = _seconds(lambda: settings_of(*fast, "seed=1"))
    return Counter(
        {
            "ms one more job": round(1000 * each),
            "ms of it: fit, compilation, prediction": round(1000 * float(np.mean(inside))),
            "ms of it: process, files, scores": round(1000 * float(np.mean(process) - np.mean(inside))),
            "ms of it: planning and launching": round(1000 * (each - float(np.mean(process)))),
            "ms to compose once": round(1000 * compose),
        }
    )


CHECKS: dict[str, Callable[[Path], Tally]] = {
    "kills": lambda directory: kills(200, directory),
    "sweep_kills": lambda directory: sweep_kills(20, directory),
    "mixed": mixed,
    "races": races,
    "costs": costs,
}


def run_checks(checks: Mapping[str, Callable[[Path], Tally]]) -> int:
    """Run checks, each in a directory of its own, and print what came out; the exit status."""
    status = 0
    for name, check in checks.items():
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix=f"binn-{name}-") as directory:
            tally = check(Path(directory))
        load = os.getloadavg()[0]
        print(f"{name}: {time.monotonic() - began:.0f} s, load {load:.1f}")
        for outcome, count in sorted(tally.counts.items()):
            print(f"  {count:>6} {outcome}")
        for failure in tally.failures:
            print(f"  FAILED {failure}")
        status |= bool(tally.failures)
    return status


def main(names: Sequence[str]) -> int:
    """Run the named checks, or all."""
    return run_checks({name: CHECKS[name] for name in names or CHECKS})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
