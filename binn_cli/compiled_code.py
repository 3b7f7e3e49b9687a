"""What JAX compiles is kept from run to run, whatever becomes of the place where it is kept."""

from __future__ import annotations

import logging
import os
import sys
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

LOG = logging.getLogger("binn")

DIRECTORY = "JAX_COMPILATION_CACHE_DIR"
"""The variable from which JAX takes where it keeps compiled code."""
TROUBLE = "persistent compilation cache entry"
"""What JAX's warnings about that place have in common."""


def prepare_jax() -> None:
    """Let JAX keep what it compiled in the user's cache directory, unless it is told where; must come before the first
    import of jax.

    A directory that can only be read is read. Each kind of processor has a directory of its own: on a cluster whose
    machines differ, homes are shared, and code for one processor may end a process on another.
    """
    os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    if DIRECTORY in os.environ:
        return
    directory = _user_cache() / "binn" / "jax" / _processor()
    with suppress(OSError, RuntimeError):
        directory.mkdir(parents=True, exist_ok=True)
    if os.access(directory, os.R_OK | os.X_OK):
        os.environ[DIRECTORY] = str(directory)


@contextmanager
def cache_trouble_logged() -> Iterator[None]:
    """Say in the log, once, that compiled code could not be read or kept, which costs time and nothing else; JAX would
    warn each time.

    Code that a process left half written when it was stopped is removed: JAX would neither use nor replace it.
    """
    told: set[str] = set()
    before = warnings.showwarning

    def show(message: Warning | str, *arguments: Any, **options: Any) -> None:
        """As Python would, but for what is said of the cache."""
        text = str(message)
        if TROUBLE not in text:
            before(message, *arguments, **options)
            return
        what = "read" if text.startswith("Error reading") else "kept"
        if what not in told:
            told.add(what)
            reason = text.partition("': ")[2] or text
            LOG.warning(
                "compiled code in %s cannot be %s (%s); compiling takes longer", os.environ.get(DIRECTORY), what, reason
            )

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before
        if "read" in told:
            remove_damaged(Path(os.environ.get(DIRECTORY, "")))


def remove_damaged(directory: Path) -> int:
    """Remove compiled code that is cut short; gives how many files that were."""
    removed = 0
    for path in directory.glob("*-cache"):
        with suppress(OSError):
            if not _whole(path.read_bytes()):
                path.unlink()
                removed += 1
    return removed


def _whole(content: bytes) -> bool:
    """Whether a file is not one of zlib's that ends too early; JAX may compress in other ways, of which nothing is
    known here."""
    if content and content[0] != 0x78:  # what a stream of zlib begins with
        return True
    try:
        return bool(zlib.decompress(content))
    except zlib.error:
        return False


def _processor() -> str:
    """Eight hexadecimal digits for all that the processor can do."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        import platform

        lines = [f"flags: {platform.machine()} {platform.processor()}"]
    # x86 calls them flags, ARM features.
    known = {
        line.partition(":")[2]
        for line in lines
        if line.lower().startswith(("flags", "features", "model name", "cpu part"))
    }
    return sha256("\n".join(sorted(known)).encode()).hexdigest()[:8]


def _user_cache() -> Path:
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
