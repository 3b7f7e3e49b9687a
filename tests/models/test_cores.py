"""Work shared out over two cores."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from binn_cli.models import cores
from binn_cli.models.cores import mapped_ahead, meanwhile, on_two_cores, second_core_taken


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cores, "available_cores", lambda: 2)


def test_the_second_core_works_while_this_one_goes_on() -> None:
    meeting = threading.Barrier(2, timeout=30)
    answer = meanwhile(lambda: (meeting.wait(), threading.get_ident())[1])
    meeting.wait()
    assert answer() != threading.get_ident()


def test_a_core_that_is_taken_is_given_nothing() -> None:
    def threads() -> set[int]:
        inner = on_two_cores(lambda _: threading.get_ident(), (0, 1))
        return {*inner, *mapped_ahead(lambda _: threading.get_ident(), (0, 1), 2), meanwhile(threading.get_ident)()}

    with second_core_taken():
        assert threads() == {threading.get_ident()}
    assert len(threads()) > 1, "afterwards there is room again"


def test_the_other_core_heeds_what_this_one_ignores() -> None:
    with np.errstate(divide="raise"), pytest.raises(FloatingPointError):
        meanwhile(lambda: np.log(np.zeros(1)))()


@pytest.fixture
def one_core(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(cores, "available_cores", lambda: 1)
    yield


@pytest.mark.usefixtures("one_core")
def test_one_core_does_all_itself() -> None:
    assert meanwhile(threading.get_ident)() == threading.get_ident()
