"""What several processes need is made by one, and nobody waits for a dead one."""

from __future__ import annotations

import fcntl
import subprocess
import sys
import time
from pathlib import Path

import pytest

from binn_cli.datasets import once
from binn_cli.datasets.heat import Heat
from binn_cli.datasets.once import made_once
from tests.datasets.test_dataset_conformance import HEAT

MAKE = """
import sys, time
from pathlib import Path
from binn_cli.datasets.once import made_once
path = Path(sys.argv[1])
with made_once(path):
    if not path.exists():
        time.sleep(0.3)
        path.write_text("made")
        print("made")
"""


def test_one_of_many_makes_it(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MAKE, str(tmp_path / "new" / "thing")]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert sorted(process.communicate()[0] for process in processes) == ["", "", "", "made\n"]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["thing"]


def test_another_goes_on_when_the_first_is_killed(tmp_path: Path) -> None:
    script = MAKE.replace("time.sleep(0.3)", "print('at it', flush=True); time.sleep(60)")
    first = subprocess.Popen([sys.executable, "-c", script, str(tmp_path / "thing")], stdout=subprocess.PIPE, text=True)
    assert first.stdout is not None and first.stdout.readline() == "at it\n"
    said: list[str] = []
    began = time.monotonic()
    with made_once(tmp_path / "thing", lambda message, done, total: (said.append(message), first.kill())):
        assert not (tmp_path / "thing").exists()
    assert said[0] == "waiting for another process that makes thing" and time.monotonic() - began < 20
    first.wait()


def test_a_lock_that_stays_after_a_crash_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(once, "SILENT_SECONDS", 0.5)
    monkeypatch.setattr(once, "BEAT_SECONDS", 0.1)
    with (tmp_path / ".thing.lock").open("ab") as stuck:
        fcntl.flock(stuck, fcntl.LOCK_EX)  # as the server of a network file system may keep it
        with made_once(tmp_path / "thing"):
            pass
    assert "its process has been silent for 0.5 s" in caplog.text
    with made_once(tmp_path / "other"):
        before = (tmp_path / ".other.lock").stat().st_mtime_ns
        time.sleep(0.4)
        assert (tmp_path / ".other.lock").stat().st_mtime_ns > before, "a living process gives signs"


def test_without_a_directory_or_locks_nobody_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entered = []
    with made_once(None), made_once(Path("/dev/null/x/thing")):
        entered.append("no directory")

    def none(*_: object) -> None:
        raise OSError(38, "no locks")

    monkeypatch.setattr(fcntl, "flock", none)
    with made_once(tmp_path / "thing"), made_once(tmp_path / "thing"):
        entered.append("no locks")
    assert entered == ["no directory", "no locks"]


SOLVE = """
import sys
from dataclasses import replace
from binn_cli.datasets.heat import Heat
from tests.datasets.test_dataset_conformance import HEAT
dataset = Heat(replace(HEAT, cache=sys.argv[1]), 0)
dataset.training(), dataset.evaluation()
print(dataset.solves)
"""


def test_two_runs_share_the_solutions_of_heat(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SOLVE, str(tmp_path)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    solved = [int(process.communicate()[0]) for process in processes]
    alone = Heat(HEAT, 0)
    alone.training(), alone.evaluation()
    assert sum(solved) == alone.solves
