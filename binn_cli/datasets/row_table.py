"""Rows of inputs and outputs as one HDF5 file of two arrays, written part by part and moved into place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import h5py

from binn_cli.datasets.rows import Chunk
from binn_cli.errors import ConfigError
from binn_cli.whole_file import replacing

ROWS_IN_CHUNK = 2**14


def write_rows(
    path: Path,
    inputs: Sequence[str],
    outputs: Sequence[str],
    parts: Iterable[Chunk],
    *,
    rows: int | None = None,
    attributes: Callable[[], Mapping[str, Any]] = dict,
) -> None:
    """Write rows; a reader or a crash sees the whole file or none.

    Args:
        path: where to.
        inputs, outputs: names of the columns.
        parts: the rows, some at a time.
        rows: how many there will be, if that is known: then they lie in one piece.
        attributes: asked behind the last row for what is kept beside the rows.

    Raises:
        ConfigError: if the directory cannot be written to.
    """
    with cached_file(path) as temporary, h5py.File(temporary, "w") as file:
        tables = []
        for name, columns in (("inputs", inputs), ("outputs", outputs)):
            grows = {"maxshape": (None, len(columns)), "chunks": (ROWS_IN_CHUNK, len(columns))} if rows is None else {}
            table = file.create_dataset(name, (rows or 0, len(columns)), dtype="f8", **grows)
            table.attrs["columns"] = list(columns)
            tables.append(table)
        begin = 0
        for part in parts:
            end = begin + len(part[0])
            for table, values in zip(tables, part, strict=True):
                if rows is None:
                    table.resize(end, axis=0)
                table[begin:end] = values
            begin = end
        file.attrs.update(attributes())


@contextmanager
def cached_file(path: Path, *, durable: bool = False) -> Iterator[Path]:
    """A temporary path beside a file of the cache, which it takes the place of when all has gone well.

    Args:
        path: the file; its directory need not be there.
        durable: see `binn_cli.whole_file.replacing`.

    Raises:
        ConfigError: if the directory cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path, durable=durable) as temporary:
            yield temporary
    except OSError as error:
        problem = f"{path.parent} cannot be written ({error.strerror or error}); name a directory with enough room"
        raise ConfigError("dataset.cache", problem) from error
