"""Python's search for garbage, which start-up and end can do without: half a million objects are made when modules are
imported, none of them garbage, and all are searched again and again.
"""

from __future__ import annotations

import atexit
import gc
from collections.abc import Iterator
from contextlib import contextmanager


def end_without_search() -> None:
    """Let the program end without searching all that it has imported, for a third of a second."""
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)


@contextmanager
def search_postponed() -> Iterator[None]:
    """No search until `search_again`, at the latest until the block is over."""
    postponed = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if postponed:
            gc.enable()


def search_again() -> None:
    """Search from now on, if it was postponed, but nothing of what there is now."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
