"""Answers that somebody has told, kept in the directory of a run: one file for each, whole or not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from binn_cli.datasets.product import Axis
from binn_cli.datasets.simulator.answers import Answer
from binn_cli.datasets.simulator.decoding import Field
from binn_cli.errors import BinnError
from binn_cli.whole_file import replacing

DIRECTORY = "told"
"""Of all such files, in the directory of the run."""


def keep(run: Path, answers: Sequence[Answer]) -> None:
    """Add answers to those that are kept; a later one about the same case replaces an earlier one.

    Raises:
        BinnError: if they cannot be written.
    """
    place = run / DIRECTORY
    try:
        place.mkdir(exist_ok=True)
        first = 1 + max((int(path.stem) for path in place.glob("*.npz")), default=0)
        for number, answer in enumerate(answers, first):
            with replacing(place / f"{number:06d}.npz", durable=True) as temporary, temporary.open("wb") as file:
                np.savez(file, **_arrays(answer))
    except OSError as error:
        raise BinnError(
            f"{place}: cannot be written ({error.strerror}); nothing of the answers is lost, tell them again"
        ) from error


def kept(run: Path) -> list[Answer]:
    """All answers that were told, the last one of every case."""
    found: dict[bytes, Answer] = {}
    for path in sorted((run / DIRECTORY).glob("*.npz")):
        try:
            with np.load(path, allow_pickle=False) as file:
                answer = _answer(dict(file), str(path))
        except (OSError, ValueError, KeyError) as error:
            raise BinnError(f"{path}: cannot be read ({error}); move it away, and tell that case again") from error
        found.pop(answer.point.tobytes(), None)
        found[answer.point.tobytes()] = answer
    return list(found.values())


def _arrays(answer: Answer) -> dict[str, Any]:
    texts = {"status": np.array(answer.status), "reason": np.array(answer.reason)}
    arrays: dict[str, Any] = {"point": answer.point, "seconds": np.array(answer.seconds), **texts}
    if answer.field is not None:
        arrays |= {"values": answer.field.values, "units": np.array(answer.field.units, dtype=str)}
        for i, axis in enumerate(answer.field.axes):
            arrays |= {f"axis_{i}_points": axis.points, f"axis_{i}_name": np.array(axis.name)}
            arrays |= {
                f"axis_{i}_coordinates": np.array(axis.coordinates, dtype=str),
                f"axis_{i}_units": np.array(axis.units, dtype=str),
            }
    return arrays


def _answer(arrays: dict[str, np.ndarray], place: str) -> Answer:
    field = None
    if "values" in arrays:
        axes: list[Axis] = []
        while f"axis_{len(axes)}_points" in arrays:
            start = f"axis_{len(axes)}_"
            coordinates, units = (
                tuple(str(text) for text in arrays[start + name]) for name in ("coordinates", "units")
            )
            axes.append(Axis(str(arrays[f"{start}name"]), arrays[f"{start}points"], coordinates, units))
        field = Field(tuple(axes), arrays["values"], tuple(str(unit) for unit in arrays["units"]))
    return Answer(arrays["point"], str(arrays["status"]), field, str(arrays["reason"]), float(arrays["seconds"]), place)
