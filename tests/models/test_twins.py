"""Work shared with a fork of this process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from binn_cli.models import cores, twins
from binn_cli.models.twins import side_by_side, twins_allowed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="there are forks on Linux only")

ALONE = "test_all_this_in_a_process_without_jax"


@pytest.fixture(autouse=True)
def two_cores_without_jax(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Other tests may have imported JAX, whose threads a fork may meet in the middle of something."""
    if "jax" in sys.modules and request.node.name != ALONE:
        pytest.skip("tested in a process of its own")
    monkeypatch.setattr(twins, "available_cores", lambda: 2)
    monkeypatch.setattr(cores, "available_cores", lambda: 2)


def children() -> str:
    with open(f"/proc/self/task/{threading.get_native_id()}/children", encoding="ascii") as file:
        return file.read()


def test_two_work_at_once_and_answers_are_in_order(tmp_path: Path) -> None:
    def met(item: int) -> tuple[int, int]:
        (tmp_path / str(item)).touch()
        deadline = time.monotonic() + 30
        while not (tmp_path / "0").exists() or not (tmp_path / "1").exists():  # nobody comes through alone
            assert time.monotonic() < deadline
            time.sleep(0.001)
        return item, os.getpid()

    with twins_allowed():
        found = side_by_side(met, range(5))
    assert [item for item, _ in found] == list(range(5))
    assert len({number for _, number in found}) == 2
    assert children() == ""


def test_who_is_free_takes_the_next() -> None:
    ours = os.getpid()

    def slow_here(_: int) -> int:
        if os.getpid() == ours:
            time.sleep(2)
        return os.getpid()

    with twins_allowed():
        assert side_by_side(slow_here, range(6)).count(ours) <= 2


def test_where_nobody_allowed_it_there_is_none() -> None:
    assert set(side_by_side(lambda _: os.getpid(), range(4))) == {os.getpid()}
    with twins_allowed():
        pass
    assert set(side_by_side(lambda _: os.getpid(), range(4))) == {os.getpid()}


def test_beside_jax_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jax", os)
    with twins_allowed():
        assert set(side_by_side(lambda _: os.getpid(), range(4))) == {os.getpid()}


def test_what_is_shared_out_is_not_shared_out_again() -> None:
    def processes(_: int) -> set[int]:
        threads = cores.on_two_cores(lambda _: threading.get_ident(), (0, 1))
        return {len(set(threads)), len(set(side_by_side(lambda _: os.getpid(), range(2))))}

    with twins_allowed():
        assert side_by_side(processes, range(4)) == [{1}] * 4


def test_what_a_twin_fails_to_do_is_done_here() -> None:
    ours = os.getpid()

    def work(item: int) -> int:
        if os.getpid() != ours:
            os.kill(os.getpid(), signal.SIGKILL)  # as the system does for its memory
        time.sleep(0.05)
        return item

    with twins_allowed():
        assert side_by_side(work, range(4)) == list(range(4))


def test_a_twin_that_says_nothing_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twins, "PATIENCE", 0.2)
    ours = os.getpid()

    def work(item: int) -> int:
        while os.getpid() != ours:  # as one does that waits for a lock which nobody will release
            time.sleep(0.1)
        return item

    with twins_allowed():
        assert side_by_side(work, range(4)) == list(range(4))
    assert children() == ""


def test_an_error_is_raised_wherever_it_happens() -> None:
    def fail(item: int) -> float:
        return 1 / (item - 1)

    with twins_allowed(), pytest.raises(ZeroDivisionError):
        side_by_side(fail, range(2))
    with twins_allowed(), pytest.raises(ZeroDivisionError):
        side_by_side(lambda item: 1 / item, range(2))
    assert children() == ""


def test_what_cannot_be_sent_is_found_here() -> None:
    with twins_allowed():
        assert [found() for found in side_by_side(lambda item: lambda: item, range(2))] == [0, 1]


def test_ctrl_c_ends_the_twin_at_once() -> None:
    ours = os.getpid()

    def work(_: int) -> None:
        if os.getpid() == ours:
            raise KeyboardInterrupt
        time.sleep(600)

    with twins_allowed(), pytest.raises(KeyboardInterrupt):
        side_by_side(work, range(2))
    assert children() == ""


def test_signals_are_heeded_as_before() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    with twins_allowed():
        side_by_side(lambda _: None, range(2))
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before


def test_one_core_does_all_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twins, "available_cores", lambda: 1)
    with twins_allowed():
        assert set(side_by_side(lambda _: os.getpid(), range(3))) == {os.getpid()}


def test_all_this_in_a_process_without_jax() -> None:
    if "jax" not in sys.modules or ALONE in os.environ:
        pytest.skip("this is such a process")
    table = Path(__file__).parent / "binn/test_table.py"
    names = [__file__, f"{table}::test_outputs_are_learned_side_by_side_to_the_same_numbers"]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--noconftest", *names]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTEST_")} | {ALONE: "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "1 skipped" in done.stdout, done.stdout
