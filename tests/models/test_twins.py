"""Work shared with a fork of this process."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

import pytest

from binn_cli.models import cores, twins
from binn_cli.models.twins import side_by_side, twins_allowed

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="there are forks on Linux only"),
    pytest.mark.filterwarnings("ignore:os.fork"),  # other tests have imported JAX, whose functions no twin calls here
]


@pytest.fixture(autouse=True)
def two_cores_without_jax(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twins, "available_cores", lambda: 2)
    monkeypatch.setattr(cores, "available_cores", lambda: 2)
    monkeypatch.delitem(sys.modules, "jax", raising=False)


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
