"""Work shared out over two cores."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from binn_cli.models import cores
from binn_cli.models.cores import mapped_ahead, meanwhile, on_two_cores, side_by_side


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "available_cores", lambda: 2)


def test_two_are_worked_on_at_once_and_answers_are_in_order() -> None:
    meeting = threading.Barrier(2, timeout=30)

    def answer(item: int) -> tuple[int, int]:
        if item < 2:
            meeting.wait()  # nobody comes through alone
        return item, threading.get_ident()

    found = side_by_side(answer, range(5))
    assert [item for item, _ in found] == list(range(5))
    assert len({thread for _, thread in found}) == 2


def test_the_second_core_works_while_this_one_goes_on() -> None:
    meeting = threading.Barrier(2, timeout=30)
    answer = meanwhile(lambda: (meeting.wait(), threading.get_ident())[1])
    meeting.wait()
    assert answer() != threading.get_ident()


def test_what_is_shared_out_is_not_shared_out_again() -> None:
    def threads(_: int) -> set[int]:
        inner = on_two_cores(lambda _: threading.get_ident(), (0, 1))
        return {*inner, *mapped_ahead(lambda _: threading.get_ident(), (0, 1), 2), threading.get_ident()}

    assert [len(own) for own in side_by_side(threads, range(4))] == [1] * 4
    assert len(set(on_two_cores(lambda _: threading.get_ident(), (0, 1)))) == 2, "afterwards there is room again"


def test_an_error_is_raised_wherever_it_happens() -> None:
    def fail(item: int) -> int:
        if item == 1:
            raise ZeroDivisionError
        return item

    with pytest.raises(ZeroDivisionError):
        side_by_side(fail, range(3))


def test_ctrl_c_waits_for_nobody() -> None:
    begun, release = threading.Event(), threading.Event()
    main = threading.get_ident()

    def work(_: int) -> None:
        if threading.get_ident() == main:
            assert begun.wait(30)
            raise KeyboardInterrupt
        begun.set()
        release.wait(30)

    with pytest.raises(KeyboardInterrupt):
        side_by_side(work, range(2))
    release.set()


def test_the_other_core_heeds_what_this_one_ignores() -> None:
    def logarithm(_: int) -> float:
        return float(np.log(np.zeros(1))[0])

    with np.errstate(divide="ignore"):
        assert side_by_side(logarithm, range(4)) == [-np.inf] * 4


@pytest.fixture
def one_core(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(cores, "available_cores", lambda: 1)
    yield


@pytest.mark.usefixtures("one_core")
def test_one_core_does_all_itself() -> None:
    assert {threading.get_ident()} == set(side_by_side(lambda _: threading.get_ident(), range(3)))
    assert meanwhile(threading.get_ident)() == threading.get_ident()
