"""The verb `export`: the surrogate of a run as an evaluator that needs nothing of this program."""

from __future__ import annotations

import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from binn_cli import __version__
from binn_cli.errors import BinnError
from binn_cli.exporting.flattening import FORMAT, flattened
from binn_cli.exporting.fmu import source, write_fmus
from binn_cli.exporting.weights_file import write_weights
from binn_cli.learned import Learned
from binn_cli.restoring import restored

CHECKED = 200
"""Points at which the evaluator is checked."""
TOLERANCE = 1e-12
"""Share of an output's size by which the evaluator may differ, unless the surrogate itself is not so exact."""


def export(run: Path, directory: Path, *, fmu: bool, onnx: bool = False) -> int:
    """Write the evaluator of a run's surrogate into a new directory.

    Args:
        run: directory of the run, or its results file.
        directory: what is written is whole, or not there.
        fmu: whether FMUs are compiled too.
        onnx: whether an ONNX graph is written too.

    Returns:
        The exit status.

    Raises:
        BinnError: if the model cannot be exported, the directory is there already, or there is no C compiler for the
            FMUs.
    """
    if directory.exists():
        raise BinnError(f"{directory}: is there already; name a new directory")
    learned = restored(run)
    arrays = flattened(learned.surrogate, learned.model.name, learned.scope)
    temporary = directory.with_name(f".{directory.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        _write(temporary, learned, arrays, fmu=fmu, onnx=onnx)
        temporary.rename(directory)
    except OSError as error:
        raise BinnError(f"{directory}: cannot be written ({error.strerror or error})") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    print(directory)
    return 0


def _write(directory: Path, learned: Learned, arrays: dict, *, fmu: bool, onnx: bool) -> None:
    np.savez(directory / "weights.npz", **arrays)
    write_weights(directory / "weights.bin", arrays)
    template = files("binn_cli.exporting")
    (directory / "evaluator.py").write_text((template / "evaluator.py").read_text(encoding="utf-8"), encoding="utf-8")
    (directory / "test_evaluator.py").write_text(
        (template / "check_template.py").read_text(encoding="utf-8"), encoding="utf-8"
    )
    for name in ("surrogate.h", "surrogate.c"):
        (directory / name).write_text(source(name), encoding="utf-8")
    check: dict[str, Any] = _check(learned)
    np.savez(directory / "check.npz", **check)
    more = (
        "| `surrogate_fmi2.fmu`, `surrogate_fmi3.fmu` | FMUs for co-simulation, compiled for this system |\n"
        if fmu
        else ""
    )
    if onnx:
        from binn_cli.exporting.onnx_model import write_onnx

        write_onnx(directory / "surrogate.onnx", arrays)
        more += (
            "| `surrogate.onnx` | a graph in double precision: `points` to `mean`, `std_epistemic` and `std_total` |\n"
        )
    text = (template / "layout.md").read_text(encoding="utf-8")
    scope = learned.scope
    told = {"version": __version__, "model": learned.model.name, "format": FORMAT, "more": more}
    told |= {"inputs": ", ".join(scope.inputs), "outputs": ", ".join(scope.outputs)}
    for key, value in told.items():
        text = text.replace(f"{{{key}}}", value)
    (directory / "README.md").write_text(text, encoding="utf-8")
    if fmu:
        write_fmus(directory, scope, directory / "weights.bin")


def _check(learned: Learned) -> dict[str, np.ndarray]:
    """Points in the training range, what binn says there, and how exactly that can be said at all.

    A surrogate of data without noise solves systems that are nearly singular: the last digits then depend on how many
    points are asked about at once, and the tolerance is three times what that makes.
    """
    points = sample_points(learned)
    whole = [learned.predict(points)[name].values for name in ("mean", "std_epistemic", "std_total")]
    parts = [learned.predict(points[begin : begin + 7]) for begin in range(0, len(points), 7)]
    size = np.maximum(np.abs(whole[0]).max(axis=0), np.finfo(float).tiny)
    apart = max(
        float((np.abs(np.concatenate([part[name].values for part in parts]) - values).max(axis=0) / size).max())
        for name, values in zip(("mean", "std_epistemic", "std_total"), whole, strict=True)
    )
    check = dict(zip(("mean", "std_epistemic", "std_total"), whole, strict=True))
    return {**check, "points": points, "size": size, "tolerance": np.array(max(TOLERANCE, 3.0 * apart))}


def sample_points(learned: Learned) -> np.ndarray:
    """(n, D) points spread over the training range and a little beyond, choices and whole numbers as they can be."""
    scope, rng = learned.scope, np.random.default_rng(0)
    low, high = (np.where(np.isfinite(part), part, default) for part, default in ((scope.low, 0.0), (scope.high, 1.0)))
    points = low + (high - low) * rng.uniform(0.0, 1.0, (CHECKED, len(low)))
    kinds = getattr(getattr(learned.surrogate, "encoding", None), "kinds", ())
    for column, kind in enumerate(kinds):
        if kind.name == "choice":
            points[:, column] = rng.choice(np.array(kind.levels), CHECKED)
        elif kind.name == "integer":
            points[:, column] = np.rint(points[:, column])
    return points
