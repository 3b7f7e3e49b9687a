"""When Python searches for garbage."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref

from binn_cli.garbage import search_again, search_postponed


class Knot:
    """An object that only a search can free."""

    def __init__(self) -> None:
        self.itself = self


def freed_by_search() -> bool:
    knot = weakref.ref(Knot())
    gc.collect()
    return knot() is None


def test_search_is_postponed_until_it_is_asked_for_or_the_block_is_over() -> None:
    assert gc.isenabled()
    with search_postponed():
        assert not gc.isenabled()
        with search_postponed():
            pass
        assert not gc.isenabled(), "the outer block decides"
        frozen = gc.get_freeze_count()
        search_again()
        assert gc.isenabled() and gc.get_freeze_count() > frozen
        assert freed_by_search(), "what is made later is searched"
    assert gc.isenabled()
    gc.unfreeze()


def test_nothing_is_left_off_after_an_error() -> None:
    try:
        with search_postponed():
            raise ZeroDivisionError
    except ZeroDivisionError:
        assert gc.isenabled()


def test_a_verb_ends_without_a_search() -> None:
    code = (
        "import atexit, gc\nfrom binn_cli.cli import main\n"
        "atexit.register(lambda: print(gc.get_freeze_count() > 1000))\n"  # runs after what was registered later
        "main(['show', 'nothing'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip().endswith("True")
