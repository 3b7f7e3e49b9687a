"""Simulated slabs kept on disk: one file each, found by a hash of everything that affects its values."""

from __future__ import annotations

import hashlib
import json
import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from binn_cli.whole_file import replacing

log = logging.getLogger(__name__)

Description = Mapping[str, object]
"""What determines a slab: JSON-able values, by name."""


class SlabCache:
    """A folder of arrays; safe for several processes at once, and never a reason to fail.

    A file is written under a temporary name and moved into place, so that a reader sees a whole file or none; two
    processes that compute the same slab write the same content, and the last one wins. A damaged file is computed anew,
    and a folder that cannot be written to means no cache; a warning says so.
    """

    def __init__(self, directory: str) -> None:
        """`directory` is made when first needed, relative to the working directory of now; an empty string switches the
        cache off."""
        self._directory = Path(directory).absolute() if directory else None
        self._writable = True

    def path(self, label: str, description: Description) -> Path | None:
        """The file of a slab: a readable label and the hash of its description; None where the cache is off."""
        if self._directory is None:
            return None
        digest = hashlib.sha256(json.dumps(description, sort_keys=True).encode()).hexdigest()
        return self._directory / f"{label}-{digest[:32]}.npz"

    def load(self, label: str, description: Description, shape: tuple[int, ...]) -> Float[np.ndarray, "*shape"] | None:
        """The slab, or None where there is none that can be read."""
        path = self.path(label, description)
        if path is None:
            return None
        try:
            return _read(path, shape)
        except FileNotFoundError:
            return None
        except Exception as error:  # a damaged archive raises nearly anything
            log.warning("the cached file %s cannot be read (%s); computing it again", path, error)
            return None

    def store(self, label: str, description: Description, values: Float[np.ndarray, "*shape"]) -> None:
        """Keep a slab, with its description beside it; a failure to write is a warning, given once."""
        path = self.path(label, description)
        if path is None or not self._writable:
            return
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, values, json.dumps(description, sort_keys=True))
        except OSError as error:
            self._writable = False
            log.warning("cannot write to the cache %s (%s); going on without it", path.parent, error)


def _read(path: Path, shape: tuple[int, ...]) -> Float[np.ndarray, "*shape"]:
    with path.open("rb") as file:
        with zipfile.ZipFile(file) as archive:
            # NumPy reads no further than an array's header tells it to and so may miss the checksum at the end.
            if (damaged := archive.testzip()) is not None:
                raise ValueError(f"{damaged} is damaged")
        file.seek(0)
        with np.load(file, allow_pickle=False) as arrays:
            values = np.asarray(arrays["values"], dtype=np.float64)
    if values.shape != shape or not np.isfinite(values).all():
        raise ValueError(f"holds an array of shape {values.shape} where finite values of shape {shape} belong")
    return values


def _write(path: Path, values: Float[np.ndarray, "*shape"], description: str) -> None:
    # Not flushed to the disk: solving anew takes less time, and a file that a crash cut short is found damaged.
    with replacing(path) as temporary, temporary.open("xb") as file:
        np.savez(file, values=values, description=np.array(description))
