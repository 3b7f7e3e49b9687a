"""An HDF5 file that other programs may have open too: waited for, and known again by its stamp."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from binn_cli.datasets.columns.opening import reported
from binn_cli.errors import DataError

PATIENCE = 10.0
"""Seconds that a reader waits for another program that has the file open for writing."""


@dataclass(frozen=True)
class Stamp:
    """What tells a file from what stands in its place later.

    Attributes:
        identity: device and number of the file, which stay while it is written to.
        size: bytes.
        modified: when it was last written to, in nanoseconds.
    """

    identity: tuple[int, int]
    size: int
    modified: int

    @classmethod
    def of(cls, path: Path) -> Stamp:
        """The stamp of a file.

        Raises:
            DataError: if there is none.
        """
        with reported(path):
            status = path.stat()
        return cls((status.st_dev, status.st_ino), status.st_size, status.st_mtime_ns)


def opened(path: Path) -> Any:
    """An HDF5 file, open for reading.

    Raises:
        DataError: if there is none, another program keeps it locked, or it is cut short.
    """
    import h5py

    until = time.monotonic() + PATIENCE
    while True:
        try:
            return h5py.File(path, "r")
        except BlockingIOError as error:
            if time.monotonic() > until:
                raise DataError(
                    f"{path}: is open for writing in another program; close it there first, or read a copy"
                ) from error
            time.sleep(0.1)
        except (FileNotFoundError, PermissionError):
            with reported(path):
                raise
        except OSError as error:
            raise DataError(f"{path}: {_problem(path, str(error))}") from error


def _problem(path: Path, said: str) -> str:
    """What is the matter with a file that the library does not open."""
    if "truncated file" in said:
        return (
            f"is cut short: the end of the HDF5 file is missing ({path.stat().st_size:,} bytes are there); copy "
            f"it again"
        )
    if "already open for write" in said or "file consistency flags" in said:
        return "is still being written, or its writer was killed; close the writer, or repair the file with h5clear -s"
    return f"cannot be read as HDF5 ({' '.join(said.split())}); write or copy it again"


def first_lost_row(array: Any, size: int) -> int:
    """The first row of an array whose bytes lie beyond the size of the file, or the number of rows."""
    rows = int(array.shape[0])
    if array.chunks is None:
        offset = array.id.get_offset()
        if offset is None:  # compact: within the header
            return rows
        return min(rows, max(0, size - offset) * rows // max(array.nbytes, 1))
    if array.id.get_num_chunks() == 0:
        return rows
    infos = (array.id.get_chunk_info(i) for i in range(array.id.get_num_chunks()))
    return min((info.chunk_offset[0] for info in infos if info.byte_offset + info.size > size), default=rows)
