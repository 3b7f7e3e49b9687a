"""The verb `predict`: what the surrogate of a run says at the points of a file, block by block, so that their number
does not matter."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from binn_cli.compiled_code import prepare_jax
from binn_cli.config.ranges import did_you_mean
from binn_cli.config.schema.table import TableConfig
from binn_cli.datasets.columns.column_file import Reading
from binn_cli.datasets.product import Axis
from binn_cli.datasets.rows import ahead
from binn_cli.datasets.table import reading_options
from binn_cli.errors import BinnError, DataError
from binn_cli.models.scope import Scope
from binn_cli.models.surrogate import FittedSurrogate
from binn_cli.prediction.answer_files import AnswerFile, opened_for_answers, require_kind
from binn_cli.prediction.blocks import Answer, Outsiders, answers_at_points, answers_on_grid
from binn_cli.prediction.points import GridOfPoints, TableOfPoints, points_of
from binn_cli.restoring import restored

READING = ("separator", "decimal", "comment", "encoding", "units_row", "missing_values")


def predict(run: Path, points: Path, out: Path, options: Sequence[str], *, refuse: bool, std: bool, grid: bool) -> int:
    """Write what the surrogate of a run says at the points of a file.

    Args:
        run: directory of the run, or its results file.
        points: a table of any kind that `dataset=table` reads, or the axes of a grid.
        out: the file to write; its ending says of which kind.
        options: `KEY=VALUE`, how the file of points is written.
        refuse: whether points outside the training range are an error.
        std: whether standard deviations are wanted.
        grid: whether every column of the file is an axis.

    Returns:
        The exit status.

    Raises:
        BinnError: if the run has no surrogate, the points cannot be used, or the file cannot be written.
    """
    require_kind(out)
    if out.exists() and points.exists() and out.samefile(points):
        raise BinnError(f"{out}: is the file of points itself; name another for the predictions")
    prepare_jax()
    learned = restored(run)
    surrogate, scope = learned.surrogate, learned.scope
    asked = points_of(points, replace(reading_of(options), choices=scope.choices), scope, grid=grid)
    if asked.unused:
        print(f"{points.name}: not used: {', '.join(asked.unused)}", file=sys.stderr)
    if not scope.is_bounded:
        print("the surrogate does not say where it was trained, so that no point is flagged", file=sys.stderr)
    axes = asked.axes if isinstance(asked, GridOfPoints) else ()
    outsiders = Outsiders(scope)
    with opened_for_answers(out, scope, axes) as file:
        for answer in _written(file, _answers(surrogate, scope, asked, std)):
            outsiders.see(answer)
            if refuse and outsiders.count:
                where = f", {asked.file.place(outsiders.first)}" if isinstance(asked, TableOfPoints) else ""
                raise BinnError(
                    f"{points}{where}: {outsiders.sentence}; leave such points out, or allow them with --outside=warn"
                )
        if outsiders.total == 0:
            raise DataError(f"{points}: holds no point; give at least one row below the names")
    if outsiders.sentence:
        print(f"{outsiders.sentence}; the column outside flags them", file=sys.stderr)
    if out != Path("-"):
        print(out)
    return 0


def _answers(
    surrogate: FittedSurrogate, scope: Scope, asked: TableOfPoints | GridOfPoints, std: bool
) -> Iterator[Answer]:
    if isinstance(asked, GridOfPoints):
        axes: tuple[Axis, ...] = asked.axes
        return answers_on_grid(surrogate, scope, axes, std=std)
    return answers_at_points(surrogate, scope, ahead(asked.chunks()), std=std)


def _written(file: AnswerFile, answers: Iterator[Answer]) -> Iterator[Answer]:
    """The answers, each written while the next one is computed, once the caller has seen it."""
    with ThreadPoolExecutor(1, "write") as writer:
        writing = None
        for answer in answers:
            yield answer
            if writing is not None:
                writing.result()
            writing = writer.submit(file.write, answer)
        if writing is not None:
            writing.result()


def reading_of(options: Sequence[str]) -> Reading:
    """How a file is written, as `dataset=table` would be told: `separator=semicolon` and the like.

    Raises:
        BinnError: for any other key, or a value that it cannot have.
    """
    given: dict[str, Any] = {}
    for option in options:
        key, _, value = option.partition("=")
        key = key.removeprefix("dataset.")
        if key not in READING:
            raise BinnError(f'"{option}": points have the options {", ".join(READING)}{did_you_mean(key, READING)}')
        given[key] = value.strip("[]").split(",") if key == "missing_values" else value
    return reading_options(TableConfig(**given))
