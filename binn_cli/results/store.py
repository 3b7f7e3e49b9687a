"""The results file: one HDF5 file per run, which other programs read (schema `binn-results/1`), written whole or not at
all."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from binn_cli.errors import BinnError
from binn_cli.models.scope import KEY as SCOPE
from binn_cli.results import steps as step_groups
from binn_cli.results.answers import read_answers, write_answers
from binn_cli.results.calls import read_calls, write_calls
from binn_cli.results.dimensions import TEXT, dataset, scale, scaled_group, values_of
from binn_cli.results.record import Header, Predictions, RunRecord
from binn_cli.results.surface import read_surface, write_surface
from binn_cli.results.tree import attribute, read_tree, scalar, write_tree
from binn_cli.whole_file import write_whole

SCHEMA = "binn-results/1"
FILE_NAME = "results.h5"

_ROOT = ("task", "dataset", "model", "config_id", "seed")
_TABLES = ("truth", "mean", "std_epistemic", "std_total")


def write(path: Path, record: RunRecord) -> None:
    """Write a run's file so that a reader or a crash sees either the old file or the new one, whole.

    Raises:
        BinnError: if the directory cannot be written to or the disk is full; a file that was there stays as it was.
        TypeError: if the surrogate or the state holds what cannot be kept.
    """
    _replace(path, _image(record))


def _replace(path: Path, image: bytes) -> None:
    try:
        write_whole(path, image, durable=True)
    except OSError as error:
        raise BinnError(
            f"cannot write {path}: {error.strerror or error}; free some space or choose another output.root"
        ) from error


def mark_failed(path: Path, reason: str) -> None:
    """Say in the file of a run whose process has ended without a word why it did; nothing else in it changes.

    Raises:
        BinnError: if the file cannot be read or written.
    """
    with opened(path):
        pass
    image = io.BytesIO(path.read_bytes())
    with h5py.File(image, "r+") as file:
        file.attrs["status"] = "failed"
        file.attrs["reason"] = attribute(reason, "reason")
    _replace(path, image.getvalue())


def clear_leftovers(path: Path) -> None:
    """Remove what a writer of `path` left behind when it was killed half-way."""
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        leftover.unlink(missing_ok=True)


@contextmanager
def opened(path: Path) -> Iterator[h5py.File]:
    """A run's file for reading; what goes wrong with it, here or inside the block, becomes one sentence.

    Raises:
        BinnError: if there is no such file, or it is cut short, damaged, of a newer version, or not one that this
            program wrote.
    """
    if not path.is_file():
        raise BinnError(f"there is no results file {path}; name a run's directory or its {FILE_NAME}")
    try:
        with h5py.File(path, "r") as file:
            _require_schema(path, file.attrs.get("schema"))
            yield file
    except PermissionError as error:
        raise BinnError(f"cannot read {path}: {error.strerror or error}") from error
    except (OSError, RuntimeError) as error:
        raise BinnError(
            f"{path} is not an HDF5 file, or it was cut short or damaged; run the experiment again"
        ) from error
    except (KeyError, ValueError, AttributeError, TypeError) as error:
        raise BinnError(f"{path} lacks a part that every results file has: {error}") from error


def _require_schema(path: Path, schema: object) -> None:
    if schema == SCHEMA:
        return
    family, _, number = SCHEMA.rpartition("/")
    found = re.fullmatch(rf"{family}/(\d+)", schema if isinstance(schema, str) else "")
    if found is not None and int(found.group(1)) > int(number):
        raise BinnError(
            f"{path} was written by a newer version of this program ({schema}, and this one reads {SCHEMA}); update "
            f"binn"
        )
    raise BinnError(f"{path} is not a results file of this program: its schema is {schema!r}, not {SCHEMA!r}")


def read(path: Path, *, arrays: bool = True, provenance: bool = True, surrogate: bool = True) -> RunRecord:
    """Read a run's file.

    Args:
        path: the file.
        arrays: whether also predictions, surrogate, state, surface and groups inside of answers are read, which may be
            large, and diagnostics, which are many.
        provenance: whether that is read as well; forty short texts take as long as all scores.
        surrogate: whether that is among the arrays.

    Raises:
        BinnError: if there is no such file, or it is cut short, damaged, or not one that this program wrote.
    """
    with opened(path) as file:
        return _read_record(file, arrays, provenance, surrogate)


def read_surrogate(path: Path) -> RunRecord:
    """What restoring the surrogate needs of a run's file: neither its data nor its measurements are read.

    The predictions are read only of a file of an older version, which says nowhere else what the inputs are.

    Raises:
        BinnError: as `read`.
    """
    with opened(path) as file:
        record = _read_record(file, arrays=False, provenance=True)
        surrogate = read_tree(file["surrogate"]) if "surrogate" in file else None
        older = surrogate is not None and SCOPE not in surrogate and "predictions" in file
        return replace(
            record, surrogate=surrogate, predictions=_read_predictions(file["predictions"]) if older else None
        )


def _image(record: RunRecord) -> bytes:
    # built in memory: HDF5 does not survive a full disk gracefully, a plain write does
    with h5py.File("results", "w", driver="core", backing_store=False) as file:
        _write_record(file, record)
        file.flush()
        return file.id.get_file_image()


def _write_record(file: h5py.File, record: RunRecord) -> None:
    header = record.header
    file.attrs["schema"] = SCHEMA
    file.attrs["status"] = record.status
    for name in _ROOT:
        file.attrs[name] = attribute(getattr(header, name), name)
    if header.note:
        file.attrs["note"] = attribute(header.note, "note")
    if record.conclusion:
        file.attrs["conclusion"] = attribute(record.conclusion, "conclusion")
    if record.reason is not None:
        file.attrs["reason"] = attribute(record.reason, "reason")
    file.create_dataset("config", data=header.config, dtype=TEXT)
    scale(file, "output", np.array(record.outputs, dtype=object))
    provenance = file.create_group("provenance")
    for name, value in record.provenance.items():
        provenance.attrs[name] = attribute(value, f"provenance/{name}")
    step_groups.write_steps(file, record)
    if record.predictions is not None:
        _write_predictions(file, record.predictions)
    if record.surface is not None:
        write_surface(file, record.surface)
    if record.calls is not None:
        write_calls(file, record.calls)
    write_answers(file, record.answers)
    for name in ("surrogate", "state"):
        tree = getattr(record, name)
        if tree is not None:
            write_tree(file, name, tree)


def _read_record(file: h5py.File, arrays: bool, provenance: bool, surrogate: bool = True) -> RunRecord:
    parts = set(file) - (set() if surrogate else {"surrogate"}) if arrays else set()
    attributes: dict[str, Any] = {name: scalar(value) for name, value in file.attrs.items()}
    header = Header(
        config=config_text(file), **{name: attributes[name] for name in _ROOT}, note=attributes.get("note", "")
    )
    return RunRecord(
        header=header,
        status=str(attributes["status"]),
        reason=attributes.get("reason"),
        provenance={name: scalar(value) for name, value in file["provenance"].attrs.items()} if provenance else {},
        steps=step_groups.read_steps(file, diagnostics=arrays),
        outputs=_names(file["output"]),
        predictions=_read_predictions(file["predictions"]) if "predictions" in parts else None,
        surface=read_surface(file["surface"]) if "surface" in parts else None,
        surrogate=read_tree(file["surrogate"]) if "surrogate" in parts else None,
        state=read_tree(file["state"]) if "state" in parts else None,
        calls=read_calls(file["calls"]) if "calls" in file else None,
        conclusion=str(attributes.get("conclusion", "")),
        answers=read_answers(file, inner=arrays),
    )


def config_text(file: h5py.File) -> str:
    """The resolved configuration as YAML."""
    return str(file["config"].asstr()[()])


def _write_predictions(file: h5py.File, predictions: Predictions) -> None:
    kept = np.arange(len(predictions.inputs)) * predictions.stride
    scales = {"point": kept, "input": _texts(predictions.input_names), "output": _texts(predictions.output_names)}
    group = scaled_group(file, "predictions", scales)
    dataset(group, "inputs", predictions.inputs, ("point", "input"))
    for name in _TABLES:
        dataset(group, name, np.asarray(getattr(predictions, name), dtype=np.float64), ("point", "output"))
    dataset(group, "input_units", _texts(predictions.input_units), ("input",))
    dataset(group, "output_units", _texts(predictions.output_units), ("output",))
    group.attrs["stride"] = np.int64(predictions.stride)
    group.attrs["n_points_total"] = np.int64(predictions.n_points_total)


def _read_predictions(group: h5py.Group) -> Predictions:
    return Predictions(
        inputs=values_of(group["inputs"]),
        **{name: values_of(group[name]) for name in _TABLES},
        input_names=_names(group["input"]),
        output_names=_names(group["output"]),
        stride=int(group.attrs["stride"]),
        n_points_total=int(group.attrs["n_points_total"]),
        input_units=_names(group["input_units"]),
        output_units=_names(group["output_units"]),
    )


def _texts(names: Sequence[str]) -> np.ndarray:
    return np.array(names, dtype=object)


def _names(found: h5py.Dataset) -> tuple[str, ...]:
    return tuple(str(name) for name in values_of(found))
