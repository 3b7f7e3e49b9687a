"""JAX's cache of compiled functions, which all runs share: entries that are there whole or not at all."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from binn_cli.whole_file import write_whole


@functools.cache
def keep_entries_whole() -> None:
    """Have JAX write each entry under a temporary name and move it into place.

    JAX writes entries where they are read from. A run that is killed meanwhile would leave a part of one for good, and
    two runs that compile the same at once may read each other's halves: both cost a warning and a compilation in every
    later run. Nothing happens with a version of JAX whose cache is another one.
    """
    try:
        from jax._src.lru_cache import _CACHE_SUFFIX, LRUCache

        original = LRUCache.put
    except (ImportError, AttributeError):
        return

    def put(self: Any, key: str, value: bytes) -> None:
        """Write one entry whole."""
        directory = getattr(self, "path", None)
        if not key or getattr(self, "eviction_enabled", True) or not isinstance(directory, Path):
            original(self, key, value)
            return
        path = directory / f"{key}{_CACHE_SUFFIX}"
        if path.exists():
            return
        write_whole(path, value)

    patched: Any = LRUCache
    patched.put = put
