"""The group /calls of a results file: what became of every case that a solver was asked for."""

from __future__ import annotations

import h5py
import numpy as np

from binn_cli.datasets.calls import (
    ABANDONED,
    COMPLETE,
    FAILED,
    KNOWN,
    NO_ROUND,
    PENDING,
    SIMULATED,
    STORED,
    TIMED_OUT,
    TOLD,
    Call,
    Calls,
)
from binn_cli.results.dimensions import TEXT, dataset, scaled_group, values_of
from binn_cli.results.tree import attribute

__all__ = [
    "ABANDONED",
    "COMPLETE",
    "FAILED",
    "KNOWN",
    "NO_ROUND",
    "PENDING",
    "SIMULATED",
    "STORED",
    "TIMED_OUT",
    "TOLD",
    "Call",
    "Calls",
    "read_calls",
    "write_calls",
]

_TEXTS = ("status", "reason", "source", "directory")
_NUMBERS = {"seconds": np.float64, "round": np.int64, "attempts": np.int64}
_CHOICES = "choices_"


def write_calls(file: h5py.File, calls: Calls) -> None:
    """Write all calls along a dimension `call`; a parameter of texts stands there as places among its choices, which
    are kept too."""
    names = np.array(calls.names, dtype=object)
    group = scaled_group(file, "calls", {"call": np.arange(len(calls.each)), "parameter": names})
    points = np.array([call.parameters for call in calls.each], dtype=np.float64).reshape(
        len(calls.each), len(calls.names)
    )
    dataset(group, "parameters", points, ("call", "parameter"))
    for name in _TEXTS:
        dataset(
            group,
            name,
            np.array([attribute(getattr(call, name), name) for call in calls.each], dtype=object),
            ("call",),
        )
    for name, kind in _NUMBERS.items():
        dataset(group, name, np.array([getattr(call, name) for call in calls.each], dtype=kind), ("call",))
    group["seconds"].attrs["units"] = "s"
    for name, texts in calls.choices.items():
        place = calls.names.index(name)
        group.attrs.create(f"{_CHOICES}{place}", np.array(list(texts), dtype=object), dtype=TEXT)


def read_calls(group: h5py.Group) -> Calls:
    """The calls that `write_calls` wrote."""
    names = tuple(str(name) for name in values_of(group["parameter"]))
    columns = {name: values_of(group[name]) for name in (*_TEXTS, *_NUMBERS)}
    points = values_of(group["parameters"])
    each = tuple(
        Call(
            parameters=tuple(float(value) for value in points[i]),
            status=str(columns["status"][i]),
            round=int(columns["round"][i]),
            seconds=float(columns["seconds"][i]),
            reason=str(columns["reason"][i]),
            source=str(columns["source"][i]),
            attempts=int(columns["attempts"][i]),
            directory=str(columns["directory"][i]),
        )
        for i in range(len(points))
    )
    choices = {
        names[int(key.removeprefix(_CHOICES))]: [str(text) for text in value]
        for key, value in group.attrs.items()
        if key.startswith(_CHOICES)
    }
    return Calls(names, each, choices)
