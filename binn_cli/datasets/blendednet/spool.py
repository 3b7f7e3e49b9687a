"""The rows of many cases as one table on the disk, for models that read it chunk by chunk on every pass."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from binn_cli.datasets.blendednet.cache import Cache
from binn_cli.datasets.blendednet.inputs import Inputs
from binn_cli.datasets.blendednet.selection import Case
from binn_cli.datasets.columns.column_file import Reading
from binn_cli.datasets.columns.hdf5_file import Hdf5File
from binn_cli.datasets.columns.streaming import FileRows
from binn_cli.datasets.dataset import Announce
from binn_cli.datasets.row_table import write_rows
from binn_cli.datasets.rows import Chunk

SPOOL = "rows-"
"""What the names of the files begin with."""


def spooled(
    cases: Sequence[Case],
    cache: Cache,
    inputs: Inputs,
    outputs: Sequence[str],
    stride: int,
    directory: Path,
    announce: Announce,
) -> FileRows:
    """All points of the cases, one case behind the other, written once; one case is in memory at a time.

    Args:
        cases: converted cases.
        cache: where they are.
        inputs: the columns that are inputs.
        outputs: those that are outputs.
        stride: one in so many points of every mesh is kept.
        directory: where the table is kept, under a name that changes with its content.
        announce: told how far writing has come.

    Raises:
        DataError: if a case lacks an output or has values that are not finite.
        ConfigError: if the directory cannot be written to.
    """
    origin = [[cache.stamp(case), str(cache.path(case)), inputs.of_case(case)] for case in cases]
    content = json.dumps([origin, inputs.names, list(outputs), stride])
    path = directory / f"{SPOOL}{hashlib.sha256(content.encode()).hexdigest()[:16]}.h5"
    if not path.is_file():
        sizes = [-(-cache.size(case) // stride) for case in cases]
        write_rows(path, inputs.names, outputs, _rows(cases, cache, inputs, outputs, stride, announce), rows=sum(sizes))
    file = Hdf5File.of(path, Reading())
    return FileRows(file, tuple(inputs.names), tuple(outputs), file.count(inputs.names))


def _rows(
    cases: Sequence[Case], cache: Cache, inputs: Inputs, outputs: Sequence[str], stride: int, announce: Announce
) -> Iterator[Chunk]:
    for i, case in enumerate(cases):
        announce("writing rows of cases", i, len(cases))
        points = cache.coordinates(case, inputs.of_points, stride)
        own = np.broadcast_to(inputs.of_case(case), (len(points), len(inputs.names) - len(inputs.of_points)))
        yield np.concatenate([points, own], axis=1), cache.values(case, outputs, stride)
