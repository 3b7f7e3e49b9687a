"""The rows of many cases as one table on the disk, for models that read it chunk by chunk on every pass."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import h5py

from binn_cli.datasets.blendednet.cache import Cache
from binn_cli.datasets.blendednet.inputs import Inputs
from binn_cli.datasets.blendednet.selection import Case
from binn_cli.datasets.dataset import Announce
from binn_cli.datasets.hdf5_rows import Hdf5Rows
from binn_cli.errors import ConfigError

SPOOL = "rows-"
"""What the names of the files begin with."""


def spooled(
    cases: Sequence[Case], cache: Cache, inputs: Inputs, outputs: Sequence[str], stride: int, directory: Path, announce: Announce
) -> Hdf5Rows:
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
        try:
            _write(path, cases, cache, inputs, outputs, stride, announce)
        except OSError as error:
            problem = f"{directory} cannot be written ({error.strerror or error}); name a directory with enough room"
            raise ConfigError("dataset.cache", problem) from error
    return Hdf5Rows.of(path, inputs.names, outputs)


def _write(
    path: Path, cases: Sequence[Case], cache: Cache, inputs: Inputs, outputs: Sequence[str], stride: int, announce: Announce
) -> None:
    sizes = [-(-cache.size(case) // stride) for case in cases]
    width, begin = len(inputs.of_points), 0
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        with h5py.File(temporary, "w") as file:
            tables = {}
            for name, columns in (("inputs", inputs.names), ("outputs", tuple(outputs))):
                tables[name] = file.create_dataset(name, (sum(sizes), len(columns)), dtype="f8")
                tables[name].attrs["columns"] = list(columns)
            for i, (case, size) in enumerate(zip(cases, sizes, strict=True)):
                announce("writing rows of cases", i, len(cases))
                rows = slice(begin, begin + size)
                tables["inputs"][rows, :width] = cache.coordinates(case, inputs.of_points, stride)
                tables["inputs"][rows, width:] = inputs.of_case(case)
                tables["outputs"][rows] = cache.values(case, outputs, stride)
                begin += size
        os.replace(temporary, path)
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
